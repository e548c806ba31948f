//! The daemon as a process: signals, the lease, and what it costs while nothing happens.

use std::time::Duration;

use entitled::model::UserId;
use entitled::sandbox::{Handles, LogtoSim, Options, Running, ShopSim, start};
use entitled::store::Store;
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::support::program::{Program, Started, addresses, until};
use crate::support::stage::{NO_LIMITS, PRODUCTS, furnish};

struct World {
    running: Running,
    logto: LogtoSim,
    shop: ShopSim,
    program: Program,
}

/// As long as whoever sends SIGTERM waits before SIGKILL.
const GRACE: Duration = Duration::from_secs(10);

impl World {
    async fn new(logto: &str) -> Self {
        let running = start(Options::default()).await.unwrap();
        let handles = running.handles().unwrap().clone();
        furnish(&handles.logto);
        let Handles { logto: simulator, shop } = handles;
        let block = addresses(running.logto_url(), running.shop_url(), logto);
        let program =
            Program::new(&format!("{block}schedule: {{full_pass: 1h}}\nprune: owned\n{NO_LIMITS}\n{PRODUCTS}"));
        Self { running, logto: simulator, shop, program }
    }

    fn buyer(&self, email: &str) -> UserId {
        let user = self.logto.add_user(email);
        self.shop.buy(&"prd_pro".into(), &user);
        user
    }

    fn holds(&self, user: &UserId) -> bool {
        self.logto.roles_of(user).contains(&self.logto.role("paid-tier").unwrap())
    }

    async fn granted(&self, user: &UserId) {
        until("it is granted", || self.holds(user)).await;
    }
}

