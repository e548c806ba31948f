//! The file is broken, or not there, or its variables are not set: what could help then works then.

use std::fs;

use crate::support::home::{Home, Town};

const BROKEN: &str = "prune: owend   # “never”\u{a0}😀\nstore: entitled.db\nproducts: [\n";

/// What a state makes of a file that was valid; nothing where it is gone.
type Spoil = fn(&str) -> Option<String>;

/// What a file may have become, each from the whole one.
const STATES: [(&str, Spoil); 6] = [
    ("no YAML", |_| Some(BROKEN.to_owned())),
    ("a word that nobody knows", |whole| Some(whole.replace("prune: owned", "prune: owend # “never”"))),
    ("empty", |_| Some(String::new())),
    ("gone", |_| None),
    ("a variable more than is set", |whole| Some(whole.replace("app_id:", "resource: \"${NOT_SET}\", app_id:"))),
    ("a mark and odd characters", |whole| Some(format!("\u{feff}{whole}\nfoo: \u{202e}漢字\r\n"))),
];

fn become_of(home: &Home, file: Option<String>) {
    let path = home.path("entitlements.yaml");
    match file {
        Some(text) => fs::write(path, text).unwrap(),
        None => fs::remove_file(path).unwrap(),
    }
}

/// What each command does then is in the table of states; here is what a file may be broken by.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_breaks_the_file_the_last_valid_one_stays_in_force() {
    let town = Town::demo().await;
    town.home.entitled(&["run", "--once"]).exits(0);
    let whole = fs::read_to_string(town.home.path("entitlements.yaml")).unwrap();
    for (state, file) in STATES {
        become_of(&town.home, file(&whole));
        let status = town.home.entitled(&["status"]).exits(1);
        assert!(status.out.starts_with("Degraded since "), "{state}\n{}", status.out);
        assert!(!status.err.contains("internal error"), "{state}\n{}", status.err);
        // What is asked what the file would do refuses it,
        let refused = town.home.entitled(&["plan"]).exits(1);
        assert!(refused.out.is_empty(), "while the file is {state}\n{}", refused.out);
        // and one pass of the daemon goes on by the one that was in force last, as the daemon does.
        let role = town.logto.role("paid-tier").unwrap();
        let user = town.logto.add_user(&format!("{}@example.com", state.replace(' ', "-")));
        town.shop.buy(&"prd_01H9PRO".into(), &user);
        let once = town.home.entitled(&["run", "--once"]).exits(1).complains(&["stays in force"]);
        assert!(once.out.contains(" done, 0 already so, 0 failed"), "{state}\n{}", once.out);
        assert!(town.logto.roles_of(&user).contains(&role), "{state}");
    }
    town.shop.buy(&"prd_01H9PRO".into(), &town.logto.add_user("dry@example.com"));
    let ran = town.home.entitled(&["run", "--once", "--dry-run"]).exits(1).complains(&["stays in force"]);
    assert!(ran.out.contains("to grant, "), "{}", ran.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_elsewhere_is_found_by_the_command_line_and_the_environment() {
    let mut town = Town::demo().await;
    town.home.entitled(&["run", "--once", "--store", "other.db"]).exits(0);
    assert!(town.home.path("other.db").exists() && !town.home.path("entitled.db").exists());
    town.home.set("ENTITLED_STORE", "other.db");
    become_of(&town.home, None);
    let freeze = town.home.entitled(&["freeze", "--for", "1h", "--reason", "x"]).exits(0);
    assert!(freeze.out.starts_with("Frozen"), "{}", freeze.out);
    assert!(!town.home.path("entitled.db").exists());
    assert!(town.home.entitled(&["status"]).exits(1).out.contains("frozen: "));
}

#[test]
fn a_store_that_never_saw_a_valid_file_has_nothing_to_go_on_with() {
    let home = Home::new();
    home.write("entitlements.yaml", BROKEN);
    for command in [&["run"][..], &["run", "--once"], &["run", "--once", "--dry-run"], &["plan"], &["apply", "--yes"]] {
        let refused = home.entitled(command).exits(1).complains(&["this is not YAML"]);
        assert!(refused.out.is_empty(), "{command:?}\n{}", refused.out);
    }
    home.entitled(&["freeze", "--for", "1h", "--reason", "x"]).exits(0);
    let status = home.entitled(&["status"]).exits(1);
    assert!(status.out.starts_with("Degraded since ") && status.out.contains("frozen: "), "{}", status.out);
}

/// What a person does by hand goes by the last valid file, and so does the look of a doctor.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_done_by_hand_goes_by_the_last_valid_file() {
    let town = Town::demo().await;
    town.home.entitled(&["run", "--once"]).exits(0);
    let user = town.logto.add_user("one@example.com");
    town.shop.buy(&"prd_01H9TEAM".into(), &user);
    town.home.entitled(&["run", "--once"]).exits(0);
    let trail = town.home.entitled(&["history", user.as_str(), "-o", "json"]).exits(0);
    let trail: serde_json::Value = serde_json::from_str(&trail.out).unwrap();
    let run = trail[0]["run"].as_str().unwrap();
    let whole = fs::read_to_string(town.home.path("entitlements.yaml")).unwrap();
    let role = town.logto.role("paid-tier").unwrap();
    become_of(&town.home, STATES[1].1(&whole));
    let released = ["release", user.as_str(), "role", "paid-tier", "--reason", "a gift"];
    town.home.entitled(&released).exits(0).complains(&["stays in force"]);
    town.home.entitled(&["adopt", user.as_str(), "role", "paid-tier"]).exits(0).complains(&["stays in force"]);
    let doctor = town.home.entitled(&["doctor"]).exits(1).complains(&["stays in force"]);
    assert!(!doctor.out.contains("must be valid first"), "{}", doctor.out);
    assert!(doctor.out.contains("Logto") && doctor.out.contains("store"), "{}", doctor.out);
    town.home.entitled(&["undo", run, "--yes"]).exits(0).complains(&["stays in force"]);
    assert!(!town.logto.roles_of(&user).contains(&role));
}
