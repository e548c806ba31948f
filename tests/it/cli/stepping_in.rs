//! The commands with which a person steps in: freeze, approve, adopt, release, undo, and the trail of it all.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::home::{Home, Town};

fn trail(home: &Home, user: &str) -> Vec<Value> {
    let ran = home.entitled(&["history", user, "--output", "json"]).exits(0);
    serde_json::from_str(&ran.out).unwrap()
}

fn verbs(home: &Home, user: &str) -> Vec<String> {
    trail(home, user).iter().map(|row| row["verb"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_freeze_is_shown_holds_and_ends() {
    let home = Home::demo();
    home.entitled(&["freeze", "--for", "0", "--reason", "x"]).exits(64);
    home.entitled(&["freeze", "--for", "soon", "--reason", "x"]).exits(64);
    home.entitled(&["freeze", "--for", "2h", "--reason", " "]).exits(64);
    let ran = home.entitled(&["freeze", "--for", "2h", "--reason", "moving house", "--all"]).exits(0);
    assert!(ran.out.contains("nothing is written to Logto until ") && ran.out.contains("moving house"), "{}", ran.out);
    // A weaker one beside it is begun all the same, and says so.
    let ran = home.entitled(&["freeze", "--for", "9h", "--reason", "a long look"]).exits(0);
    assert!(
        ran.out.starts_with("Begun: nothing is taken away until 20") && ran.out.contains("a long look"),
        "{}",
        ran.out
    );
    assert!(
        ran.out.contains("A stronger freeze is in force as well.") && ran.out.contains("moving house"),
        "{}",
        ran.out
    );
    let ran = home.entitled(&["run", "--once"]).exits(3);
    assert!(!ran.out.contains("✓ grant "), "{}", ran.out);
    let [until, who] =
        [ran.out.as_str(); 2].map(|out| out.split("! frozen: nothing is written to Logto ").nth(1).unwrap());
    assert!(until.starts_with("until 20") && who.contains(", by ") && who.contains(": moving house\n"), "{}", ran.out);
    assert!(ran.out.contains("      Frozen: nothing is written to Logto until 20"), "each hold says it: {}", ran.out);
    let view: Value = serde_json::from_str(&home.entitled(&["plan", "-o", "json"]).exits(0).out).unwrap();
    let freeze = &view["freeze"];
    assert_eq!((freeze["stops"].as_str(), freeze["reason"].as_str()), (Some("everything"), Some("moving house")));
    assert!(freeze["until"].is_string() && freeze["since"].is_string() && freeze["who"].is_string(), "{freeze}");
    let reason = view["held"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("until 20") && reason.ends_with(": moving house"), "{reason}");
    let markdown = home.entitled(&["plan", "-o", "markdown"]).exits(0).out;
    assert!(markdown.contains("**Frozen**: nothing is written") && markdown.contains("moving house"), "{markdown}");
    let ran = home.entitled(&["unfreeze"]).exits(0);
    assert_eq!(ran.out, "2 freezes ended.\nNothing is frozen.\n");
    assert_eq!(home.entitled(&["unfreeze"]).exits(0).out, "Nothing is frozen.\n");
    assert_eq!(home.entitled(&["run", "--once"]).exits(0).err, "");
}

#[test]
fn an_unknown_digest_is_refused() {
    let home = Home::demo();
    home.entitled(&["approve", "0123456789ab"]).exits(1).complains(&["`0123456789ab`", "\nhint: "]);
    assert!(!home.path("entitled.db").exists(), "a refusal leaves no store behind");
}

#[test]
fn what_is_released_stays_and_can_be_adopted_again() {
    let home = Home::demo();
    home.entitled(&["run", "--once"]).exits(0);
    assert_eq!(verbs(&home, "emil9g2y5r3w"), ["adopted", "granted", "granted"]);
    home.entitled(&["release", "emil9g2y5r3w", "role", "paid-teir", "--reason", "x"])
        .exits(1)
        .complains(&["did you mean `role paid-tier`?"]);
    home.entitled(&["release", "emil9g2y5r3w", "role paid-tier", "--reason", "a gift"]).exits(0);
    home.entitled(&["run", "--once"]).exits(0);
    assert_eq!(verbs(&home, "emil9g2y5r3w"), ["adopted", "granted", "granted", "released"], "no pass adopts it again");
    let ran = home.entitled(&["adopt", "emil9g2y5r3w", "role", "paid-tier"]).exits(0);
    assert!(ran.out.contains(" is ours now: order "), "{}", ran.out);
    assert!(home.entitled(&["adopt", "emil9g2y5r3w", "role", "paid-tier"]).exits(0).out.contains("is ours already"));
    assert_eq!(verbs(&home, "emil9g2y5r3w"), ["adopted", "granted", "granted", "released", "adopted"]);
    // Given by hand, and no order explains it.
    home.entitled(&["adopt", "fay3x8m1k6vc", "role", "beta"]).exits(1).complains(&["no order of ", "\nhint: "]);
    home.entitled(&["history", "nobody@example.com"]).exits(1).complains(&["\nhint: "]);
}

/// Whichever of the addresses of a user somebody types, it is the same grant.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_released_by_one_address_is_adopted_by_another() {
    let town = Town::demo().await;
    let ann = town.logto.add_user("ann@example.com");
    let bought =
        ["ann@example.com", "ann@work.example.com"].map(|email| town.shop.buy(&"prd_01H9PRO".into(), (&ann, email)));
    let holders = || town.logto.holders(&town.logto.role("paid-tier").unwrap());
    // What else the product gives is not what this is about.
    let role = town.logto.role("paid-tier").unwrap();
    let of_it = |row: &Value| row["grant"].to_string().contains(role.as_str());
    let word = |row: &Value| row["verb"].as_str().unwrap().to_owned();
    let told = || trail(&town.home, ann.as_str()).iter().filter(|row| of_it(row)).map(word).collect::<Vec<_>>();
    let run = || town.home.entitled(&["run", "--once"]).exits(0);
    run();
    assert_eq!(told(), ["granted"]);
    town.home.entitled(&["release", "ANN@example.com", "role paid-tier", "--reason", "a gift"]).exits(0);
    run();
    // The address of one order is edited at the shop: it is nobody's by that, and the other one still names her.
    town.shop.set_buyer(&bought[0], "ann@new.example.com");
    run();
    assert!(told() == ["granted", "released"] && holders().contains(&ann), "{:?}", told());
    town.home
        .entitled(&["adopt", "ann@new.example.com", "role paid-tier"])
        .exits(1)
        .complains(&["ann@new.example.com"]);
    let ran = town.home.entitled(&["adopt", "ann@work.example.com", "role paid-tier"]).exits(0);
    assert!(ran.out.contains(&format!("order {} of ", bought[1])), "{}", ran.out);
    run();
    assert!(told() == ["granted", "released", "adopted"] && holders().contains(&ann), "{:?}", told());
    // Nobody else has the other order, so it entitles her still.
    town.shop.set_status(&bought[1], "refunded");
    run();
    assert!(holders().contains(&ann), "{:?}", told());
}

#[test]
fn a_run_is_taken_back_within_the_limits() {
    let home = Home::demo();
    home.entitled(&["run", "--once"]).exits(0);
    let run = trail(&home, "emil9g2y5r3w")[0]["run"].as_str().unwrap().to_owned();
    home.entitled(&["undo", "no-such-run"]).exits(1).complains(&["`no-such-run`", "\nhint: "]);
    let held = home.entitled(&["undo", &run, "--yes"]).exits(3);
    let digests: BTreeSet<&str> =
        held.out.split("`entitled approve ").skip(1).filter_map(|rest| rest.split('`').next()).collect();
    assert!(!digests.is_empty(), "{}", held.out);
    home.entitled(&["plan", "--exit-code"]).exits(0);
    for line in digests {
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!(words[1..], ["--undo", &run], "the line can be typed as it stands");
        home.entitled(&["approve", words[0]]).exits(1);
        home.entitled(&["approve", words[0], words[1], words[2]]).exits(0);
    }
    home.entitled(&["undo", &run, "--yes"]).exits(0);
    let ran = home.entitled(&["plan", "--exit-code"]).exits(2);
    assert!(ran.out.contains("Plan: 20 to grant, 0 to revoke"), "{}", ran.out);
}