/// SIGTERM, and the end in time and in order.
async fn ends(started: Started) -> String {
    let asked = Instant::now();
    started.signal("TERM");
    let ended = started.ended().await;
    assert_eq!(ended.status.code(), Some(0), "{ended:#?}");
    assert!(asked.elapsed() < GRACE, "{ended:#?}");
    ended.stderr
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_for_people_says_each_thing_once_and_what_mends_it_on_a_line_of_its_own() {
    let world = World::new("").await;
    let ann = world.buyer("ann@example.com");
    let order = world.shop.orders()[0].clone();
    let daemon = world.program.start(&["run", "--log-format", "text"]);
    world.granted(&ann).await;
    let deed = format!("INFO  grant role paid-tier to {ann}: {order} paid for prd_pro (line ");
    until("it is told", || daemon.stderr().contains(&deed)).await;
    let log = daemon.stderr();
    let line = log.lines().find(|line| line.contains(&deed)).unwrap();
    assert_eq!((line.matches(ann.as_str()).count(), line.matches(order.as_str()).count()), (1, 1), "{line}");
    assert!(!line.contains("action=") && !line.contains("run="), "{line}");

    world.shop.faults().refuse_next(1_000_000, 403);
    until("the shop is blamed", || {
        daemon.stderr().contains("ERROR the poll failed: source `shop` could not be read: ")
    })
    .await;
    until("the mend follows", || {
        daemon.stderr().lines().any(|line| line.trim_start().starts_with("hint: the credentials are known"))
    })
    .await;
    ends(daemon).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_ends_a_daemon_that_has_nothing_to_do() {
    let world = World::new("").await;
    let ann = world.buyer("ann@example.com");
    let daemon = world.program.start(&["run"]);
    world.granted(&ann).await;
    let said = ends(daemon).await;
    assert!(said.contains("stopped"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_change_is_logged_with_its_run_pass_user_target_and_order() {
    let world = World::new("").await;
    let ann = world.buyer("ann@example.com");
    let daemon = world.program.start(&["run", "--log", "debug"]);
    world.granted(&ann).await;
    until("the pass is reported", || daemon.stderr().contains("1 change")).await;
    let said = ends(daemon).await;
    let lines: Vec<serde_json::Value> = said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let change = lines.iter().find(|line| line["action"] == "grant").expect("a line for the change");
    let order = world.shop.orders()[0].to_string();
    assert_eq!((&change["user"], &change["order"]), (&ann.as_str().into(), &order.into()), "{change:#}");
    assert_eq!((&change["on"], &change["source"]), (&"role paid-tier".into(), &"shop".into()), "{change:#}");
    let kind = change["span"]["kind"].as_str().unwrap();
    let run = change["span"]["run"].as_str().unwrap();
    assert!(matches!(kind, "full" | "quick") && run.starts_with("20"), "{change:#}");
    let calls = lines.iter().filter_map(|line| line["message"].as_str()).filter(|text| text.starts_with("curl "));
    assert!(calls.clone().count() >= 3 && calls.clone().all(|line| line.contains("$LOGTO_")), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_finishes_what_is_in_flight_and_leaves_the_rest() {
    let world = World::new(", batch: 1, concurrency: 1").await;
    let users: Vec<UserId> = (0..40).map(|number| world.buyer(&format!("buyer-{number}@example.com"))).collect();
    let daemon = world.program.start(&["run"]);
    until("the first grant", || !world.logto.writes().is_empty()).await;
    world.logto.faults().latency(Duration::from_millis(500));
    ends(daemon).await;

    let granted = users.iter().filter(|user| world.holds(user)).count();
    assert!((1..40).contains(&granted), "{granted}");
    let store = Store::open(&world.program.store()).await.unwrap();
    assert_eq!(store.ledger(None).await.unwrap().len(), granted, "what was made is written down, and nothing else");
    assert_eq!(store.unconfirmed().await.unwrap(), []);
    store.close().await;

    world.logto.faults().clear();
    let rest = world.program.run(&["run", "--once"]).await;
    assert!(rest.status.success(), "{rest:#?}");
    assert!(users.iter().all(|user| world.holds(user)));
    assert!(world.logto.writes().iter().all(|seen| seen.status == Some(201)), "{:?}", world.logto.writes());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_sigterm_ends_it_at_once() {
    let world = World::new(", batch: 1, concurrency: 1").await;
    for number in 0..40 {
        world.buyer(&format!("buyer-{number}@example.com"));
    }
    let daemon = world.program.start(&["run"]);
    until("the first grant", || !world.logto.writes().is_empty()).await;
    // What is in flight will not end: the first one waits for it.
    world.logto.faults().latency(Duration::from_secs(3_600));
    let asked = world.logto.writes().len();
    until("one more is in flight", || world.logto.writes().len() > asked).await;
    daemon.signal("TERM");
    until("the first one is heard", || daemon.stderr().contains("signal again to stop at once")).await;
    let second = Instant::now();
    daemon.signal("TERM");
    let ended = daemon.ended().await;
    assert_eq!(ended.status.code(), Some(1), "{ended:#?}");
    assert!(second.elapsed() < GRACE, "{ended:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_ends_a_daemon_that_waits_for_revocations() {
    let world = World::new("").await;
    let orders: Vec<_> = (0..60)
        .map(|number| {
            let user = world.logto.add_user(&format!("buyer-{number}@example.com"));
            world.shop.buy(&"prd_pro".into(), &user)
        })
        .collect();
    let first = world.program.run(&["run", "--once"]).await;
    assert!(first.status.success(), "{first:#?}");
    for order in &orders {
        world.shop.set_status(order, "refunded");
    }
    world.logto.clear_requests();
    let daemon = world.program.start(&["run"]);
    until("the first revocation", || !world.logto.writes().is_empty()).await;
    world.logto.faults().latency(Duration::from_millis(400));
    ends(daemon).await;
    let left = world.logto.holders(&world.logto.role("paid-tier").unwrap()).len();
    assert!((1..60).contains(&left), "{left}");
    let store = Store::open(&world.program.store()).await.unwrap();
    assert_eq!(store.ledger(None).await.unwrap().len(), left);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_ends_a_daemon_whose_logto_says_nothing() {
    // It takes the connection, and that is all.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let world = World::new("").await;
    let text = std::fs::read_to_string(world.program.file()).unwrap();
    let mute = format!("http://{}", silent.local_addr().unwrap());
    std::fs::write(world.program.file(), text.replace(world.running.logto_url(), &mute)).unwrap();
    let daemon = world.program.start(&["run"]);
    let connection = tokio::time::timeout(GRACE, silent.accept()).await.expect("it is asked").unwrap();
    ends(daemon).await;
    drop(connection);

    // And one that falls silent later.
    std::fs::write(world.program.file(), text).unwrap();
    let ann = world.buyer("ann@example.com");
    let daemon = world.program.start(&["run"]);
    world.granted(&ann).await;
    // Else it may be the answer to that very write that never comes.
    until("the pass is reported", || daemon.stderr().contains("1 change")).await;
    world.logto.faults().latency(Duration::from_secs(3_600));
    let asked = world.logto.requests().len();
    world.buyer("ben@example.com");
    until("it asks", || world.logto.requests().len() > asked).await;
    ends(daemon).await;
}

/// What `freeze` says is in flight, and what is to go.
fn under_way(said: &str) -> Option<(usize, usize)> {
    let words = said.split("A pass is writing, with ").nth(1)?;
    let to_go = words.split(' ').next()?.parse().ok()?;
    let in_flight = words.split(" to go: ").nth(1)?.split(' ').next()?.parse().ok()?;
    Some((in_flight, to_go))
}

/// Whatever is written, by whichever freeze: no more is done than what it says.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_freeze_says_how_much_is_in_flight_and_nothing_else_is_done() {
    for (taking, all) in [(true, false), (true, true), (false, true)] {
        let world = World::new(", batch: 1").await;
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let file = std::fs::read_to_string(world.program.file()).unwrap();
        std::fs::write(world.program.file(), file.replace("prune:", &format!("listen: {free}\nprune:"))).unwrap();
        let users: Vec<UserId> = (0..60).map(|number| world.buyer(&format!("buyer-{number}@example.com"))).collect();
        if taking {
            let first = world.program.run(&["run", "--once"]).await;
            assert!(first.status.success(), "{first:#?}");
            world.shop.orders().iter().for_each(|order| world.shop.set_status(order, "refunded"));
            world.logto.clear_requests();
        }
        // Slow enough for a process to begin and end in the midst of it, once there is something to be in the midst of.
        world.logto.faults().latency(Duration::from_millis(50));
        let daemon = world.program.start(&["run"]);
        until("it writes", || !world.logto.writes().is_empty()).await;
        // What is in flight keeps the pass going until the command has asked for it, also on a busy machine.
        world.logto.faults().latency(Duration::from_secs(2));
        let freeze = ["freeze", "--for", "1h", "--reason", "wait", "--all"];
        let said = world.program.run(if all { &freeze } else { &freeze[..5] }).await;
        let begun = world.logto.writes().len();
        world.logto.faults().latency(Duration::ZERO);
        let (in_flight, to_go) = under_way(&said.stdout).unwrap_or_else(|| panic!("{said:#?}"));
        assert!(in_flight <= 4.min(to_go) && (1..=users.len()).contains(&to_go), "{said:#?}");
        until("it is heeded", || daemon.stderr().contains("\"frozen\"")).await;
        let written = world.logto.writes().len();
        assert!(written - begun <= 4, "{begun} were begun when it was said, {written} afterwards: {said:#?}");
        assert!(written < users.len(), "it came when nothing was left to be done");
        world.logto.faults().clear();
        ends(daemon).await;
        assert_eq!(world.logto.writes().len(), written, "nothing else is written");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sighup_reads_everything_again_and_looks_at_once() {
    let world = World::new("").await;
    let ann = world.buyer("ann@example.com");
    let daemon = world.program.start(&["run"]);
    world.granted(&ann).await;
    // Nothing that is watched has changed, and the next full pass is an hour away.
    world.logto.revoke(&ann, &world.logto.role("paid-tier").unwrap());
    daemon.signal("HUP");
    world.granted(&ann).await;
    let said = ends(daemon).await;
    assert!(said.contains("SIGHUP"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_daemon_stands_by_and_takes_over() {
    let world = World::new("").await;
    let ann = world.buyer("ann@example.com");
    let first = world.program.start(&["run"]);
    world.granted(&ann).await;
    let second = world.program.start(&["run"]);
    until("it stands by", || second.stderr().contains("standing by")).await;
    assert!(second.stderr().contains(&format!("process {}", first.id())), "{}", second.stderr());

    // Whoever only looks never waits.
    let plan = world.program.run(&["plan", "--exit-code"]).await;
    assert_eq!(plan.status.code(), Some(0), "{plan:#?}");

    // The first one does not even end in order.
    first.kill().await;
    let ben = world.buyer("ben@example.com");
    world.granted(&ben).await;
    ends(second).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_ends_one_that_stands_by() {
    let world = World::new("").await;
    let first = world.program.start(&["run"]);
    until("the first one runs", || first.stderr().contains("in force")).await;
    let second = world.program.start(&["run"]);
    until("it stands by", || second.stderr().contains("standing by")).await;
    ends(second).await;
    ends(first).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_writer_is_refused_and_told_who_writes() {
    let world = World::new("").await;
    let ann = world.buyer("ann@example.com");
    let daemon = world.program.start(&["run"]);
    world.granted(&ann).await;
    for command in [&["apply", "--yes"][..], &["run", "--once"]] {
        let refused = world.program.run(command).await;
        assert_eq!(refused.status.code(), Some(1), "{refused:#?}");
        let holder = format!("process {}", daemon.id());
        assert!(refused.stderr.contains(&holder) && refused.stderr.contains("hint: "), "{refused:#?}");
    }
    ends(daemon).await;
    let allowed = world.program.run(&["apply", "--yes"]).await;
    assert!(allowed.status.success(), "{allowed:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_leaves_every_byte_of_the_store_alone() {
    let world = World::new("").await;
    let ann = world.buyer("ann@example.com");
    let first = world.program.run(&["run", "--once"]).await;
    assert!(first.status.success(), "{first:#?}");
    let ben = world.buyer("ben@example.com");
    let orders = world.shop.orders();
    world.shop.set_status(orders.last().unwrap(), "refunded");
    // The file, and the log of what is not yet in it.
    let bytes =
        || ["db", "db-wal"].map(|name| std::fs::read(world.program.store().with_extension(name)).unwrap_or_default());
    let before = bytes();
    assert!(before[1].is_empty(), "it was closed in order");
    world.logto.clear_requests();

    for command in [&["plan"][..], &["plan", "--output", "json"], &["run", "--once", "--dry-run"]] {
        let ended = world.program.run(command).await;
        assert!(ended.status.success(), "{ended:#?}");
        for user in [&ann, &ben] {
            assert!(ended.stdout.contains(user.as_str()), "{ended:#?}");
        }
    }
    let dry = world.program.start(&["run", "--dry-run"]);
    until("the plan is shown", || dry.stdout().contains(ben.as_str())).await;
    ends(dry).await;

    assert_eq!(world.logto.writes(), []);
    assert!(world.holds(&ann) && !world.holds(&ben));
    assert!(bytes() == before, "the store has changed");
}

/// Reading a file is an event of that file; a watch that heard itself would never sleep again.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_with_nothing_to_do_does_nothing() {
    let world = World::new("").await;
    let text = std::fs::read_to_string(world.program.file()).unwrap();
    std::fs::write(world.program.file(), text.replace("poll: 50ms", "poll: 1h")).unwrap();
    let ann = world.buyer("ann@example.com");
    let daemon = world.program.start(&["run"]);
    world.granted(&ann).await;
    until("the pass is reported", || daemon.stderr().contains("1 change")).await;
    // Bytes and calls read by the process so far, of whatever kind.
    let reads = || {
        let io = std::fs::read_to_string(format!("/proc/{}/io", daemon.id())).unwrap();
        io.lines().find_map(|line| line.strip_prefix("syscr: ")).unwrap().parse::<u64>().unwrap()
    };
    let before = reads();
    // An event in the folder wakes it, and then it looks once or twice.
    std::fs::write(world.program.folder.path().join("other"), "text").unwrap();
    until("it looks", || reads() > before).await;
    let started = Instant::now();
    let looked = reads();
    until("a second passes", || started.elapsed() > Duration::from_secs(1)).await;
    let since = reads() - looked;
    assert!(since < 200, "{since} reads in a quiet second");
    ends(daemon).await;
}
