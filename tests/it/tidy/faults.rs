//! The table of faults names tests that exist, and no row is without one.

use std::collections::BTreeSet;
use std::process::Command;

use super::root;

#[test]
fn every_fault_names_the_tests_that_show_it() {
    let listed = Command::new(std::env::current_exe().unwrap()).arg("--list").output().unwrap().stdout;
    let listed = String::from_utf8(listed).unwrap();
    let tests: BTreeSet<&str> = listed.lines().filter_map(|line| line.strip_suffix(": test")).collect();
    let text = std::fs::read_to_string(root().join("docs/faults.md")).expect("there is a table of faults");
    let head = |row: &&str| row.starts_with("| fault |") || row.starts_with("| ---");
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with('|')).filter(|row| !head(row)).collect();
    assert!(rows.len() > 40, "{} rows", rows.len());
    for row in rows {
        let shown = row.rsplit(" | ").next().unwrap();
        let named: Vec<&str> = shown.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "nothing shows: {row}");
        let unknown: Vec<_> = named.iter().filter(|name| !tests.contains(*name)).collect();
        assert!(unknown.is_empty(), "no such tests: {unknown:?}");
    }
}
