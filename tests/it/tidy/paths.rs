//! What comments point at is there: files of the repository, and modules of the crate.

use std::collections::BTreeMap;

use super::{File, files, root};

/// Where a path of this repository begins that a comment may name.
const FOLDERS: [&str; 3] = ["src/", "tests/", "docs/"];

/// The text of each run of lines that are nothing but comment, and the number of its first line.
fn comments(text: &str) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    let mut goes_on = false;
    for (at, line) in text.lines().enumerate() {
        let Some(said) = line.trim_start().strip_prefix("//") else {
            goes_on = false;
            continue;
        };
        let said = said.trim_start_matches(['/', '!']).trim();
        match found.last_mut() {
            Some((_, before)) if goes_on => {
                before.push(' ');
                before.push_str(said);
            }
            _ => found.push((at + 1, said.to_owned())),
        }
        goes_on = true;
    }
    found
}

/// The paths of files in a text.
fn paths(text: &str) -> Vec<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && !"_/.-".contains(c));
    let words = words.map(|word| word.trim_end_matches('.'));
    words.filter(|word| FOLDERS.iter().any(|folder| word.starts_with(folder))).collect()
}

/// The paths of modules, and of what is in one, that stand between backticks.
fn modules(text: &str) -> Vec<&str> {
    let is_path = |span: &&str| {
        let plain = span.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_:".contains(c));
        plain && span.split("::").count() > 1 && span.split("::").all(|part| !part.is_empty() && !part.contains(':'))
    };
    text.split('`').skip(1).step_by(2).filter(is_path).collect()
}

/// The module that a file is, as `store/ledger`; the root is empty.
fn module(path: &str) -> Option<&str> {
    let bare = path.strip_prefix("src/")?.strip_suffix(".rs")?;
    Some(if bare == "lib" { "" } else { bare.strip_suffix("/mod").unwrap_or(bare) })
}

/// Whether something in a text has that name.
fn is_named(text: &str, name: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|word| word == name)
}

/// Whether `named` is a module, or something in one, by its path from the module `from` or from one above it.
fn is_there(crate_: &BTreeMap<&str, &str>, from: &str, named: &str) -> bool {
    let parts: Vec<&str> =
        named.split("::").filter(|part| !["crate", "entitled", "self", "super"].contains(part)).collect();
    let (last, above) = parts.split_last().expect("a path has parts");
    let here: Vec<&str> = from.split('/').filter(|part| !part.is_empty()).collect();
    (0..=here.len()).any(|depth| {
        let path = |parts: &[&str]| here[..depth].iter().chain(parts).copied().collect::<Vec<_>>().join("/");
        crate_.contains_key(path(&parts).as_str())
            || crate_.get(path(above).as_str()).is_some_and(|text| is_named(text, last))
    })
}

#[test]
fn what_comments_name_is_there() {
    let sources = files("src");
    let crate_: BTreeMap<&str, &str> =
        sources.iter().filter_map(|file| Some((module(&file.path)?, file.text.as_str()))).collect();
    let mut seen = 0;
    let mut missing = Vec::new();
    for file in &sources {
        let Some(from) = module(&file.path) else { continue };
        for (line, text) in comments(&file.text) {
            let files = paths(&text).into_iter().map(|path| (path, root().join(path).exists()));
            let modules = modules(&text).into_iter().map(|named| (named, is_there(&crate_, from, named)));
            for (named, there) in files.chain(modules) {
                seen += 1;
                if !there {
                    missing.push(format!("{}:{line}: `{named}`", file.path));
                }
            }
        }
    }
    assert!(seen > 40, "{seen}");
    assert_eq!(missing, Vec::<String>::new(), "comments name what is not there");
}

#[test]
fn what_the_tests_and_the_manual_name_is_there() {
    let pages = ["README.md", "docs"].into_iter().flat_map(files).map(|file| (file.path, vec![(0, file.text)]));
    let tests = files("tests").into_iter().filter(|file: &File| file.path.ends_with(".rs"));
    let tests = tests.map(|file| (file.path, comments(&file.text)));
    let mut missing = Vec::new();
    for (path, texts) in pages.chain(tests) {
        for named in texts.iter().flat_map(|(_, text)| paths(text)) {
            if !root().join(named).exists() {
                missing.push(format!("{path}: `{named}`"));
            }
        }
    }
    assert_eq!(missing, Vec::<String>::new(), "something is named that is not there");
}
