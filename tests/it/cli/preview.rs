//! `preview`: what merging would do, by a store and by a daemon, in every form, and safe against whoever proposes.

use std::path::Path;
use std::process::Command;

use entitled::sandbox::{APP_ID, APP_SECRET, SHOP_TOKEN};

use super::scrubbed;
use crate::support::golden::Golden;
use crate::support::home::{Home, Town, demo_file};
use crate::support::program::until;

/// The demo after a pass, without any secret from here on, and with nobody to be asked: the store is a copy.
async fn copied() -> Town {
    let mut town = Town::demo().await;
    town.home.entitled(&["run", "--once"]).exits(0);
    town.home.entitled(&["ledger", "backup", "copy.db"]).exits(0);
    for name in ["ENTITLED_PUBLIC_APP_ID", "APP_SECRET", "SHOP_TOKEN"] {
        town.home.unset(name);
    }
    town.logto.clear_requests();
    town.shop.clear_requests();
    town
}

/// A version that takes a role from everybody who has the team plan, and gives them another one.
fn proposed(town: &Town) -> String {
    let text = std::fs::read_to_string(town.home.path("entitlements.yaml")).unwrap();
    let changed = text.replace("        roles: [member]                   # roles in the organization; they imply the membership\n      - role: paid-tier\n", "        roles: [member]\n      - role: beta\n");
    assert_ne!(changed, text, "the demo has changed");
    changed
}

fn nobody_was_asked(town: &Town) {
    assert_eq!((town.logto.requests(), town.shop.requests()), (vec![], vec![]));
}

/// In every form, as files beside this one.
#[tokio::test(flavor = "multi_thread")]
async fn the_difference_is_shown_in_four_forms_by_a_copied_store() {
    let town = copied().await;
    town.home.write("head.yaml", &proposed(&town));
    let mut golden = Golden::default();
    let before = town.home.files();
    for (form, file) in [("text", "txt"), ("markdown", "md"), ("json", "json"), ("github", "github.txt")] {
        let arguments = ["preview", "--store", "copy.db", "--head", "head.yaml", "--output", form];
        let ran = town.home.entitled(&arguments).exits(0);
        let ran = ran.complains(&["note: no daemon was asked; this is by the store at `copy.db`"]);
        golden.compare(&format!("cli/preview.{file}"), &timeless(&ran.out));
    }
    golden.settle();
    assert_eq!(town.home.files(), before, "nothing is left behind");
    nobody_was_asked(&town);
}

