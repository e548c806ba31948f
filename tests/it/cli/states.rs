//! Every command that could help an operator, in every state in which they need it: it works, or it says the one
//! thing to do. None of them panics, and none hangs. The store alone is enough for all that asks nobody.

use std::cell::RefCell;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use entitled::model::UserId;
use entitled::sandbox::{Handles, LogtoSim, Options, Running, ShopSim, start};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

use crate::support::home::{Ran, Town, at_once};
use crate::support::program::{Program, Started, addresses, until, until_async};
use crate::support::stage::furnish;

/// What has become of the daemon, or of what it works with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Killed,
    /// By SIGSTOP: it holds the lease.
    Paused,
    /// Neither Logto nor the shop answers.
    CutOff,
    /// No file may grow any more, neither for the daemon nor for a command.
    FullDisk,
    /// The same, and the daemon has ended.
    EndedAtFullDisk,
    /// The file is no YAML.
    Broken,
    NoFile,
    /// What the file refers to is not set.
    Unset,
}

use State::{Broken, CutOff, EndedAtFullDisk, FullDisk, Killed, NoFile, Paused, Unset};

const STATES: [State; 8] = [Killed, Paused, CutOff, FullDisk, EndedAtFullDisk, Broken, NoFile, Unset];

/// What a command does in a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Does {
    /// What it is there for, whatever its exit code.
    Works,
    /// Says what the store knows, and that this is not all; exit code 1.
    Knows,
    /// Nothing, and says what to do; exit code 1.
    Refuses,
}

const W: Does = Does::Works;
const K: Does = Does::Knows;
const R: Does = Does::Refuses;

/// A command, what is read in its answer where it works, and what it does in each state. `ANN` stands for a user, `FILE`
/// for a file that is not there yet, `SET` for a set that is held.
type Row = (&'static [&'static str], &'static str, [Does; 8]);

const TABLE: [Row; 18] = [
    // Killed, Paused, CutOff, FullDisk, EndedAtFullDisk, Broken, NoFile, Unset
    (&["status"], "last passes", [W, W, W, W, W, W, W, W]),
    (&["status", "-o", "json"], "\"runs\"", [W, W, W, W, W, W, W, W]),
    (&["history", "ANN"], "granted", [W, W, W, W, W, W, W, W]),
    (&["ledger", "verify"], "is whole", [W, W, W, W, W, W, W, W]),
    (&["ledger", "backup", "FILE"], "is copied", [W, W, W, R, R, W, W, W]),
    (&["why", "ANN"], "ANN", [W, W, K, K, K, W, W, K]),
    (&["why", "ann@example.com"], "ANN", [W, W, K, K, K, W, W, K]),
    (&["who-has", "role", "paid-tier"], "ANN", [W, W, K, K, K, W, W, K]),
    (&["approve", "0123456789ab"], "", [R, R, R, R, R, R, R, R]),
    (&["doctor"], "", [W, W, W, W, W, W, W, W]),
    (&["freeze", "--for", "1h", "--reason", "wait", "--all"], "Frozen: ", [W, W, W, R, R, W, W, W]),
    (&["status"], "frozen: ", [W, W, W, R, R, W, W, W]),
    (&["unfreeze"], "Nothing is frozen.", [W, W, W, W, R, W, W, W]),
    (&["plan"], "(entitlements.yaml@", [W, W, R, R, R, R, R, R]),
    (&["release", "ANN", "role", "paid-tier", "--reason", "a gift"], "is ours no more", [W, W, K, R, R, W, W, K]),
    (&["history", "ANN"], "a gift", [W, W, W, R, R, W, W, W]),
    (&["approve", "SET"], "Approved by ", [W, W, W, R, R, W, W, W]),
    (&["apply", "--yes"], "2 done", [W, R, R, R, R, R, R, R]),
];

/// A daemon that has granted three sales, two of which are paid back by now and are more than a day allows; and the
/// folder that it works in.
struct Scene {
    _running: Running,
    logto: LogtoSim,
    shop: ShopSim,
    program: Program,
    daemon: Started,
    address: String,
    ann: UserId,
    /// Of what is held.
    digest: String,
    /// Whether commands have any room to write in.
    full: bool,
}

