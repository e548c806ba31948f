//! Something else than a file lies where a file is expected: every command says so at once, and where and what.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

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

/// A daemon says what it waits for, and ends when it is told.
fn waits(home: &Home, place: &str) {
    let mut command = home.command(env!("CARGO_BIN_EXE_entitled"));
    let mut daemon = command.args(["run", "--listen", "off"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(daemon.stderr.take().unwrap()).lines();
    let said = lines.find(|line| line.as_ref().unwrap().contains("not started yet")).unwrap().unwrap();
    assert!(said.contains(place), "{said}");
    let pid = daemon.id().to_string();
    assert!(Command::new("/bin/sh").args(["-c", "kill -TERM \"$1\"", "sh", &pid]).status().unwrap().success());
    assert!(lines.all(|line| line.is_ok()));
    assert_eq!(daemon.wait().unwrap().code(), Some(0));
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
            // A daemon waits for what a file would bring it, and answers meanwhile.
            if *command == ["run"] && place == "secret" {
                waits(&town.home, place);
                continue;
            }
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
