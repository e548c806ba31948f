//! The commands that answer and that care: why, who-has, and the three of the ledger.

use serde_json::Value;

use crate::support::home::Home;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn why_answers_before_and_after_a_pass_and_leaves_no_store() {
    let home = Home::demo();
    let ran = home.entitled(&["why", "anna@example.com", "role", "paid-tier"]).exits(0);
    assert!(ran.out.contains("=> a pass would grant it: ord_01H9A1 paid for Pro plan"), "{}", ran.out);
    assert!(!home.path("entitled.db").exists(), "asking leaves no store behind");
    home.entitled(&["run", "--once"]).exits(0);
    let why = json(&home.entitled(&["why", "anna4k7w2m9x", "role paid-tier", "--output", "json"]).exits(0).out);
    let [target] = why["targets"].as_array().unwrap().as_slice() else { panic!("one was asked for: {why}") };
    assert_eq!((target["held"].as_str(), target["owner"].as_str()), (Some("held"), Some("granted")));
    assert_eq!(target["orders"][0]["order"].as_str(), Some("ord_01H9A1"));
    assert_eq!(why["user"].as_str(), Some("anna4k7w2m9x"));
    let all = json(&home.entitled(&["why", "anna4k7w2m9x", "-o", "json"]).exits(0).out);
    assert_eq!(all["targets"].as_array().unwrap().len(), 5, "every managed target");
    home.entitled(&["why", "nobody@example.com"]).exits(1).complains(&["`nobody@example.com`", "\nhint: "]);
    home.entitled(&["why", "@"]).exits(1).complains(&["`@`", "\nhint: "]);
    home.entitled(&["why", "anna4k7w2m9x", "role", "paid-teir"])
        .exits(1)
        .complains(&["did you mean `role paid-tier`?"]);
}

#[test]
fn who_has_shows_the_order_behind_each_grant() {
    let home = Home::demo();
    home.entitled(&["run", "--once"]).exits(0);
    let ran = home.entitled(&["who-has", "role", "beta"]).exits(0);
    assert!(ran.out.starts_with("role beta: 6 holders (5 granted, 0 adopted, 1 foreign)\n"), "{}", ran.out);
    let all = json(&home.entitled(&["who-has", "role beta", "--output", "json"]).exits(0).out);
    let carl = all["holders"].as_array().unwrap().iter().find(|one| one["user"] == "carl2p9s5d7f").unwrap();
    assert_eq!((carl["owner"].as_str(), carl["ours"]["order"].as_str()), (Some("granted"), Some("ord_01H9C2")));
    home.entitled(&["who-has", "role", "beat"]).exits(1).complains(&["did you mean `role beta`?"]);
}

#[test]
fn the_ledger_is_verified_copied_and_made_anew() {
    let home = Home::demo();
    for care in [&["ledger", "verify"][..], &["ledger", "backup", "copy.db"]] {
        home.entitled(care).exits(1).complains(&["there is no store at ", "\nhint: "]);
    }
    assert!(!home.path("entitled.db").exists() && !home.path("copy.db").exists());
    home.entitled(&["ledger"]).exits(64);
    home.entitled(&["run", "--once"]).exits(0);
    let whole = home.entitled(&["ledger", "verify"]).exits(0).out;
    assert!(whole.contains("is whole: 13 orders, ") && whole.contains(" 21 grants of ours, "), "{whole}");
    home.entitled(&["ledger", "backup", "copy.db"]).exits(0);
    home.entitled(&["ledger", "backup", "copy.db"]).exits(1).complains(&["`copy.db` already exists", "\nhint: "]);
    assert!(home.entitled(&["ledger", "rebuild"]).exits(0).out.starts_with("Nothing to write: "));

    for part in ["entitled.db", "entitled.db-wal", "entitled.db-shm"] {
        let _absent = std::fs::remove_file(home.path(part));
    }
    let ran = home.entitled(&["ledger", "rebuild"]).exits(1).complains(&["`--yes`"]);
    assert!(ran.out.contains("Rebuild: 21 to adopt, 0 to close."), "{}", ran.out);
    {
        let _held = entitled::store::lease::take(&home.path("entitled.db")).unwrap().unwrap();
        home.entitled(&["ledger", "rebuild", "--yes"]).exits(1).complains(&["another `entitled` writes to this store"]);
    }
    let ran = home.entitled(&["ledger", "rebuild", "--yes"]).exits(0);
    assert!(ran.out.ends_with("21 adopted, 0 closed.\n"), "{}", ran.out);
    let plan = json(&home.entitled(&["plan", "-o", "json"]).exits(0).out);
    assert_eq!((&plan["summary"]["revocations"], &plan["summary"]["grants"]), (&0.into(), &0.into()));
    let trail = json(&home.entitled(&["history", "emil9g2y5r3w", "-o", "json"]).exits(0).out);
    let trail = trail.as_array().unwrap();
    assert!(
        trail.len() == 3 && trail.iter().all(|row| row["verb"] == "adopted" && row["who"].is_string()),
        "{trail:?}"
    );

    std::fs::write(home.path("entitled.db"), "no database at all, and much too short").unwrap();
    home.entitled(&["ledger", "verify"]).exits(1).complains(&["error: ", "\nhint: "]);
}
