//! `entitled sandbox`: the simulators as a process of their own.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::home::Home;
use crate::support::nobody::Nobody;

/// A sandbox that runs, and is ended when dropped.
pub(super) struct Sandbox {
    child: Child,
    pub(super) logto: String,
    pub(super) shop: String,
}

impl Sandbox {
    /// Starts one in a folder, on free ports where the arguments name none.
    pub(super) fn start(home: &Home, arguments: &[&str]) -> Self {
        let mut command = home.command(env!("CARGO_BIN_EXE_entitled"));
        command.arg("sandbox").args(arguments);
        for side in ["--logto", "--shop"] {
            if !arguments.contains(&side) {
                command.args([side, "127.0.0.1:0"]);
            }
        }
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut address = |name: &str| {
            let line = lines.next().expect("it prints where it serves").unwrap();
            let words: Vec<&str> = line.split_whitespace().collect();
            assert_eq!(words[0], name, "{line}");
            words[1].to_owned()
        };
        let (logto, shop) = (address("Logto"), address("shop"));
        Self { child, logto, shop }
    }

    /// Asks it to end, as an init system does, and returns its exit code.
    pub(super) fn end(&mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(Command::new("/bin/sh").args(["-c", "kill -TERM \"$1\"", "sh", &pid]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _ended_already = self.child.wait();
    }
}

async fn answers(url: &str) -> bool {
    entitled::http::client(Duration::from_secs(5)).get(format!("{url}/sandbox/alive")).send().await.is_ok()
}

#[tokio::test]
async fn it_serves_where_it_is_told_until_it_is_ended() {
    let home = Home::demo();
    let held = (Nobody::home(), Nobody::home());
    let (logto, shop) = (held.0.address().to_string(), held.1.address().to_string());
    let mut sandbox = Sandbox::start(&home, &["--logto", &logto, "--shop", &shop]);
    assert_eq!((&sandbox.logto, &sandbox.shop), (&format!("http://{logto}"), &format!("http://{shop}")));
    assert!(answers(&sandbox.logto).await && answers(&sandbox.shop).await);

    // A command that needs the simulators uses those that run.
    home.entitled(&["run", "--once"]).exits(0);
    let second = home.entitled(&["sandbox", "--logto", "127.0.0.1:0", "--shop", "127.0.0.1:0"]).exits(1);
    second.complains(&[&sandbox.logto, &sandbox.shop, "\nhint: "]);
    home.entitled(&["sandbox", "--reset"]).exits(1).complains(&["in use", "\nhint: "]);

    assert_eq!(sandbox.end(), Some(0));
    assert!(!answers(&sandbox.logto).await);
    home.entitled(&["plan", "--exit-code"]).exits(0);
}

#[test]
fn a_reset_forgets_what_was_done() {
    let home = Home::demo();
    home.entitled(&["run", "--once"]).exits(0);
    assert_eq!(Sandbox::start(&home, &[]).end(), Some(0));
    home.entitled(&["plan", "--exit-code"]).exits(0);
    assert_eq!(Sandbox::start(&home, &["--reset"]).end(), Some(0));
    let ran = home.entitled(&["plan", "--exit-code"]).exits(2);
    assert!(ran.out.contains("and somebody took it away"), "{}", ran.out);
}

#[test]
fn what_cannot_be_served_is_said() {
    let home = Home::demo();
    home.entitled(&["sandbox", "--logto", "192.0.2.1:3901"]).exits(1).complains(&["loopback", "\nhint: "]);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    home.entitled(&["sandbox", "--logto", &address]).exits(1).complains(&["cannot listen on", &address, "\nhint: "]);
    home.write("seed.yaml", "users: [{emial: a@x.example}]\n");
    home.entitled(&["sandbox", "--seed", "seed.yaml"]).exits(1).complains(&["`seed.yaml`", "emial"]);
    home.entitled(&["sandbox", "--seed", "none.yaml"]).exits(1).complains(&["cannot read the seed `none.yaml`"]);
}
