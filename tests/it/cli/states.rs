//! Every command that could help an operator, in every state in which they need it: it works, or it says the one
//! thing to do. None of them panics, and none hangs.

use std::fs;
use std::process::{Child, Command, Stdio};

use super::helps::is_free;
use crate::support::home::{Ran, Town};
use crate::support::program::until;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// A daemon was killed.
    Killed,
    /// A daemon was stopped (SIGSTOP), and holds the lease.
    Paused,
    /// Nobody answers where Logto is.
    CutOff,
    /// No file may grow any more.
    FullDisk,
    /// The file is no YAML.
    Broken,
    /// What the file refers to is not set.
    Unset,
}

use State::{Broken, CutOff, FullDisk, Killed, Paused, Unset};

const STATES: [State; 6] = [Killed, Paused, CutOff, FullDisk, Broken, Unset];

/// A command, and the states in which it cannot do what it is there for. In all others it does, whatever its exit code.
/// `USER` and `FILE` stand for a user and for a file that is not there yet.
const TABLE: [(&[&str], &[State]); 14] = [
    (&["status"], &[]),
    (&["status", "-o", "json"], &[]),
    (&["freeze", "--for", "1h", "--reason", "wait"], &[FullDisk]),
    (&["unfreeze"], &[FullDisk]),
    (&["history", "USER"], &[]),
    (&["why", "USER"], &[FullDisk]),
    (&["who-has", "role", "paid-tier"], &[FullDisk]),
    (&["release", "USER", "role", "paid-tier", "--reason", "a gift"], &[FullDisk]),
    (&["ledger", "verify"], &[]),
    (&["ledger", "backup", "FILE"], &[FullDisk]),
    (&["doctor"], &[]),
    (&["approve", "0123456789ab"], &STATES),
    (&["plan"], &[CutOff, FullDisk, Broken, Unset]),
    (&["apply", "--yes"], &[Paused, CutOff, FullDisk, Broken, Unset]),
];

/// Killed when dropped.
struct Daemon(Child);

impl Daemon {
    async fn start(town: &Town) -> Self {
        let mut command = town.home.command(env!("CARGO_BIN_EXE_entitled"));
        command.arg("run").stdout(Stdio::null()).stderr(Stdio::null());
        let daemon = Self(command.spawn().unwrap());
        let store = town.home.path("entitled.db");
        until("it writes to the store", || entitled::store::lease::holder(&store).is_ok_and(|holder| holder.is_some()))
            .await;
        daemon
    }

