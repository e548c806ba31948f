//! The binary: what it prints where, and with which exit code it ends.

mod asking;
mod broken;
mod canaries;
mod doctor;
mod encodings;
mod hooks;
mod init;
mod kept;
mod names;
mod narrow;
mod network;
mod preview;
mod recordings;
mod refusals;
mod renamed;
mod sandbox;
mod sources;
mod states;
mod status;
mod stepping_in;
mod strange_files;
mod strangers;
mod weak;

use std::io::Read as _;
use std::process::Stdio;

use serde_json::Value;

use crate::support::golden::Golden;
use crate::support::home::{Home, Town, demo_file};

#[test]
fn check_says_that_a_valid_file_is_valid() {
    let ran = Home::demo().entitled(&["check"]).exits(0);
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("entitlements.yaml is valid: 3 products, 1 source\n", ""));
}

#[test]
fn check_takes_the_file_as_argument_option_or_variable() {
    let mut home = Home::new();
    home.write("other.yaml", &demo_file());
    for arguments in [&["check", "other.yaml"][..], &["--file", "other.yaml", "check"], &["check", "-f", "other.yaml"]]
    {
        assert!(home.entitled(arguments).exits(0).out.starts_with("other.yaml is valid"), "{arguments:?}");
    }
    home.set("ENTITLED_FILE", "other.yaml");
    assert!(home.entitled(&["check"]).exits(0).out.starts_with("other.yaml is valid"));
}

#[test]
fn check_tells_every_problem_at_once() {
    let home = Home::new();
    let text = demo_file().replace("prune: owned", "prnue: owned").replace("valid_for: 365d", "valid_for: ages");
    home.write("entitlements.yaml", &text.replace("    name: Team plan", "    nmae: Team plan"));
    let ran = home.entitled(&["check"]).exits(1);
    assert_eq!(ran.out, "");
    ran.complains(&["`prnue`", "`nmae`", "`ages`", "--> entitlements.yaml:", "^^^", "did you mean `prune`"])
        .complains(&["error: `entitlements.yaml` has "]);
}

#[test]
fn check_says_what_to_do_without_a_file() {
    let ran = Home::new().entitled(&["check", "nowhere.yaml"]).exits(1);
    assert_eq!(ran.out, "");
    ran.complains(&["error: cannot read `nowhere.yaml`\n", "\nhint: "]);
}

#[test]
fn check_writes_nothing_and_asks_nobody() {
    let home = Home::demo();
    home.entitled(&["check"]).exits(0);
    assert_eq!(home.files(), ["entitlements.yaml"]);
}

#[test]
fn schema_is_json() {
    let ran = Home::new().entitled(&["schema"]).exits(0);
    let schema: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert!(schema["properties"]["products"].is_object());
    assert_eq!(ran.err, "");
}

/// The plan for the demo in every form, as files beside this one.
#[test]
fn plan_shows_the_demo_in_four_forms() {
    let home = Home::demo();
    let mut golden = Golden::default();
    for (form, file) in [("text", "txt"), ("diff", "diff"), ("markdown", "md"), ("json", "json")] {
        let ran = home.entitled(&["plan", "--output", form]).exits(0);
        assert_eq!(ran.err, "", "{form}");
        assert!(!ran.out.contains('\u{1b}'), "{form} goes to a pipe and has no colours");
        golden.compare(&format!("cli/plan.{file}"), &scrubbed(&ran.out));
    }
    assert_eq!(home.entitled(&["plan"]).exits(0).out, home.entitled(&["plan", "-o", "text"]).exits(0).out);
    golden.settle();
}