impl Scene {
    async fn new() -> Self {
        let running = start(Options::default()).await.unwrap();
        let Handles { logto, shop } = running.handles().unwrap().clone();
        furnish(&logto);
        let block = addresses(running.logto_url(), running.shop_url(), "");
        let further = "schedule: {full_pass: 1s}\nprune: owned\nlimits: {revocations: {per_day: 0%, floor: 1}}\n";
        let products = "products: {prd_pro: {entitlements: [{role: paid-tier}]}}\n";
        let text = format!("{block}{further}{products}");
        let program = Program::new(&text);
        let daemon = program.start_where_files_may_be_bounded(&["run", "--listen", "127.0.0.1:0"]);
        let address = daemon.address().await;
        let listen = address.trim_start_matches("http://");
        std::fs::write(program.file(), format!("{text}listen: {listen}\n")).unwrap();
        let buys = |email: &str| {
            let user = logto.add_user(email);
            let order = shop.buy(&"prd_pro".into(), (&user, email));
            (user, order)
        };
        let sold = ["ann@example.com", "ben@example.com", "cara@example.com"].map(buys);
        let paid = logto.role("paid-tier").unwrap();
        until("the sales are granted", || logto.holders(&paid).len() == sold.len()).await;
        let version = entitled::config::load(&program.file(), &entitled::daemon::presets()).unwrap();
        let says = async |state: &str| {
            until_async(&format!("the new file is in force and the state is {state}"), async || {
                let status = get(&address, "/api/v1/status").await;
                status.contains(&version.config.digest) && status.contains(&format!("\"state\":\"{state}\""))
            })
            .await;
        };
        says("InSync").await;
        // In one poll: the first alone would be within the limit.
        shop.faults().drop_next(1_000_000);
        says("Degraded").await;
        sold[1..].iter().for_each(|(_, order)| shop.set_status(order, "refunded"));
        shop.faults().clear();
        says("Held").await;
        let status: serde_json::Value = serde_json::from_str(&get(&address, "/api/v1/status").await).unwrap();
        let digest = status["held"][0]["set"].as_str().unwrap().to_owned();
        let [(ann, _), ..] = sold;
        Self { _running: running, logto, shop, program, daemon, address, ann, digest, full: false }
    }

