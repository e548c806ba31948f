//! The order of the folders: each imports only what stands above it, and the pure ones reach nothing outside.

use crate::tidy::{code, files};

/// From the nouns to the command line. `lib.rs` and `main.rs` see everything. `files` stands so high because the
/// configuration, sources, connections and simulators all read files, and each by the same rules.
const ORDER: [&str; 20] = [
    "model", "planner", "secret", "clock", "shutdown", "files", "text", "logging", "config", "http", "store", "logto",
    "source", "report", "pass", "daemon", "doctor", "sandbox", "web", "cli",
];
const PURE: [&str; 4] = ["model", "planner", "text", "report"];
/// Crates and parts of `std` that wait, print, ask the time or reach outside the process.
const OUTSIDE: [&str; 20] = [
    "tokio",
    "reqwest",
    "sqlx",
    "axum",
    "tracing",
    "notify",
    "dotenvy",
    "fastrand",
    "futures_util",
    "indicatif",
    "std::fs",
    "std::io",
    "std::env",
    "std::net",
    "std::process",
    "std::thread",
    "Instant",
    "SystemTime",
    "Timestamp::now",
    "println!",
];

#[test]
fn a_folder_imports_only_what_stands_above_it() {
    let place = |name: &str| ORDER.iter().position(|folder| *folder == name);
    for file in files("src").iter().filter(|file| file.path.ends_with(".rs")) {
        let path = file.path.trim_start_matches("src/").trim_end_matches("/mod.rs");
        let folder = path.split(['/', '.']).next().unwrap_or_default();
        let Some(own) = place(folder) else { continue };
        let code = code(&file.text);
        // `super` once for each part of the path leads to the root, just as `crate` does.
        let to_root = "super::".repeat(path.matches('/').count() + 1);
        for named in code.split("crate::").skip(1).chain(code.split(to_root.as_str()).skip(1)) {
            // One folder, or several in braces; of `{a::b, c}` the first of each path.
            let group = named.strip_prefix('{').and_then(|group| group.split('}').next());
            for path in group.map_or(vec![named], |group| group.split(',').collect()) {
                let name = path.trim().split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
                assert!(place(name).is_none_or(|place| place <= own), "{}: `{folder}` imports `{name}`", file.path);
                let pure = !PURE.contains(&folder) || PURE.contains(&name) || place(name).is_none();
                assert!(pure, "{}: `{folder}` is pure and imports `{name}`", file.path);
            }
        }
        let outside = OUTSIDE.iter().find(|outside| PURE.contains(&folder) && code.contains(**outside));
        assert_eq!(outside, None, "{}: `{folder}` is pure", file.path);
    }
    let entries: std::collections::BTreeSet<String> =
        files("src").iter().map(|file| file.path.split(['/', '.']).nth(1).unwrap_or_default().to_owned()).collect();
    let known: std::collections::BTreeSet<String> =
        ORDER.iter().chain(&["lib", "main"]).map(|name| (*name).to_owned()).collect();
    assert_eq!(entries, known, "every entry of `src` has a place in the order");
}