#[test]
fn one_pass_brings_it_in_sync() {
    let home = Home::demo();
    home.entitled(&["plan", "--exit-code"]).exits(2);
    home.entitled(&["plan"]).exits(0);
    let ran = home.entitled(&["run", "--once"]).exits(0);
    assert_eq!(ran.err, "");
    let last = ran.out.lines().last().unwrap();
    assert!(last.starts_with("20 done, 0 already so, 0 failed, 0 held, 1 adopted; "), "{last}");
    assert!(last.ends_with(" calls, 20 changes"), "{last}");
    assert_eq!(ran.out.lines().filter(|line| line.starts_with("✓ grant ")).count(), 20);

    let ran = home.entitled(&["plan", "--exit-code"]).exits(0);
    assert!(ran.out.contains("\nNothing to do: Logto holds what was paid for. "), "{}", ran.out);
    assert_eq!(home.entitled(&["plan", "--output", "diff"]).exits(0).out, "");
    home.entitled(&["apply"]).exits(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_writes_nothing() {
    let town = Town::demo().await;
    let before = town.home.files();
    let dry = town.home.entitled(&["run", "--once", "--dry-run"]).exits(0);
    assert_eq!(town.logto.writes(), []);
    assert_eq!(town.shop.writes(), []);
    assert_eq!(town.home.files(), before, "no store, no lock, nothing else");
    assert_eq!(town.home.entitled(&["plan", "--exit-code"]).exits(2).out, dry.out);

    town.home.entitled(&["run", "--once"]).exits(0);
    assert_ne!(town.logto.writes(), [], "the same store and simulator do see the real run");
}

#[test]
fn apply_asks_and_so_refuses_without_a_terminal() {
    let home = Home::demo();
    let ran = home.entitled(&["apply"]).exits(1);
    assert!(ran.out.contains("\nPlan: 20 to grant, "), "the plan is shown all the same");
    ran.complains(&["error: ", "\nhint: ", "`--yes`"]);
    home.entitled(&["plan", "--exit-code"]).exits(2);
    home.entitled(&["apply", "--yes"]).exits(0);
    home.entitled(&["plan", "--exit-code"]).exits(0);
}

#[test]
fn apply_does_what_is_answered() {
    let home = Home::demo();
    let declined = home.on_terminal("apply", "n\n").exits(2);
    assert!(declined.out.contains("Carry this out? [y/N] "), "{}", declined.out);
    home.entitled(&["plan", "--exit-code"]).exits(2);
    home.on_terminal("apply", "y\n").exits(0);
    home.entitled(&["plan", "--exit-code"]).exits(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn apply_carries_out_a_saved_plan_exactly() {
    let town = Town::demo().await;
    let saved = town.home.entitled(&["plan", "--output", "json"]).exits(0).out;
    town.home.write("saved.json", &saved);
    let ran = town.home.entitled(&["apply", "saved.json"]).exits(0);
    let plan: Value = serde_json::from_str(&saved).unwrap();
    let planned = plan["changes"].as_array().unwrap();
    let done: Vec<&str> = ran.out.lines().filter(|line| line.starts_with("✓ ")).collect();
    assert_eq!(done.len(), planned.len());
    for (line, change) in done.iter().zip(planned) {
        let (target, user) = (change["target"].as_str().unwrap(), change["user"].as_str().unwrap());
        assert!(line.starts_with(&format!("✓ grant {target} to {user}")), "{line} / {change}");
    }
    town.home.entitled(&["plan", "--exit-code"]).exits(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn apply_refuses_a_plan_that_is_no_longer_true() {
    let town = Town::demo().await;
    town.home.write("saved.json", &town.home.entitled(&["plan", "--output", "json"]).exits(0).out);
    let (user, role) = (town.logto.user("anna@example.com").unwrap(), town.logto.role("paid-tier").unwrap());
    town.logto.grant(&user, &role);
    let ran = town.home.entitled(&["apply", "saved.json", "--yes"]).exits(1);
    assert_eq!(ran.out, "");
    ran.complains(&["error: the plan is out of date", "\nhint: "]);
    assert_eq!(town.logto.writes(), []);

    for (name, text) in [("other.json", "{}"), ("half.json", "{\"version\": 1,"), ("text.txt", "Plan: 20 to grant")] {
        town.home.write(name, text);
        let complaint = format!("error: `{name}` is not a saved plan");
        town.home.entitled(&["apply", name]).exits(1).complains(&[&complaint, "`entitled plan --output json"]);
    }
    town.home.entitled(&["apply", "missing.json"]).exits(1).complains(&["`missing.json`"]);
    assert_eq!(town.logto.writes(), []);
}

/// What a saved plan rests on are the people in it and their orders: others may buy, and the file may be worded otherwise.
#[tokio::test(flavor = "multi_thread")]
async fn a_saved_plan_bears_whatever_it_does_not_rest_on() {
    let town = Town::demo().await;
    let saved = town.home.entitled(&["plan", "--output", "json"]).exits(0).out;
    town.home.write("saved.json", &saved);
    town.edit("version: 1", "# A comment that moves every line.\nversion: 1");
    let late = town.logto.add_user("late@example.com");
    town.shop.buy(&"prd_01H9PRO".into(), &late);
    let ran = town.home.entitled(&["apply", "saved.json"]).exits(0);
    let plan: Value = serde_json::from_str(&saved).unwrap();
    let planned = plan["changes"].as_array().unwrap().len();
    assert_eq!(ran.out.lines().filter(|line| line.starts_with("✓ ")).count(), planned, "{}", ran.out);
    assert!(!ran.out.contains(late.as_str()), "it was not seen when the plan was saved: {}", ran.out);
    let ran = town.home.entitled(&["run", "--once"]).exits(0);
    assert!(ran.out.contains(late.as_str()), "the next pass does it: {}", ran.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saved_plan_that_is_refused_says_what_has_changed() {
    let town = Town::demo().await;
    let late = town.logto.add_user("late@example.com");
    let order = town.shop.buy(&"prd_01H9TEAM".into(), &late);
    town.home.write("saved.json", &town.home.entitled(&["plan", "--output", "json"]).exits(0).out);
    town.shop.buy(&"prd_01H9BETA".into(), &late);
    let besides = format!("`grant role beta to {late}` is to be done besides");
    town.home.entitled(&["apply", "saved.json"]).exits(1).complains(&["the plan is out of date: ", &besides]);
    town.home.write("saved.json", &town.home.entitled(&["plan", "--output", "json"]).exits(0).out);
    town.shop.set_status(&order, "refunded");
    town.edit("grace: 3d", "grace: 0s");
    let ran = town.home.entitled(&["apply", "saved.json"]).exits(1);
    ran.complains(&["the plan is out of date: ", &format!(" to {late}` is not to be done any more")]);
    assert_eq!(town.logto.writes(), []);
}

/// Whoever holds by hand what they have paid for holds it afterwards too: a job at night is green.
#[tokio::test(flavor = "multi_thread")]
async fn what_only_becomes_ours_is_no_drift() {
    let town = Town::demo().await;
    town.home.entitled(&["run", "--once"]).exits(0);
    for name in ["entitled.db", "entitled.db-wal", "entitled.db-shm", "entitled.db-lock"] {
        let _may_not_be_there = std::fs::remove_file(town.home.path(name));
    }
    let ran = town.home.entitled(&["plan", "--exit-code"]).exits(0);
    assert!(ran.out.contains("\nPlan: 0 to grant, 0 to revoke, ") && ran.out.contains(" to adopt"), "{}", ran.out);
    let (user, role) = (town.logto.user("anna@example.com").unwrap(), town.logto.role("paid-tier").unwrap());
    town.logto.revoke(&user, &role);
    town.home.entitled(&["plan", "--exit-code"]).exits(2);
}

#[test]
fn a_second_writer_is_told_who_writes() {
    let home = Home::demo();
    let _held = entitled::store::lease::take(&home.path("entitled.db")).unwrap().unwrap();
    let ran = home.entitled(&["apply", "--yes"]).exits(1);
    ran.complains(&[&format!("process {}", std::process::id()), "\nhint: "]);
    home.entitled(&["plan", "--exit-code"]).exits(2);
}

#[test]
fn wrong_usage_is_64_and_help_is_not() {
    let home = Home::demo();
    for wrong in [
        &["frobnicate"][..],
        &[],
        &["plan", "--output", "pdf"],
        &["run", "--twice"],
        &["sandbox", "--logto", "nowhere"],
        &["plan", "--log", "loud=="],
    ] {
        let ran = home.entitled(wrong).exits(64);
        assert_eq!(ran.out, "", "{wrong:?}");
        assert!(!ran.err.is_empty(), "{wrong:?}");
    }
    for right in [&["--help"][..], &["-h"], &["help"], &["plan", "--help"], &["--version"]] {
        let ran = home.entitled(right).exits(0);
        assert_eq!(ran.err, "", "{right:?}");
        assert!(!ran.out.is_empty(), "{right:?}");
    }
    let help = home.entitled(&["--help"]).out;
    for word in ["run", "plan", "apply", "check", "schema", "sandbox", "Exit codes", "64"] {
        assert!(help.contains(word), "{word}");
    }
    assert_eq!(home.entitled(&["--version"]).out, concat!("entitled ", env!("CARGO_PKG_VERSION"), "\n"));
    assert_eq!(home.files(), ["entitlements.yaml"]);
}

#[test]
fn logs_are_on_stderr_and_data_is_not() {
    let home = Home::demo();
    let quiet = home.entitled(&["plan"]).exits(0);
    let json = home.entitled(&["plan", "--log", "debug"]).exits(0);
    assert_eq!(json.out, quiet.out);
    assert!(!json.err.is_empty());
    for line in json.err.lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(line["level"].is_string() && line["timestamp"].is_string(), "{line}");
    }
    let text = home.entitled(&["plan", "--log", "debug", "--log-format", "text"]).exits(0);
    assert_eq!(text.out, quiet.out);
    assert!(text.err.contains("DEBUG") && !text.err.contains('\u{1b}'), "{}", text.err);
}

#[test]
fn colours_are_for_terminals() {
    let mut home = Home::demo();
    let plain = home.entitled(&["plan"]).exits(0).out;
    assert!(!plain.contains('\u{1b}'));
    let asked_for = home.entitled(&["plan", "--color", "always"]).exits(0).out;
    assert!(asked_for.contains("\u{1b}[32m+\u{1b}[0m"), "{asked_for}");
    let shown = home.on_terminal("plan", "").exits(0).out;
    assert!(shown.contains("\u{1b}[32m+\u{1b}[0m"), "{shown}");
    assert!(!home.on_terminal("plan --color never", "").exits(0).out.contains('\u{1b}'));

    home.set("NO_COLOR", "1");
    assert_eq!(home.on_terminal("plan", "").exits(0).out, plain);
    home.set("NO_COLOR", "");
    assert!(home.on_terminal("plan", "").exits(0).out.contains('\u{1b}'), "an empty NO_COLOR is none");
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let home = Home::demo();
    for arguments in [&["schema"][..], &["plan"]] {
        let mut command = home.command(env!("CARGO_BIN_EXE_entitled"));
        let mut child = command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let mut err = String::new();
        child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        assert_eq!((child.wait().unwrap().code(), err.as_str()), (Some(0), ""), "{arguments:?}");
    }
}

/// Without what changes from day to day and from edit to edit: the digest of the file, and dates.
fn scrubbed(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let digits = |from: usize, to: usize| {
            rest.get(from..to).is_some_and(|part| part.bytes().all(|byte| byte.is_ascii_digit()))
        };
        let dash = |at: usize| rest.as_bytes().get(at) == Some(&b'-');
        let hex = rest.bytes().take_while(|byte| byte.is_ascii_hexdigit()).count();
        if digits(0, 4) && dash(4) && digits(5, 7) && dash(7) && digits(8, 10) {
            out.push_str("DATE");
            rest = &rest[10..];
        } else if hex == 64 || (hex == 7 && out.trim_end_matches('\u{200b}').ends_with("entitlements.yaml@")) {
            out.push_str("DIGEST");
            rest = &rest[hex..];
        } else {
            out.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    out
}