    /// Runs a command to its end, with what it prints in pipes, so that no room is needed for that.
    fn entitled(&self, arguments: &[String]) -> Ran {
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

    /// How many hold what was sold.
    fn holders(&self) -> usize {
        self.logto.holders(&self.logto.role("paid-tier").unwrap()).len()
    }
}

/// Whether anybody may write to a store at this moment.
async fn is_free(store: &Path) -> bool {
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

impl State {
    async fn befalls(self, scene: &mut Scene) {
        match self {
            Killed => {
                scene.daemon.signal("KILL");
                until("it is gone", || scene.daemon.is_over()).await;
            }
            // In the midst of a write it would hold the store until it goes on, and nothing but its end helped.
            Paused => until_async("it is paused while it writes nothing", async || scene.is_paused().await).await,
            CutOff => {
                scene.logto.faults().drop_next(1_000_000);
                scene.shop.faults().drop_next(1_000_000);
                scene.degraded().await;
            }
            FullDisk => {
                // Two pages: neither the log, which is emptied again and again, nor the file has room for a change.
                let limit = "--fsize=8192:unlimited";
                let set = Command::new("prlimit").args(["--pid", &scene.daemon.id().to_string(), limit]).status();
                assert!(set.unwrap().success());
                scene.shop.buy(&"prd_pro".into(), "somebody@example.com");
                scene.degraded().await;
                scene.full = true;
            }
            EndedAtFullDisk => {
                scene.daemon.signal("TERM");
                until("it has ended", || scene.daemon.is_over()).await;
                scene.full = true;
            }
            Broken => {
                std::fs::write(scene.program.file(), "prune: [owend   # “never”\u{a0}😀\nproducts: [\n").unwrap();
                scene.degraded().await;
            }
            NoFile => {
                std::fs::remove_file(scene.program.file()).unwrap();
                scene.degraded().await;
            }
            Unset => {
                std::fs::remove_file(scene.program.folder.path().join(".env")).unwrap();
                scene.degraded().await;
            }
        }
    }

    /// What `status` begins with, and its exit code: by the store where nobody answers.
    fn status(self) -> (&'static str, i32) {
        match self {
            Killed | Paused | EndedAtFullDisk => ("Held since ", 3),
            CutOff | FullDisk | Broken | NoFile | Unset => ("Degraded since ", 1),
        }
    }
}

#[test]
fn every_command_works_or_says_what_to_do_in_every_state() {
    // Most of it is waiting for who does not answer, so they wait together.
    std::thread::scope(|threads| {
        for (at, state) in STATES.into_iter().enumerate() {
            threads.spawn(move || {
                let mut runtime = tokio::runtime::Builder::new_multi_thread();
                let runtime = runtime.worker_threads(2).enable_all().build().unwrap();
                runtime.block_on(every_command_works_or_says_what_to_do(at, state));
            });
        }
    });
}

async fn every_command_works_or_says_what_to_do(at: usize, state: State) {
    let mut scene = Scene::new().await;
    state.befalls(&mut scene).await;
    // Whoever only looks may do so beside others: at a daemon that is paused, or at nobody, each waits for an answer.
    let writes = TABLE.iter().position(|(command, ..)| command[0] == "freeze").expect("a command that writes");
    let rows: Vec<&Row> = TABLE[..writes].iter().collect();
    let ran = tokio::task::block_in_place(|| at_once(&rows, |row| scene.entitled(&scene.arguments(row.0, state))));
    for (row, ran) in ran {
        scene.does(row, at, state, ran).await;
    }
    for row in &TABLE[writes..] {
        if row.2[at] == W && row.0.contains(&"SET") {
            // While all was frozen it was held for that; a daemon that works has to look again.
            until_async(&format!("{state:?}: the set is held"), async || {
                scene.entitled(&["status".to_owned()]).out.contains(&scene.digest)
            })
            .await;
        }
        let ran = scene.entitled(&scene.arguments(row.0, state));
        scene.does(row, at, state, ran).await;
    }
    // What was let through is carried out by whoever can: the last command, or the daemon by what is in force.
    if matches!(state, Killed | Broken | NoFile | Unset) {
        until("what was let through is taken", || scene.holders() == 1).await;
    } else {
        assert_eq!(scene.holders(), 3, "{state:?}");
    }
}

impl Scene {
    /// The words of a row, with what they stand for.
    fn arguments(&self, command: &[&'static str], state: State) -> Vec<String> {
        let named = |word: &&'static str| match *word {
            "ANN" => self.ann.to_string(),
            "SET" => self.digest.clone(),
            "FILE" => format!("{state:?}.db"),
            word => word.to_owned(),
        };
        command.iter().map(named).collect()
    }

    /// Asserts that a command did what its row says.
    async fn does(&self, (command, says, does): &Row, at: usize, state: State, mut ran: Ran) {
        let says = says.replace("ANN", self.ann.as_str());
        if does[at] != R && command[0] == "status" {
            // The daemon that answers may not have looked into the store yet.
            let last = RefCell::new(ran);
            until_async(&format!("{state:?}: the status says {says}"), async || {
                if !last.borrow().out.contains(&says) {
                    last.replace(self.entitled(&self.arguments(command, state)));
                }
                last.borrow().out.contains(&says)
            })
            .await;
            ran = last.into_inner();
        }
        let told = format!("{command:?} while {state:?}, exit code {}\n{}\n{}", ran.code, ran.out, ran.err);
        assert!([0, 1, 3].contains(&ran.code), "it ends by itself: {told}");
        assert!(!ran.err.contains("internal error") && !ran.err.contains("panicked"), "{told}");
        let hint = ["hint: ", "help: "].iter().any(|hint| ran.err.contains(hint) || ran.out.contains(hint));
        match does[at] {
            Does::Works => {
                assert!(ran.out.contains(&says) && (ran.code == 0 || hint || command[0] == "status"), "{told}")
            }
            Does::Knows => {
                assert!(ran.out.contains(&says) && ran.code == 1, "{told}");
                assert!(ran.err.contains("this is what the store at "), "{told}");
            }
            // Nothing of the kind was done before.
            Does::Refuses if matches!(command[0], "status" | "history") => assert!(!ran.out.contains(&says), "{told}"),
            Does::Refuses => assert!(ran.code == 1 && hint, "it says what to do: {told}"),
        }
        match command[0] {
            // A checkup finds nothing wrong where nothing is.
            "doctor" => assert_eq!(ran.out.contains("WRONG"), state != Killed, "{told}"),
            "unfreeze" => assert_eq!(ran.out.starts_with("1 freeze ended."), !self.full, "{told}"),
            // A freeze is no state.
            "status" if says == "frozen: " => assert!(!ran.out.starts_with("Frozen"), "{told}"),
            "status" if says == "last passes" => {
                let (word, code) = state.status();
                assert!(ran.out.starts_with(word) && ran.code == code, "{told}");
            }
            _ => {}
        }
    }
}

const WHO_HAS: [&str; 3] = ["who-has", "role", "paid-tier"];

/// What nobody can be asked for is said to come from the store, and what is missing is named.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_store_knows_is_told_while_logto_cannot_be_asked() {
    for set in [false, true] {
        let mut town = Town::demo().await;
        let user = town.logto.add_user("one@example.com");
        let order = town.shop.buy(&"prd_01H9PRO".into(), (&user, "one@example.com"));
        town.home.entitled(&["run", "--once"]).exits(0);
        if set {
            let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
            let file = std::fs::read_to_string(town.home.path("entitlements.yaml")).unwrap();
            let file = file.replace(town.running.logto_url(), &format!("http://{nobody}"));
            town.home.write("entitlements.yaml", &file);
        } else {
            ["ENTITLED_PUBLIC_APP_ID", "APP_SECRET", "SHOP_TOKEN"].iter().for_each(|name| town.home.unset(name));
        }
        town.logto.clear_requests();
        town.shop.clear_requests();
        let missing: &[&str] = match set {
            false => &["`ENTITLED_PUBLIC_APP_ID`", "`APP_SECRET`", "`SHOP_TOKEN`"],
            true => &["Logto at http://127.0.0.1:"],
        };
        let by_id = ["why", user.as_str()];
        let commands = [&by_id[..], &["why", "one@example.com"], &["why", "nobody@example.com"], &WHO_HAS];
        let mut ran = town.home.at_once(&commands).into_iter().map(|(_, ran)| ran.exits(1));
        let mut next = || ran.next().expect("one for each");
        for _ in [user.as_str(), "one@example.com"] {
            let why = next().complains(&["this is what the store at "]).complains(missing);
            let parts = [order.as_str(), "role paid-tier", "entitles; expires in", "; ours: granted on", "is unknown"];
            for part in parts {
                assert!(why.out.contains(part), "`{part}` is missing in\n{}", why.out);
            }
            for part in ["Logto has no such user", "nothing to do"] {
                assert!(!why.out.contains(part), "`{part}` is not known:\n{}", why.out);
            }
        }
        next().complains(&["neither an order nor Logto knows"]);
        let held = next().complains(missing);
        assert!(held.out.contains(user.as_str()) && held.out.contains("some may be missing"), "{}", held.out);
        let released = ["release", user.as_str(), "role", "paid-tier", "--reason", "a gift"];
        let released = town.home.entitled(&released).exits(1).complains(missing);
        assert!(released.out.contains("it is ours no more"), "{}", released.out);
        assert_eq!(
            (town.logto.requests(), town.shop.requests()),
            (vec![], vec![]),
            "variables are set: {set}; nobody is asked"
        );
    }
}
