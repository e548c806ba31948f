//! What is built for whom.

use std::collections::{BTreeMap, BTreeSet};

use super::root;

/// The features that each crate is built with, as cargo says, of those crates that the edges lead to.
fn features(edges: &str) -> BTreeMap<String, String> {
    let tree = std::process::Command::new(env!("CARGO"))
        .current_dir(root())
        .args(["tree", "--locked", "--offline", "--prefix", "none", "--format", "{p} {f}", "--edges", edges])
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let tree = String::from_utf8(tree.stdout).unwrap();
    let lines: BTreeSet<&str> = tree.lines().map(|line| line.trim_end_matches(" (*)")).collect();
    let named = lines.into_iter().filter_map(|line| line.splitn(3, ' ').collect::<Vec<_>>().try_into().ok());
    named.map(|[name, version, features]: [&str; 3]| (format!("{name} {version}"), features.to_owned())).collect()
}

/// Whoever tries the program and then runs its tests builds each crate once.
#[test]
fn both_commands_of_the_readme_share_what_they_build() {
    let (run, test) = (features("normal,build"), features("normal,build,dev"));
    assert!(run.len() > 100 && test.len() > run.len(), "{} and {}", run.len(), test.len());
    let twice: Vec<&String> = run.iter().filter(|(name, with)| test[*name] != **with).map(|(name, _)| name).collect();
    assert_eq!(twice, Vec::<&String>::new(), "`cargo run` and `cargo test` build these with other features");
}
