//! A daemon runs and cannot help: killed, paused, cut off, at a full disk, with a broken file, without its variables.
//! Each command of an operator that could help then works then. The store alone is enough for all that asks nobody.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use entitled::sandbox::{Handles, LogtoSim, Options, Running, ShopSim, start};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

use crate::support::home::Ran;
use crate::support::program::{Program, Started, addresses, until, until_async};
use crate::support::stage::{NO_LIMITS, furnish};

/// A daemon that has granted one sale, and the folder that it works in.
struct Scene {
    _running: Running,
    logto: LogtoSim,
    shop: ShopSim,
    program: Program,
    daemon: Started,
    address: String,
    ann: String,
    /// Whether commands have any room to write in.
    full: bool,
}

impl Scene {
    async fn new() -> Self {
        let running = start(Options::default()).await.unwrap();
        let Handles { logto, shop } = running.handles().unwrap().clone();
        furnish(&logto);
        let block = addresses(running.logto_url(), running.shop_url(), "");
        let products = "products: {prd_pro: {entitlements: [{role: paid-tier}]}}\n";
        let text = format!("{block}schedule: {{full_pass: 1s}}\nprune: owned\n{NO_LIMITS}\n{products}");
        let program = Program::new(&text);
        let daemon = program.start_where_files_may_be_bounded(&["run", "--listen", "127.0.0.1:0"]);
        let address = daemon.address().await;
        let listen = address.trim_start_matches("http://");
        std::fs::write(program.file(), format!("{text}listen: {listen}\n")).unwrap();
        let ann = logto.add_user("ann@example.com");
        shop.buy(&"prd_pro".into(), &ann);
        let paid = logto.role("paid-tier").unwrap();
        until("the sale is granted", || logto.roles_of(&ann).contains(&paid)).await;
        until_async("the new file is in force and all is well", async || {
            let version = entitled::config::load(&program.file(), &entitled::daemon::presets()).unwrap();
            let status = get(&address, "/api/v1/status").await;
            status.contains(&version.config.digest) && status.contains("\"state\":\"InSync\"")
        })
        .await;
        let ann = ann.to_string();
        Self { _running: running, logto, shop, program, daemon, address, ann, full: false }
    }

    /// Runs a command to its end, with what it prints in pipes, so that no room is needed for that.
    fn entitled(&self, arguments: &[&str]) -> Ran {
        let bound = if self.full { "trap '' XFSZ; ulimit -f 0; " } else { "" };
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &format!("{bound}exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_entitled")]).args(arguments);
        let command = command.env_clear().current_dir(self.program.folder.path()).stdin(Stdio::null());
        let ran = tokio::task::block_in_place(|| command.output()).unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ran { code: ran.status.code().unwrap_or(-1), out: text(ran.stdout), err: text(ran.stderr) }
    }

    /// Pauses the daemon; lets it go on where it was in the midst of a write.
    async fn is_paused(&self) -> bool {
        self.daemon.signal("STOP");
        let stat = format!("/proc/{}/stat", self.daemon.id());
        until("it is stopped", || std::fs::read_to_string(&stat).is_ok_and(|stat| stat.contains(") T "))).await;
        let free = is_free(&self.program.store()).await;
        if !free {
            self.daemon.signal("CONT");
        }
        free
    }

    async fn degraded(&self) {
        until_async("the daemon says what is wrong", async || get(&self.address, "/readyz").await.contains("Degraded"))
            .await;
    }
}

/// Whether anybody may write to a store at this moment.
pub(super) async fn is_free(store: &Path) -> bool {
    let options = SqliteConnectOptions::new().filename(store).busy_timeout(Duration::ZERO);
    let mut connection = options.connect().await.unwrap();
    let begun = sqlx::query("BEGIN IMMEDIATE").execute(&mut connection).await;
    connection.close().await.unwrap();
    begun.is_ok()
}

async fn get(address: &str, path: &str) -> String {
    let client = entitled::http::client(Duration::from_secs(10));
    client.get(format!("{address}{path}")).send().await.unwrap().text().await.unwrap()
}

/// What may have become of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plight {
    Killed,
    Paused,
    CutOff,
    FullDisk,
    EndedAtFullDisk,
    BrokenFile,
    NoFile,
    NoVariables,
}

const PLIGHTS: [Plight; 8] = [
    Plight::Killed,
    Plight::Paused,
    Plight::CutOff,
    Plight::FullDisk,
    Plight::EndedAtFullDisk,
    Plight::BrokenFile,
    Plight::NoFile,
    Plight::NoVariables,
];

