//! What holds of the repository as a whole: who may import what, and that what is written about the program
//! is true of it.

mod examples;
mod secrets;
mod written;

pub(crate) use secrets::{Spy, silent};

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// One file of the repository.
struct File {
    /// Relative to the repository, with `/`.
    path: String,
    text: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every text file below a folder of the repository, sorted by path. What building leaves is not looked at.
fn files(below: &str) -> Vec<File> {
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
fn code(text: &str) -> String {
    let text = text.split("\n#[cfg(test)]\n").next().unwrap_or_default();
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// The modules that follow from their arguments alone.
const PURE: [&str; 13] = [
    "approval", "checkup", "config", "desired", "limits", "model", "plan", "render", "report", "roster", "status",
    "terminal", "world",
];

/// Of `config`, what reads.
const READS: [&str; 2] = ["src/config/mod.rs", "src/config/commit.rs"];

/// What a pure module may name besides its like: a type that hides what it holds.
const HARMLESS: [&str; 1] = ["secret"];

/// What the two reading files of `config` offer; the pure half must not take it from there.
const READING: [&str; 4] = ["load", "commit_of", "read_text", "commit"];

/// Crates and parts of `std` that reach outside, wait, print, or differ from run to run.
const OUTSIDE: [&str; 24] = [
    "Instant",
    "SystemTime",
    "axum",
    "dotenvy",
    "eprint",
    "eprintln",
    "fastrand",
    "futures_util",
    "indicatif",
    "notify",
    "print",
    "println",
    "reqwest",
    "rustls",
    "sqlx",
    "std::env",
    "std::fs",
    "std::io",
    "std::net",
    "std::process",
    "std::thread",
    "tokio",
    "tracing",
    "tracing_subscriber",
];

/// `now` is an argument.
const CLOCKS: [&str; 2] = ["Instant", "SystemTime"];

/// What a pure file names that it must not.
fn impurities(text: &str) -> Vec<String> {
    // Plain values that happen to live where something is also sent.
    let code = code(text).replace("reqwest::Url", "Url").replace("std::net::IpAddr", "IpAddr");
    let code = code.replace("std::net::SocketAddr", "SocketAddr");
    let mut found = Vec::new();
    for path in paths(&code) {
        let mut parts = path.split("::");
        let (first, second, third) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
        let wrong = match (first, second) {
            ("crate", Some("config")) => third.is_some_and(|third| READING.contains(&third)),
            ("crate", Some(module)) => !PURE.contains(&module) && !HARMLESS.contains(&module),
            ("Timestamp" | "Zoned", Some("now")) => true,
            (first, Some(second)) => OUTSIDE.contains(&first) || OUTSIDE.contains(&&*format!("{first}::{second}")),
            // A key of the file is called like the crate; only a path into it reaches outside.
            ("notify", None) => false,
            (first, None) => OUTSIDE.contains(&first),
        };
        if wrong || path.split("::").any(|part| CLOCKS.contains(&part)) {
            found.push(path);
        }
    }
    found
}

/// Every path in a text, with the groups of a `use` spelled out: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn paths(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut prefixes: Vec<String> = Vec::new();
    let mut rest = code;
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    while let Some(c) = rest.chars().next() {
        if is_word(c) {
            let end = rest.find(|c: char| !is_word(c) && c != ':').unwrap_or(rest.len());
            let word = &rest[..end];
            let prefix = prefixes.last().map_or("", String::as_str);
            let path = format!("{prefix}{}", word.trim_end_matches(':'));
            rest = &rest[end..];
            if word.ends_with("::") && rest.starts_with('{') {
                prefixes.push(format!("{path}::"));
                rest = &rest[1..];
            } else {
                found.push(path);
            }
        } else {
            match c {
                '{' => prefixes.push(prefixes.last().cloned().unwrap_or_default()),
                '}' => _ = prefixes.pop(),
                _ => {}
            }
            rest = &rest[c.len_utf8()..];
        }
    }
    found
}

#[test]
fn the_pure_modules_reach_nothing_outside() {
    let mut looked_at = BTreeSet::new();
    let mut wrong = Vec::new();
    for file in files("src") {
        let path = file.path.strip_prefix("src/").unwrap();
        let module = path.split(['/', '.']).next().unwrap_or_default();
        if let Some(pure) = PURE.into_iter().find(|pure| *pure == module)
            && path.ends_with(".rs")
            && !READS.contains(&file.path.as_str())
        {
            looked_at.insert(pure);
            wrong.extend(impurities(&file.text).into_iter().map(|what| format!("{}: {what}", file.path)));
        }
    }
    assert_eq!(looked_at, BTreeSet::from(PURE), "a pure module is not there any more");
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn the_scanner_sees_what_it_looks_for() {
    for impure in [
        "use crate::logto::Reader;",
        "use crate::{model::Order, store::Store};",
        "use std::{collections::BTreeMap, fs};",
        "fn f() { let x = std::env::var(\"A\"); }",
        "let now = jiff::Timestamp::now();\nlet now = Timestamp::now();",
        "use std::time::{Duration, Instant};",
        "async fn f() { tokio::time::sleep(x).await }",
        "use crate::config::load;",
        "use crate::config::{self, load};",
        "let c = reqwest::Client::new();",
        "println!(\"{}\", 1);",
        "tracing::warn!(\"x\");",
    ] {
        assert_ne!(impurities(impure), Vec::<String>::new(), "{impure}");
    }
    for pure in [
        "use crate::{config::settings::Limits, model::{Order, UserId}};\nuse std::{fmt, ops::Range};",
        "// use crate::store::Store;\nuse reqwest::Url;",
        "use super::{Action, Bound};\nfn print_nothing() {}",
        "fn f() {}\n#[cfg(test)]\nmod tests { use std::fs; }",
    ] {
        assert_eq!(impurities(pure), Vec::<String>::new(), "{pure}");
    }
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
