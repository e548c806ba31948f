//! `entitled init` and `entitled export`: whatever they write, the first plan by it grants and revokes nothing.

use crate::support::home::Home;

/// A folder in which everything was granted, and whose store is lost.
fn granted() -> Home {
    let home = Home::demo();
    home.entitled(&["run", "--once"]).exits(0);
    home
}

fn lose_the_store(home: &Home) {
    for name in home.files().iter().filter(|name| name.starts_with("entitled.db")) {
        std::fs::remove_file(home.path(name)).unwrap();
    }
}

/// The first plan by a file, on a store that knows nothing.
fn changes_nothing(home: &Home, file: &str) -> String {
    lose_the_store(home);
    home.entitled(&["check", file]).exits(0);
    let plan = home.entitled(&["plan", "--file", file]).exits(0);
    assert!(plan.out.contains("Plan: 0 to grant, 0 to revoke, "), "{}", plan.out);
    assert!(!plan.out.contains(" held"), "{}", plan.out);
    plan.out
}

const INIT: &[&str] = &["init", "--file", "first.yaml", "--logto", "sandbox", "--source", "sandbox"];

#[test]
fn a_first_file_adopts_what_is_held_and_changes_nothing() {
    let home = granted();
    lose_the_store(&home);
    let said = home.entitled(INIT).exits(0).out;
    assert!(said.contains("first.yaml is written"), "{said}");
    let text = std::fs::read_to_string(home.path("first.yaml")).unwrap();
    for part in ["version: 1", "prune: owned", "entitlements:", "all of them hold this already"] {
        assert!(text.contains(part), "`{part}` is missing in\n{text}");
    }
    assert!(changes_nothing(&home, "first.yaml").contains(" to adopt"));
    // Nothing is overwritten.
    home.entitled(INIT).exits(1).complains(&["`first.yaml` is there already", "entitled export"]);
    assert_eq!(std::fs::read_to_string(home.path("first.yaml")).unwrap(), text);
}

#[test]
fn where_nobody_holds_anything_it_says_so_and_grants_nothing() {
    let home = Home::new();
    home.entitled(INIT).exits(0);
    let text = std::fs::read_to_string(home.path("first.yaml")).unwrap();
    assert!(text.contains("Nothing matches") && text.contains("CHANGE_ME"), "{text}");
    assert!(text.contains("entitled now, and nothing that all of them hold"), "{text}");
    assert_eq!(home.files().iter().filter(|name| name.starts_with("entitled.db")).count(), 0, "{:?}", home.files());
    let plan = home.entitled(&["plan", "--file", "first.yaml"]);
    assert!(!plan.out.contains("grant role"), "{}", plan.out);
}

#[test]
fn an_export_is_the_file_in_force_with_what_is_held_today() {
    let home = granted();
    let exported = home.entitled(&["export"]).exits(0).out;
    home.write("exported.yaml", &exported);
    let before = std::fs::read_to_string(home.path("entitlements.yaml")).unwrap();
    for key in before.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase())) {
        assert!(exported.contains(key), "`{key}` is missing in\n{exported}");
    }
    changes_nothing(&home, "exported.yaml");
}

#[test]
fn a_source_that_is_none_is_refused_before_anything_is_asked() {
    let home = Home::new();
    let ran = home.entitled(&["init", "--logto", "sandbox", "--source", "poler"]).exits(1);
    ran.complains(&["there is no preset `poler`", "entitled source list"]);
    assert!(home.files().is_empty());
}