impl Plight {
    async fn befalls(self, scene: &mut Scene) {
        match self {
            Self::Killed => {
                scene.daemon.signal("KILL");
                until("it is gone", || scene.daemon.is_over()).await;
            }
            // In the midst of a write it would hold the store until it goes on, and nothing but its end helped.
            Self::Paused => until_async("it is paused while it writes nothing", async || scene.is_paused().await).await,
            Self::CutOff => {
                scene.logto.faults().drop_next(1_000_000);
                scene.shop.faults().drop_next(1_000_000);
                scene.degraded().await;
            }
            Self::FullDisk => {
                // Two pages: neither the log, which is emptied again and again, nor the file has room for a change.
                let limit = "--fsize=8192:unlimited";
                let set = Command::new("prlimit").args(["--pid", &scene.daemon.id().to_string(), limit]).status();
                assert!(set.unwrap().success());
                scene.shop.buy(&"prd_pro".into(), "somebody@example.com");
                scene.degraded().await;
                scene.full = true;
            }
            Self::EndedAtFullDisk => {
                scene.daemon.signal("TERM");
                until("it has ended", || scene.daemon.is_over()).await;
                scene.full = true;
            }
            Self::BrokenFile => {
                std::fs::write(scene.program.file(), "prune: owend   # “never”\nproducts: [\n").unwrap();
                scene.degraded().await;
            }
            Self::NoFile => {
                std::fs::remove_file(scene.program.file()).unwrap();
                scene.degraded().await;
            }
            Self::NoVariables => {
                std::fs::remove_file(scene.program.folder.path().join(".env")).unwrap();
                scene.degraded().await;
            }
        }
    }

    /// What the state is by then, as `status` says it, and its exit code.
    fn status(self) -> (&'static str, i32) {
        match self {
            // By the store, where nobody answers.
            Self::Killed | Self::Paused | Self::EndedAtFullDisk => ("InSync", 0),
            Self::CutOff | Self::FullDisk | Self::BrokenFile | Self::NoFile | Self::NoVariables => ("Degraded", 1),
        }
    }

    /// Whether a command can write anything.
    fn has_room(self) -> bool {
        !matches!(self, Self::FullDisk | Self::EndedAtFullDisk)
    }

    /// Whether a command can ask Logto and the shop.
    fn can_ask(self) -> bool {
        self.has_room() && !matches!(self, Self::CutOff | Self::NoVariables)
    }
}

#[test]
fn every_command_that_could_help_works_in_every_plight() {
    // Most of it is waiting for who does not answer, so they wait together.
    std::thread::scope(|threads| {
        for plight in PLIGHTS {
            threads.spawn(move || {
                let mut runtime = tokio::runtime::Builder::new_multi_thread();
                let runtime = runtime.worker_threads(2).enable_all().build().unwrap();
                runtime.block_on(every_command_works(plight));
            });
        }
    });
}

async fn every_command_works(plight: Plight) {
    let mut scene = Scene::new().await;
    plight.befalls(&mut scene).await;
    let ann = scene.ann.clone();
    let ran = |arguments: &[&str], code: i32| {
        let ran = scene.entitled(arguments);
        assert_eq!(ran.code, code, "{plight:?}: {arguments:?}\n{}\n{}", ran.out, ran.err);
        assert!(!ran.err.contains("fault of its own"), "{plight:?}: {arguments:?}\n{}", ran.err);
        ran
    };
    // The store alone is enough for these.
    let (word, code) = plight.status();
    let status = ran(&["status"], code);
    assert!(status.out.starts_with(&format!("{word} since ")), "{plight:?}\n{}\n{}", status.out, status.err);
    assert!(status.out.contains("last passes"), "{plight:?}\n{}", status.out);
    assert!(ran(&["history", &ann], 0).out.contains("granted"), "{plight:?}");
    ran(&["ledger", "verify"], 0);

    // Stopping it, and letting it go on.
    let freeze = ["freeze", "--for", "1h", "--reason", "wait", "--all"];
    if plight.has_room() {
        assert!(ran(&freeze, 0).out.starts_with("Frozen: "), "{plight:?}");
        let frozen = ran(&["status"], code);
        until_async("the freeze is shown", async || scene.entitled(&["status"]).out.contains("frozen: ")).await;
        assert!(!frozen.out.starts_with("Frozen"), "{plight:?}: a freeze is no state\n{}", frozen.out);
        assert!(ran(&["unfreeze"], 0).out.starts_with("1 freeze ended."), "{plight:?}");
        ran(&["ledger", "backup", "backup.db"], 0);
    } else {
        let Ran { err, .. } = ran(&freeze, 1);
        let (room, disk) = ("hint: free some space", "hint: look at the disk");
        assert!(err.contains(room) || err.contains(disk), "{plight:?}\n{err}");
    }

    // These ask Logto, and what they cannot they say.
    for command in [&["why", ann.as_str()][..], &["who-has", "role", "paid-tier"]] {
        if plight.can_ask() {
            assert!(ran(command, 0).out.contains(&ann), "{plight:?}: {command:?}");
        } else {
            let refused = ran(command, 1);
            assert!(refused.err.contains("error: "), "{plight:?}: {command:?}\n{}", refused.err);
        }
    }
    let refused = ran(&["approve", "abcdef"], 1);
    assert!(refused.err.contains("no held set has the digest"), "{plight:?}\n{}", refused.err);
    assert_eq!(refused.err.contains("once the above is mended"), !plight.can_ask(), "{plight:?}\n{}", refused.err);
    // A checkup ends, says what is wrong, and finds nothing wrong where nothing is.
    let doctor = scene.entitled(&["doctor"]);
    let healthy = matches!(plight, Plight::Killed);
    assert_eq!(doctor.out.contains("WRONG"), !healthy, "{plight:?}\n{}", doctor.out);
}
