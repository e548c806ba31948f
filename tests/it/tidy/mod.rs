//! What holds of the repository as a whole: that what is written about the program is true of it.

mod builds;
mod examples;
mod faults;
mod manual;
mod panics;
mod paths;
mod secrets;
mod written;

use std::path::{Path, PathBuf};

pub(crate) use secrets::{Spy, silent};

/// One file of the repository.
pub(crate) struct File {
    /// Relative to the repository, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every text file below a folder of the repository, sorted by path. What building leaves is not looked at.
pub(crate) fn files(below: &str) -> Vec<File> {
    let mut open = vec![root().join(below)];
    let mut found = Vec::new();
    while let Some(path) = open.pop() {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            if name != "target" && name != ".git" {
                open.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            }
        } else if let Ok(text) = std::fs::read_to_string(&path) {
            let path: PathBuf = path.strip_prefix(root()).unwrap().components().collect();
            found.push(File { path: path.to_string_lossy().into_owned(), text });
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(!found.is_empty(), "nothing is below `{below}`");
    found
}

/// The part of a source file that is compiled into the program, without comments.
pub(crate) fn code(text: &str) -> String {
    let text = text.split("\n#[cfg(test)]\n").next().unwrap_or_default();
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

#[test]
fn yaml_is_read_in_three_places() {
    let allowed = |path: &str| {
        path.starts_with("src/config/") || path.starts_with("src/source/") || path == "src/sandbox/seed.rs"
    };
    let named: Vec<String> =
        files("src").into_iter().filter(|file| code(&file.text).contains("serde_yaml")).map(|file| file.path).collect();
    assert!(named.len() >= 3, "{named:?}");
    assert_eq!(named.iter().filter(|path| !allowed(path)).collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn no_file_holds_two_ideas() {
    let long = |file: &File| file.path.ends_with(".rs") && file.text.lines().count() > 450;
    let long: Vec<String> = files("src").into_iter().filter(long).map(|file| file.path).collect();
    assert_eq!(long, Vec::<String>::new());
}

/// The functions of a text that are longer than 60 lines: the name of each, and what stands before it.
fn long_functions(text: &str) -> Vec<(String, String)> {
    let text = text.split("\n#[cfg(test)]\n").next().unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let mut long = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let plain = line.trim_start();
        let named = plain.split("fn ").nth(1).filter(|_| !plain.starts_with("//") && !plain.ends_with(';'));
        // Before `fn` stand words such as `pub(super)` and `async`, and nothing else.
        let begins = plain.split("fn ").next().unwrap_or_default();
        let begins = begins.chars().all(|c| c.is_ascii_lowercase() || " (:)".contains(c));
        let Some(name) = named.filter(|_| begins) else { continue };
        let end = format!("{}}}", &line[..line.len() - plain.len()]);
        let length = lines[at..].iter().position(|line| *line == end).map_or(0, |length| length + 1);
        if length > 60 {
            let before = lines[..at].iter().rev().take_while(|line| line.trim_start().starts_with(['/', '#']));
            let name = name.split(['(', '<']).next().unwrap_or_default().to_owned();
            long.push((name, before.copied().collect::<Vec<_>>().join("\n")));
        }
    }
    long
}

#[test]
fn no_long_function_is_without_a_reason() {
    let mut bare = Vec::new();
    let mut seen = 0;
    for file in files("src").iter().filter(|file| file.path.ends_with(".rs")) {
        for (name, before) in long_functions(&file.text) {
            seen += 1;
            if !before.contains("In one piece:") {
                bare.push(format!("{}: {name}", file.path));
            }
        }
    }
    assert!(seen > 0, "long functions are found");
    assert_eq!(bare, Vec::<String>::new());
}

#[test]
fn every_module_says_what_it_is_for() {
    let silent = |file: &File| file.path.ends_with(".rs") && !file.text.lines().any(|line| line.starts_with("//! "));
    let silent: Vec<String> = files("src").into_iter().filter(silent).map(|file| file.path).collect();
    assert_eq!(silent, Vec::<String>::new());
}

#[test]
fn nothing_is_left_for_later() {
    let later = ["TODO", "FIXME", "XXX", "todo!", "unimplemented!", "dbg!"];
    let mut found = Vec::new();
    for file in files("src") {
        let left = |line: &&str| later.iter().any(|word| line.contains(word));
        found.extend(file.text.lines().filter(left).map(|line| format!("{}: {line}", file.path)));
    }
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn no_file_names_the_machine_it_was_written_on() {
    let places = [concat!("/ho", "me/"), concat!("/Us", "ers/"), concat!("/ro", "ot/"), concat!("/tmp/", "wt")];
    let mut found = Vec::new();
    for file in files("") {
        // Kept by a run in this folder, and not part of the repository.
        if file.path.starts_with("entitled.") {
            continue;
        }
        let bad = |line: &&str| places.iter().any(|place| line.contains(place));
        found.extend(file.text.lines().filter(bad).map(|line| format!("{}: {line}", file.path)));
    }
    assert_eq!(found, Vec::<String>::new());
}
