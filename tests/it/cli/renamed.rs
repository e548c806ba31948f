//! A source that the file names otherwise, or no more, as whoever sits at the terminal meets it.

use crate::support::home::Home;

fn quiet() -> (Home, String) {
    let home = Home::demo();
    let file = std::fs::read_to_string(home.path("entitlements.yaml")).unwrap();
    let file = format!("listen: off\n{file}");
    home.write("entitlements.yaml", &file);
    (home, file)
}

/// The file with its one source under another name.
fn renamed(file: &str, further: &str) -> String {
    let named = file.replace("  shop:\n", "  store:\n");
    assert_ne!(named, *file, "the demo's source is not where it was");
    named.replace("kind: sandbox", &format!("kind: sandbox{further}"))
}

#[test]
fn check_and_plan_suggest_was_and_was_keeps_everything() {
    let (home, file) = quiet();
    home.entitled(&["check"]).exits(0);
    assert_eq!(home.files(), ["entitlements.yaml"], "looking for a store makes none");
    home.entitled(&["run", "--once"]).exits(0);
    let before = std::fs::read(home.path("entitled.db")).unwrap();
    home.write("entitlements.yaml", &renamed(&file, ""));
    home.entitled(&["check"]).exits(0).complains(&[
        "grants rest on orders of `shop`, which the file no longer has",
        "`store` is read where `shop` was; if it is the same, write `was: shop` there",
    ]);
    let status = home.entitled(&["status"]).exits(0);
    assert!(status.out.contains("grants rest on orders of `shop`, which the file no longer has"), "{}", status.out);

    home.write("entitlements.yaml", &renamed(&file, "\n    was: shop"));
    let checked = home.entitled(&["check"]).exits(0);
    assert!(!checked.err.contains("which the file no longer has"), "{}", checked.err);
    // A look shows it as if it had been carried over, and writes nothing.
    let plan = home.entitled(&["plan"]).exits(0);
    assert!(plan.out.contains("Nothing to do: Logto holds what was paid for."), "{}", plan.out);
    assert!(!plan.err.contains("carried over"), "a plan says what it did not do: {}", plan.err);
    assert!(std::fs::read(home.path("entitled.db")).unwrap() == before, "a plan has written to the store");
    home.entitled(&["run", "--once"]).exits(0);
    let list = home.entitled(&["status"]).exits(0);
    assert!(!list.out.contains("no longer has") && list.out.contains("13 orders"), "{}", list.out);
    home.entitled(&["run", "--once"]).exits(0);
}

#[test]
fn adopt_and_release_know_a_source_by_its_new_name_at_once() {
    let (home, file) = quiet();
    home.entitled(&["run", "--once"]).exits(0);
    home.entitled(&["release", "emil9g2y5r3w", "role", "paid-tier", "--reason", "a gift"]).exits(0);
    home.write("entitlements.yaml", &renamed(&file, "\n    was: shop"));
    let ran = home.entitled(&["adopt", "emil9g2y5r3w", "role", "paid-tier"]).exits(0);
    assert!(ran.out.contains(" is ours now: order ") && ran.out.contains(" of store explains it"), "{}", ran.out);
    home.write(
        "entitlements.yaml",
        &renamed(&file, "\n    was: shop").replace("  store:\n", "  third:\n").replace("was: shop", "was: store"),
    );
    home.entitled(&["release", "emil9g2y5r3w", "role", "paid-tier", "--reason", "a gift"]).exits(0);
    let list = home.entitled(&["status"]).exits(0);
    assert!(!list.out.contains("no longer has") && list.out.contains("13 orders"), "{}", list.out);
}

#[test]
fn why_and_the_plan_tell_of_orders_that_the_file_gives_up() {
    let (home, file) = quiet();
    home.entitled(&["run", "--once"]).exits(0);
    let other = renamed(&file, "").replace("kind: sandbox", "kind: file\n    path: orders.yaml");
    home.write("entitlements.yaml", &other);
    home.write("orders.yaml", "[]");
    let plan = home.entitled(&["plan"]).exits(0);
    assert!(plan.out.contains("which the file no longer has") && plan.out.contains("OverLimit"), "{}", plan.out);
    let why = home.entitled(&["why", "anna@example.com"]).exits(0);
    assert!(why.out.contains("of shop, which the file no longer has, is for"), "{}", why.out);
    let json = home.entitled(&["plan", "-o", "json"]).exits(0);
    assert!(json.out.contains("\"cause\": \"source_gone\"") && json.out.contains("\"dropped\""), "{}", json.out);
}

#[test]
fn check_looks_into_the_store_that_the_command_line_names() {
    let (mut home, file) = quiet();
    home.entitled(&["run", "--once", "--store", "other.db"]).exits(0);
    home.write("entitlements.yaml", &renamed(&file, ""));
    let said = ["grants rest on orders of `shop`, which the file no longer has", "write `was: shop` there"];
    home.entitled(&["check", "--store", "other.db"]).exits(0).complains(&said);
    let elsewhere = home.entitled(&["check"]).exits(0);
    assert!(!elsewhere.err.contains("no longer has"), "{}", elsewhere.err);
    home.set("ENTITLED_STORE", "other.db");
    home.entitled(&["check"]).exits(0).complains(&said);
}

#[test]
fn two_shops_in_one_was_are_a_trouble_until_that_is_mended() {
    let home = Home::new();
    let with = |sources: &str| {
        let text = format!(
            "version: 1\nlogto: {{endpoint: sandbox}}\nlisten: off\nprune: owned\n\
             products: {{p1: {{entitlements: [{{role: beta}}]}}}}\nsources: {{{sources}}}\n"
        );
        home.write("entitlements.yaml", &text);
    };
    for (shop, buyer) in [("till", "anna"), ("desk", "ben")] {
        let order = format!("- {{id: 1, productId: p1, status: paid, user: {{email: {buyer}@example.com}}}}\n");
        home.write(&format!("{shop}.yaml"), &order);
    }
    let desk = "desk: {kind: file, path: desk.yaml}";
    with(&format!("till: {{kind: file, path: till.yaml}}, {desk}"));
    home.entitled(&["run", "--once"]).exits(0);
    with("store: {kind: file, path: till.yaml, was: [till, desk]}");
    let fault = "order 1 in `till` and order 1 in `desk` are different orders";
    home.entitled(&["run", "--once"]).exits(1).complains(&[fault]);
    for command in ["status", "doctor"] {
        let ran = home.entitled(&[command]).exits(1);
        let flat = ran.out.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains(fault) && flat.contains("take `till` out of it"), "{command}: {}", ran.out);
    }
    with(&format!("store: {{kind: file, path: till.yaml, was: till}}, {desk}"));
    home.entitled(&["run", "--once"]).exits(0);
    home.entitled(&["status"]).exits(0);
    assert!(!home.entitled(&["doctor"]).out.contains("are different orders"));
}
