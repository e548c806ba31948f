//! Something else than a file lies where a file is expected: every command says so at once, and where and what.

use std::path::PathBuf;

use crate::support::home::{Home, Town};
use crate::support::strange::Strange;

/// Where a file is expected, how it is called when it is none, and which of these commands come to read it.
const PLACES: [(&str, &str, &[&[&str]]); 5] = [
    ("entitlements.yaml", "cannot read `entitlements.yaml`", &[&["check"], &["source", "list"]]),
    (".env", "cannot read `.env`", &[&["check"], &["plan"]]),
    ("secret", "cannot read `secret`", &[&["check"], &["source", "test", "shop"]]),
    ("orders.yaml", "`orders.yaml`", &[&["plan"], &["source", "test", "hand"]]),
    ("plan.json", "`plan.json` is not a saved plan: ", &[&["apply", "plan.json", "--yes"]]),
];

/// What reads the file, and needs what stands in it.
const ALL: [&[&str]; 14] = [
    &["check"],
    &["plan"],
    &["plan", "-o", "json"],
    &["apply", "--yes"],
    &["run", "--once"],
    &["run", "--once", "--dry-run"],
    &["run"],
    &["why", "ann@example.com"],
    &["who-has", "role", "paid-tier"],
    &["adopt", "ann@example.com", "role", "paid-tier"],
    &["undo", "1"],
    &["doctor"],
    &["source", "list"],
    &["source", "test", "shop"],
];

async fn town() -> Town {
    let mut town = Town::demo().await;
    let secret = format!("{}\n", entitled::sandbox::SHOP_TOKEN);
    town.home.write("secret", &secret);
    town.edit("${SHOP_TOKEN}", "${file:secret}");
    town.edit("sources:\n", "sources:\n  hand: {kind: file, path: orders.yaml}\n");
    town.home.write("orders.yaml", "[]\n");
    town.home.write(".env", "NOTHING=here\n");
    town.home.write("plan.json", "{}");
    town.home.set("NO_COLOR", "1");
    town
}

/// Puts the file back when dropped.
struct Instead {
    path: PathBuf,
    aside: PathBuf,
}

impl Instead {
    fn of(home: &Home, name: &str, strange: Strange) -> Self {
        let (path, aside) = (home.path(name), home.path("aside"));
        std::fs::rename(&path, &aside).unwrap();
        strange.lies_at(&path);
        Self { path, aside }
    }
}

impl Drop for Instead {
    fn drop(&mut self) {
        if self.path.is_dir() {
            std::fs::remove_dir(&self.path).unwrap();
        }
        std::fs::rename(&self.aside, &self.path).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_lies_where_a_file_is_expected_is_named_with_its_place() {
    let town = town().await;
    town.home.entitled(&["check"]).exits(0);
    for strange in Strange::ALL {
        for (place, named, commands) in PLACES {
            let _instead = Instead::of(&town.home, place, strange);
            for command in commands {
                let ran = town.home.entitled(command);
                let said = format!("{command:?} with {strange:?} at {place}\n{}\n{}", ran.out, ran.err);
                assert_eq!(ran.code, 1, "{said}");
                let both = format!("{}{}", ran.out, ran.err);
                assert!(both.contains(named) && both.contains(strange.reason()), "{said}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_command_waits_for_a_pipe() {
    let town = town().await;
    for place in ["entitlements.yaml", ".env", "secret"] {
        let _instead = Instead::of(&town.home, place, Strange::Pipe);
        for command in ALL {
            let ran = town.home.entitled(command);
            let said = format!("{command:?} with a pipe at {place}\n{}\n{}", ran.out, ran.err);
            assert_eq!(ran.code, 1, "{said}");
            let both = format!("{}{}", ran.out, ran.err);
            assert!(both.contains(place) && both.contains(Strange::Pipe.reason()), "{said}");
        }
        // These need the store only.
        for command in [&["freeze", "--for", "1h", "--reason", "x"][..], &["unfreeze"], &["history", "nobody"]] {
            town.home.entitled(command).exits(0);
        }
        town.home.entitled(&["status"]).exits(1);
    }
}