/// Without what is another one each time.
fn timeless(text: &str) -> String {
    let Ok(mut document) = serde_json::from_str::<serde_json::Value>(text) else { return scrubbed(text) };
    for moment in ["at", "seen"] {
        document[moment] = "TIME".into();
    }
    // What was sold within the second in which it is looked at is no commit's doing.
    for group in document["groups"].as_array_mut().unwrap() {
        if group["cause"] == "sale" {
            group["cause"] = "commit".into();
        }
    }
    scrubbed(&format!("{document:#}\n"))
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_numbered_in_what_others_read_unless_somebody_reveals_them() {
    let town = copied().await;
    town.home.write("head.yaml", &proposed(&town));
    let of = |further: &[&str]| {
        let arguments = [&["preview", "--store", "copy.db", "--head", "head.yaml"][..], further].concat();
        town.home.entitled(&arguments).exits(0).out
    };
    for form in ["markdown", "json", "github"] {
        let shown = of(&["--output", form]);
        assert!(!shown.contains(".example"), "{shown}");
        assert!(form == "github" || shown.contains("buyer"), "{shown}");
    }
    for form in ["markdown", "json"] {
        let shown = of(&["--output", form, "--reveal"]);
        assert!(shown.contains(".example") && !shown.contains("buyer"), "{shown}");
    }
    assert!(of(&[]).contains(".example"), "whoever sits at the store reads it anyway");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_force_changes_nothing_for_anybody() {
    let town = copied().await;
    let ran = town.home.entitled(&["preview", "--store", "copy.db"]).exits(0);
    assert!(ran.out.starts_with("Merging this changes nothing for anybody ("), "{}", ran.out);
    let ran = town.home.entitled(&["preview", "--store", "copy.db", "--output", "github"]).exits(0);
    assert_eq!(ran.out, "");
    nobody_was_asked(&town);
}

#[test]
fn without_anybody_who_knows_what_is_in_force_it_says_so_and_shows_nothing() {
    let home = Home::demo();
    let ran = home.entitled(&["preview"]).exits(1);
    assert_eq!(ran.out, "");
    ran.complains(&[
        "error: nobody knows what is in force",
        "no store with a file is at ",
        "--daemon",
        "ledger backup",
    ]);
    let ran = home.entitled(&["preview", "--store", "missing.db"]).exits(1);
    ran.complains(&["`missing.db`"]);
    assert_eq!(home.files(), ["entitlements.yaml"]);
    // Port 9 is discarded, or closed, on every machine.
    let ran = home.entitled(&["preview", "--daemon", "http://127.0.0.1:9"]).exits(1);
    ran.complains(&["error: ", "\nhint: check `--daemon`"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_proposal_is_told_by_its_lines() {
    let town = copied().await;
    town.home.write("head.yaml", &proposed(&town).replace("prune: owned", "prune: owend"));
    let ran = town.home.entitled(&["preview", "--store", "copy.db", "--head", "head.yaml"]).exits(1);
    assert_eq!(ran.out, "");
    ran.complains(&["`owend`", "prune: owend", "^^^"]);
    let ran = town.home.entitled(&["preview", "--store", "copy.db", "--head", "nowhere.yaml"]).exits(1);
    ran.complains(&["git does not give the file of `nowhere.yaml`", "\nhint: "]);
    for head in ["", "-c", "--upload-pack=x"] {
        town.home.entitled(&["preview", "--store", "copy.db", &format!("--head={head}")]).exits(64);
    }
    nobody_was_asked(&town);
}

/// Runs git as nobody in particular, without the configuration of this machine.
fn git(folder: &Path, arguments: &[&str]) -> String {
    let git = Command::new("git")
        .args(["-c", "user.name=Ada", "-c", "user.email=ada@example.com"])
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .output()
        .unwrap();
    assert!(git.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&git.stderr));
    String::from_utf8(git.stdout).unwrap().trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn both_versions_may_be_commits() {
    let mut town = copied().await;
    let path = std::env::var("PATH").unwrap();
    town.home.set("PATH", &path);
    let folder = town.home.path("");
    git(&folder, &["init", "--quiet", "--initial-branch=main"]);
    git(&folder, &["add", "entitlements.yaml"]);
    git(&folder, &["commit", "--quiet", "-m", "one"]);
    git(&folder, &["checkout", "--quiet", "-b", "change"]);
    town.home.write("entitlements.yaml", &proposed(&town));
    git(&folder, &["commit", "--quiet", "-am", "two"]);
    let head = git(&folder, &["rev-parse", "HEAD"]);

    let of = |arguments: &[&str], code| {
        let arguments = [&["preview", "--store", "copy.db", "--output", "json"][..], arguments].concat();
        town.home.entitled(&arguments).exits(code)
    };
    let said: serde_json::Value = serde_json::from_str(&of(&["--base", "main", "--head", "change"], 0).out).unwrap();
    assert_eq!(said["head"]["commit"], head.as_str(), "{said}");
    assert!(said["summary"]["lose"].as_u64().unwrap() > 0, "{said}");
    assert!(said.get("in_force").is_none(), "the base is what is in force: {said}");
    // The other way round the base is another one than what is in force.
    let said: serde_json::Value = serde_json::from_str(&of(&["--base", "change", "--head", "main"], 0).out).unwrap();
    assert!(said["in_force"].is_object(), "{said}");
    of(&["--base", "elsewhere"], 1).complains(&["git does not give the file of `elsewhere`", "shallow clone"]);
    nobody_was_asked(&town);
}

/// The daemon is asked with a token that opens nothing else, by somebody who has neither a store nor a secret.
#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_is_asked_with_the_token_for_previews() {
    const FULL: &str = "correct-horse-battery-staple";
    const PREVIEW: &str = "wrong-horse-battery-staple";
    let town = Town::demo().await;
    town.home.entitled(&["run", "--once"]).exits(0);
    let mut daemon = town.home.command(env!("CARGO_BIN_EXE_entitled"));
    daemon.env("ENTITLED_API_TOKEN", FULL).env("ENTITLED_PREVIEW_TOKEN", PREVIEW);
    let log = town.home.path("daemon.log");
    daemon.args(["run", "--listen", "127.0.0.1:0"]).stderr(std::fs::File::create(&log).unwrap());
    let daemon = Daemon(daemon.stdout(std::process::Stdio::null()).spawn().unwrap());
    let logged = || std::fs::read_to_string(&log).unwrap();
    until("it is in force", || logged().contains("in force")).await;
    let at = || {
        let log = logged();
        let start = log.find("listening on http://")? + "listening on ".len();
        Some(log[start..].split(['"', '\n', ' ']).next()?.to_owned())
    };
    until("it says where it listens", || at().is_some()).await;
    let at = at().unwrap();

    let mut elsewhere = Home::new();
    elsewhere.write("entitlements.yaml", &proposed(&town));
    let arguments = ["preview", "--daemon", at.as_str(), "--output", "markdown"];
    elsewhere.entitled(&arguments).exits(1).complains(&["token", "\nhint: "]);
    elsewhere.set("ENTITLED_PREVIEW_TOKEN", PREVIEW);
    let ran = elsewhere.entitled(&arguments).exits(0);
    assert!(ran.out.starts_with("<!-- entitled preview -->\n"), "{}", ran.out);
    assert!(ran.out.contains("buyer 1") && !ran.out.contains(".example"), "{}", ran.out);
    let ran = elsewhere.entitled(&[&arguments[..], &["--reveal"]].concat()).exits(0);
    assert!(ran.out.contains("buyer 1"), "the token opens nobody's name: {}", ran.out);
    elsewhere.unset("ENTITLED_PREVIEW_TOKEN");
    elsewhere.set("ENTITLED_API_TOKEN", FULL);
    let ran = elsewhere.entitled(&[&arguments[..], &["--reveal"]].concat()).exits(0);
    assert!(!ran.out.contains("buyer 1"), "{}", ran.out);
    elsewhere.write("entitlements.yaml", &demo_file().replace("prune: owned", "prune: owend"));
    let ran = elsewhere.entitled(&arguments).exits(1);
    let ran = ran.complains(&["the proposed version of the file is not valid", "`owend`"]);
    assert_eq!(elsewhere.files(), ["entitlements.yaml"]);
    drop(daemon);
    for text in [APP_ID, APP_SECRET, SHOP_TOKEN, FULL, PREVIEW] {
        assert!(!ran.err.contains(text) && !ran.out.contains(text), "{}{}", ran.out, ran.err);
    }
}

/// Killed when dropped.
struct Daemon(std::process::Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _gone_meanwhile = self.0.kill();
        let _reaped = self.0.wait();
    }
}