    /// Where it is not in the midst of a write: else nobody could write before it goes on.
    async fn pause(&self, town: &Town) {
        let store = town.home.path("entitled.db");
        let stat = format!("/proc/{}/stat", self.0.id());
        loop {
            self.signal("STOP");
            until("it is stopped", || fs::read_to_string(&stat).is_ok_and(|stat| stat.contains(") T "))).await;
            if is_free(&store).await {
                return;
            }
            self.signal("CONT");
        }
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.0.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _gone_meanwhile = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// Brings it about. What is returned keeps it so.
async fn bring_about(state: State, town: &mut Town) -> Option<Daemon> {
    let file = fs::read_to_string(town.home.path("entitlements.yaml")).unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    match state {
        Killed | Paused => {
            town.home
                .write("entitlements.yaml", &file.replace("prune: owned", &format!("prune: owned\nlisten: {free}")));
            let daemon = Daemon::start(town).await;
            if state == Paused {
                daemon.pause(town).await;
                return Some(daemon);
            }
            drop(daemon);
        }
        CutOff => {
            town.home.write("entitlements.yaml", &file.replace(town.running.logto_url(), &format!("http://{free}")))
        }
        Broken => town.home.write("entitlements.yaml", "prune: [owend   # “never”\u{a0}😀\n"),
        Unset => ["ENTITLED_PUBLIC_APP_ID", "APP_SECRET", "SHOP_TOKEN"].iter().for_each(|name| town.home.unset(name)),
        FullDisk => {}
    }
    None
}

fn run(state: State, town: &Town, arguments: &[&str]) -> Ran {
    if state == FullDisk {
        let bounded = "trap '' XFSZ; ulimit -f 1; exec \"$0\" \"$@\"";
        return town.home.program("/bin/sh", &[&["-c", bounded, env!("CARGO_BIN_EXE_entitled")], arguments].concat());
    }
    town.home.entitled(arguments)
}

#[test]
fn every_command_works_or_says_what_to_do_in_every_state() {
    // Most of it is waiting for who does not answer, so they wait together.
    std::thread::scope(|threads| {
        for state in STATES {
            threads.spawn(move || {
                let mut runtime = tokio::runtime::Builder::new_multi_thread();
                let runtime = runtime.worker_threads(2).enable_all().build().unwrap();
                runtime.block_on(every_command_works_or_says_what_to_do(state));
            });
        }
    });
}

async fn every_command_works_or_says_what_to_do(state: State) {
    let mut town = Town::demo().await;
    let user = town.logto.add_user("one@example.com");
    town.shop.buy(&"prd_01H9PRO".into(), &user);
    town.home.entitled(&["run", "--once"]).exits(0);
    let held = bring_about(state, &mut town).await;
    for (command, refused) in TABLE {
        let named = |word: &&'static str| match *word {
            "USER" => user.to_string(),
            "FILE" => format!("{state:?}.db"),
            word => word.to_owned(),
        };
        let arguments: Vec<String> = command.iter().map(named).collect();
        let ran = run(state, &town, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
        let told = format!("{command:?} while {state:?}, exit code {}\n{}\n{}", ran.code, ran.out, ran.err);
        assert!([0, 1, 3].contains(&ran.code), "it ends by itself: {told}");
        assert!(!ran.err.contains("fault of its own") && !ran.err.contains("panicked"), "{told}");
        if refused.contains(&state) {
            assert_eq!(ran.code, 1, "{told}");
            assert!(ran.err.contains("hint: ") || ran.err.contains("help: "), "it says what to do: {told}");
        } else {
            assert!(!ran.out.is_empty(), "it works: {told}");
            assert!(
                ran.code == 0 || ran.err.contains("hint: ") || ran.out.contains("hint: ") || ran.err.contains("help: "),
                "{told}"
            );
        }
    }
    drop(held);
}

/// What nobody can be asked for is said to come from the store, and what is missing is named.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_store_knows_is_told_while_logto_cannot_be_asked() {
    for state in [Unset, CutOff] {
        let mut town = Town::demo().await;
        let user = town.logto.add_user("one@example.com");
        let order = town.shop.buy(&"prd_01H9PRO".into(), (&user, "one@example.com"));
        town.home.entitled(&["run", "--once"]).exits(0);
        bring_about(state, &mut town).await;
        town.logto.clear_requests();
        town.shop.clear_requests();
        let missing: &[&str] = match state {
            Unset => &["`ENTITLED_PUBLIC_APP_ID`", "`APP_SECRET`", "`SHOP_TOKEN`"],
            _ => &["Logto at http://127.0.0.1:"],
        };
        for whom in [user.as_str(), "one@example.com"] {
            let why = town.home.entitled(&["why", whom]).exits(1).complains(&["this is what the store at "]);
            let why = why.complains(missing);
            let parts =
                [order.as_str(), "role paid-tier", "entitles; expires in", "; ours: granted on", "is not known"];
            for part in parts {
                assert!(why.out.contains(part), "`{part}` is missing in\n{}", why.out);
            }
            for part in ["Logto has no such user", "nothing to do"] {
                assert!(!why.out.contains(part), "`{part}` is not known:\n{}", why.out);
            }
        }
        town.home.entitled(&["why", "nobody@example.com"]).exits(1).complains(&["neither an order nor Logto knows"]);
        let held = town.home.entitled(&["who-has", "role", "paid-tier"]).exits(1).complains(missing);
        assert!(held.out.contains(user.as_str()) && held.out.contains("some may be missing"), "{}", held.out);
        let released = ["release", user.as_str(), "role", "paid-tier", "--reason", "a gift"];
        let released = town.home.entitled(&released).exits(1).complains(missing);
        assert!(released.out.contains("it is ours no more"), "{}", released.out);
        assert_eq!((town.logto.requests(), town.shop.requests()), (vec![], vec![]), "{state:?}: nobody is asked");
    }
}
