//! What a fuzzer drives for hours is driven here for a moment: with every file of its corpus, with what comes of those
//! files where some bytes of them are others, and with any bytes at all.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestRunner;

use crate::support::fuzz::{file, mapping, request, webhook};

type Target = (&'static str, fn(&[u8]));

/// As in `fuzz/Cargo.toml`.
const TARGETS: [Target; 4] =
    [("file", file::fuzz), ("mapping", mapping::fuzz), ("request", request::fuzz), ("webhook", webhook::fuzz)];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

/// The files of a target, by name.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = names(&folder().join("corpus").join(target)).into_iter().collect();
    files.sort();
    files
        .into_iter()
        .map(|name| (name.clone(), std::fs::read(folder().join("corpus").join(target).join(name)).unwrap()))
        .collect()
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn every_target_has_its_corpus_and_is_driven_here() {
    let here: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names(&folder().join("corpus")), here);
    let files: BTreeSet<String> = here.iter().map(|name| format!("{name}.rs")).collect();
    assert_eq!(names(&folder().join("fuzz_targets")), files);
    let manifest = std::fs::read_to_string(folder().join("Cargo.toml")).unwrap();
    for name in &here {
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "fuzz/Cargo.toml knows no {name}");
        assert!(corpus(name).len() >= 4, "a handful for {name}");
    }
}

#[test]
fn the_corpora_are_borne() {
    for (target, fuzz) in TARGETS {
        for (name, bytes) in corpus(target) {
            println!("fuzz/corpus/{target}/{name}");
            fuzz(&bytes);
        }
    }
}

/// A file of a corpus with some bytes put in, taken out, doubled or turned.
fn spoilt(target: &str) -> impl Strategy<Value = Vec<u8>> {
    let seeds: Vec<Vec<u8>> = corpus(target).into_iter().map(|(_, bytes)| bytes).collect();
    let piece = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..4),
        any::<char>().prop_map(|char| char.to_string().into_bytes()),
        prop::sample::select(
            &["\r\n", "\n\n", "\0", "\"", "{", "[", ":", ",", "=", "%", "%ff", "1e999", "null", "\u{feff}"][..]
        )
        .prop_map(|text| text.as_bytes().to_vec()),
    ];
    let edits = prop::collection::vec((any::<Index>(), 0..6_usize, 1..3_usize, piece), 0..6);
    (prop::sample::select(seeds), edits).prop_map(|(mut bytes, edits)| {
        for (at, gone, times, piece) in edits {
            let at = at.index(bytes.len() + 1);
            let end = (at + gone).min(bytes.len());
            bytes.splice(at..end, piece.repeat(times));
        }
        bytes
    })
}

fn driven(target: &str, fuzz: fn(&[u8]), cases: u32) {
    let config = || ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases) };
    let with = |bytes: Vec<u8>| {
        fuzz(&bytes);
        Ok(())
    };
    TestRunner::new(config()).run(&spoilt(target), with).unwrap();
    TestRunner::new(config()).run(&prop::collection::vec(any::<u8>(), 0..200), with).unwrap();
}

#[test]
fn any_bytes_are_a_file_with_answers() {
    driven("file", file::fuzz, 128);
}

#[test]
fn any_bytes_are_rows_that_are_read() {
    driven("mapping", mapping::fuzz, 256);
}

#[test]
fn any_bytes_are_a_webhook_that_is_judged() {
    driven("webhook", webhook::fuzz, 256);
}

#[test]
fn any_bytes_are_a_request_that_is_answered() {
    driven("request", request::fuzz, 256);
}

/// That nobody is told anything without the token is no more than that nobody is told anything, if nobody is.
#[test]
fn who_shows_the_token_is_told_what_others_are_not() {
    for (path, status) in [("/", "200"), ("/api/v1/status", "200"), ("/readyz", "503"), ("/events", "200")] {
        let ask =
            |more: &str| request::answers(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{more}\r\n").as_bytes());
        let shown = ask("authorization: Bearer correct-horse-battery-staple\r\n");
        assert!(shown.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {shown}");
        assert_eq!(shown.contains("canary-in-the-status"), path != "/events", "{path}: {shown}");
        assert!(!ask("").contains("canary-in-the-status"), "{path}");
    }
    let both = "GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n".repeat(2);
    assert_eq!(request::answers(both.as_bytes()).matches("HTTP/1.1 200 OK").count(), 2, "one connection, two requests");
}
