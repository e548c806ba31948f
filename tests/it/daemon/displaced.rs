//! The store is moved away, deleted or replaced while the daemon has it open: nobody could stop it any more, so it
//! stops by itself, says so everywhere, and goes on when the very file is back.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use entitled::daemon::Mode;
use entitled::model::{State, UserId};
use entitled::report::status::About;
use entitled::sandbox::{Handles, Rule};
use entitled::store::Store;
use jiff::SignedDuration;

use super::outages::said;
use super::under_way::{MANY, crowd, taking};
use super::{ALWAYS, Live, QUICK, RARELY};
use crate::support::program::{Program, addresses, until, until_async};
use crate::support::stage::{NO_LIMITS, PRODUCTS, furnish, matching};

/// What somebody does to a store; `aside`: where the file that is in use lies afterwards.
type Deed = fn(store: &Path, aside: &Path);

const DEEDS: [(&str, Deed); 4] = [
    ("moved away", |store, aside| std::fs::rename(store, aside).unwrap()),
    ("deleted", |store, aside| {
        std::fs::hard_link(store, aside).unwrap();
        std::fs::remove_file(store).unwrap();
    }),
    ("a backup moved over it", |store, aside| {
        std::fs::hard_link(store, aside).unwrap();
        std::fs::copy(store, store.with_extension("backup")).unwrap();
        std::fs::rename(store.with_extension("backup"), store).unwrap();
    }),
    ("another file made in its place", |store, aside| {
        std::fs::rename(store, aside).unwrap();
        std::fs::write(store, "").unwrap();
    }),
];

fn blamed(live: &Live) -> bool {
    let status = live.reading.status.borrow();
    status.state == State::Degraded && status.troubles.iter().any(|trouble| trouble.about == About::Store)
}

/// Waits until the loop has had some turns.
async fn turns(live: &Live) {
    let mut seen = BTreeSet::new();
    until("some turns of the loop", || {
        seen.insert(live.reading.status.borrow().at);
        seen.len() > 4
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_whose_store_is_not_at_its_path_writes_nothing_until_it_is_back() {
    // Each waits for a look that comes once a second, so they wait together.
    let one = |(deed, displace): (&'static str, Deed)| async move {
        let live = Live::with(ALWAYS, PRODUCTS).await;
        writes_nothing_until_it_is_back(live, deed, displace).await;
    };
    futures_util::future::join_all(DEEDS.map(one)).await;
}

/// The link that the daemon was given comes to lead elsewhere, to a copy of the very same bytes too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_whose_store_is_a_link_that_leads_elsewhere_writes_nothing_until_it_leads_back() {
    let deeds: [(&str, Deed); 2] = [
        ("to a copy", |store, aside| {
            std::fs::copy(store, store.with_file_name("copy.db")).unwrap();
            std::fs::rename(store, aside).unwrap();
            std::os::unix::fs::symlink("copy.db", store).unwrap();
        }),
        ("to nothing", |store, aside| {
            std::fs::rename(store, aside).unwrap();
            std::os::unix::fs::symlink("nothing.db", store).unwrap();
        }),
    ];
    for (deed, displace) in deeds {
        let prepared = Live::prepare(ALWAYS, PRODUCTS).await;
        // A link to nothing is none to begin with.
        let real = prepared.store.with_file_name("real.db");
        Store::open(&real).await.unwrap().close().await;
        std::os::unix::fs::symlink("real.db", &prepared.store).unwrap();
        writes_nothing_until_it_is_back(prepared.run(QUICK, Mode::Live), deed, displace).await;
    }
}

async fn writes_nothing_until_it_is_back(live: Live, deed: &str, displace: Deed) {
    let ann = live.buyer("ann@example.com", "prd_pro");
    live.hold("paid-tier", &[&ann]).await;
    let (store, aside) = (live.program.store(), live.program.folder.path().join("aside.db"));
    displace(&store, &aside);
    until(&format!("{deed}: it says so"), || blamed(&live)).await;
    let order = live.shop.orders()[0].clone();
    let ben = live.buyer("ben@example.com", "prd_pro");
    live.shop.set_status(&order, "refunded");
    turns(&live).await;
    assert_eq!(live.holders("paid-tier"), [ann.clone()].into(), "{deed}");
    {
        let status = live.reading.status.borrow();
        let trouble = status.trouble(&About::Store).unwrap();
        assert!(trouble.line().contains("nothing more is written to Logto"), "{deed}: {trouble:?}");
        assert!(trouble.hint.as_ref().is_some_and(|hint| hint.contains("put the file back")), "{deed}: {trouble:?}");
        assert!(!status.not_ready(status.at).is_empty(), "{deed}");
    }
    std::fs::rename(&aside, &store).unwrap();
    live.hold("paid-tier", &[&ben]).await;
    until(&format!("{deed}: all is well again"), || !blamed(&live)).await;
    live.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_pass_stops_where_its_store_is_replaced() {
    for (deed, displace) in [DEEDS[0], DEEDS[2]] {
        let (live, sold) = crowd().await;
        taking(&live, &sold).await;
        displace(&live.program.store(), &live.program.folder.path().join("aside.db"));
        let left = live.holders("paid-tier").len();
        until(&format!("{deed}: it says so"), || blamed(&live)).await;
        live.logto.faults().latency(Duration::ZERO);
        turns(&live).await;
        let kept = live.holders("paid-tier").len();
        // What was in flight at that moment is finished.
        assert!(left - kept <= 16, "{deed}: {left} of {MANY} held it at that moment, {kept} do still");
        assert!(kept > 0, "{deed}: it came when nothing was left to be taken");
        live.stop().await;
    }
}

/// The process, and what a person sees of it: every place, each command, once in the log, and the way out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_place_says_so_and_a_freeze_of_the_new_file_is_said_not_to_be_heeded() {
    let running = entitled::sandbox::start(entitled::sandbox::Options::default()).await.unwrap();
    let logto = running.handles().unwrap().logto.clone();
    furnish(&logto);
    let block = addresses(running.logto_url(), running.shop_url(), "");
    let text = format!("{block}prune: owned\n{NO_LIMITS}\nlisten: 127.0.0.1:0\n{PRODUCTS}");
    let program = Program::new(&text);
    let daemon = program.start(&["run"]);
    let address = daemon.address().await;
    let text = text.replace("127.0.0.1:0", address.trim_start_matches("http://"));
    std::fs::write(program.file(), &text).unwrap();
    until_async("it is in force, and all is well", async || {
        let said = said(&daemon, &address).await;
        said.is_in_force(&text) && said.is_well()
    })
    .await;
    let backup = program.run(&["ledger", "backup", "backup.db"]).await;
    assert!(backup.status.success(), "{backup:#?}");
    std::fs::hard_link(program.store(), program.folder.path().join("aside.db")).unwrap();
    std::fs::rename(program.folder.path().join("backup.db"), program.store()).unwrap();
    until_async("every place says so", async || said(&daemon, &address).await.blames("store")).await;
    let ready = said(&daemon, &address).await.ready;
    assert_eq!(ready["ready"], false, "{ready:#}");

    let status = program.run(&["status"]).await;
    assert!(status.stderr.contains("the daemon does not use it"), "{status:#?}");
    let freeze = program.run(&["freeze", "--all", "--for", "1h", "--reason", "a backup was put back"]).await;
    assert!(freeze.stderr.contains("ignores what is written") && freeze.stderr.contains("restart it"), "{freeze:#?}");

    std::fs::rename(program.folder.path().join("aside.db"), program.store()).unwrap();
    until_async("all is well again", async || said(&daemon, &address).await.is_well()).await;
    let log = daemon.stderr();
    assert_eq!(log.matches("nothing more is written to Logto").count(), 1, "{log}");
    let store = Store::open(&program.store()).await.unwrap();
    assert_eq!(store.frozen(jiff::Timestamp::now()).await.unwrap(), None, "the freeze lay in the other file");
    store.close().await;
}

/// A read that is under way at that moment fails by it, and is no trouble of its own: whoever hears that the store is
/// displaced finds its log out of the way of the file that lies there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_fails_since_the_store_is_displaced_is_told_as_that_and_when_the_new_file_can_be_opened() {
    for (deed, displace) in DEEDS {
        let running = entitled::sandbox::start(entitled::sandbox::Options::default()).await.unwrap();
        let Handles { logto, shop } = running.handles().unwrap().clone();
        furnish(&logto);
        let block = addresses(running.logto_url(), running.shop_url(), "");
        let program = Program::new(&format!("{block}prune: owned\n{NO_LIMITS}\nlisten: off\n{PRODUCTS}"));
        let daemon = program.start(&["run"]);
        shop.buy(&"prd_pro".into(), &logto.add_user("ann@example.com"));
        until("the pass is reported", || daemon.stderr().contains("1 change")).await;
        // Whatever is read comes when the store is gone.
        shop.faults().latency(Duration::from_millis(300));
        shop.buy(&"prd_pro".into(), "somebody@example.com");
        shop.clear_requests();
        until("the shop is asked", || !shop.requests().is_empty()).await;
        displace(&program.store(), &program.folder.path().join("aside.db"));
        until(&format!("{deed}: it says so"), || daemon.stderr().contains(" while it is in use")).await;
        let freeze = program.run(FREEZE).await;
        // Nobody would hear what is said to a store that is made in the place of the one that is in use.
        let heard_by =
            if program.store().exists() { "restart it, and it continues with that file" } else { "put the file back" };
        assert_eq!(freeze.status.success(), program.store().exists(), "{deed}: {freeze:#?}");
        assert!(spoken(&freeze.stderr).contains(heard_by), "{deed}: {freeze:#?}");
        let status = program.run(&["status"]).await;
        assert_eq!(status.status.code(), Some(1), "{deed}: {status:#?}");
        let said = spoken(&(status.stdout + &status.stderr));
        assert!(said.contains(heard_by), "{deed}: {said}");
        let log = daemon.stderr();
        let told = log.lines().filter(|line| line.contains(" while it is in use"));
        let told: Vec<_> = told.filter(|line| !line.contains("nothing more is written to Logto")).collect();
        assert!(told.is_empty(), "{deed}: {told:#?}");
        daemon.kill().await;
    }
}

/// What was said, however it was wrapped.
fn spoken(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Who is in the ledger of the store at `path`, and whether that is frozen.
async fn kept(path: &Path) -> (BTreeSet<UserId>, bool) {
    Store::verify(path).await.unwrap();
    let store = Store::open(path).await.unwrap();
    let users = store.ledger_users().await.unwrap().into_iter().collect();
    let frozen = store.frozen(jiff::Timestamp::now()).await.unwrap().is_some();
    store.close().await;
    (users, frozen)
}

/// A daemon in whose store Ann is, and of which there is a backup without Ben, who came later.
async fn backed_up() -> (Live, [UserId; 2], std::path::PathBuf) {
    let live = Live::with(ALWAYS, PRODUCTS).await;
    let ann = live.buyer("ann@example.com", "prd_pro");
    live.hold("paid-tier", &[&ann]).await;
    let backup = live.program.folder.path().join("backup.db");
    let ended = live.program.run(&["ledger", "backup", "backup.db"]).await;
    assert!(ended.status.success(), "{ended:#?}");
    let ben = live.buyer("ben@example.com", "prd_pro");
    live.hold("paid-tier", &[&ann, &ben]).await;
    (live, [ann, ben], backup)
}

const FREEZE: &[&str] = &["freeze", "--all", "--for", "1h", "--reason", "wait"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_moved_over_the_store_is_what_the_next_start_finds() {
    for noticed in [true, false] {
        let (live, [ann, _], backup) = backed_up().await;
        std::fs::rename(backup, live.program.store()).unwrap();
        if noticed {
            until("it says so", || blamed(&live)).await;
        }
        let program = live.stop().await;
        assert_eq!(kept(&program.store()).await, ([ann].into(), false), "noticed: {noticed}");
    }
}

/// `cp` writes into the file that is there: by device and inode nothing has changed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_written_over_the_store_is_noticed_heeded_by_nobody_and_what_the_next_start_finds() {
    for (copy, patient) in [("plain.db", true), ("backup.db", true), ("plain.db", false), ("backup.db", false)] {
        let running = entitled::sandbox::start(entitled::sandbox::Options::default()).await.unwrap();
        let Handles { logto, shop } = running.handles().unwrap().clone();
        furnish(&logto);
        let block = addresses(running.logto_url(), running.shop_url(), "");
        let program = Program::new(&format!("{block}prune: owned\n{NO_LIMITS}\nlisten: off\n{PRODUCTS}"));
        let daemon = program.start(&["run"]);
        let role = logto.role("paid-tier").unwrap();
        let sold = async |email: &str| {
            let user = logto.add_user(email);
            shop.buy(&"prd_pro".into(), &user);
            until("it is granted", || logto.holders(&role).contains(&user)).await;
            let log = program.store().with_extension("db-wal");
            until("the log is empty", || std::fs::metadata(&log).is_ok_and(|log| log.len() == 0)).await;
            user
        };
        let ann = sold("ann@example.com").await;
        // By another process, as a person does it: whoever closes a file gives up every lock of its process on it.
        let path = |name: &str| program.folder.path().join(name);
        std::fs::copy(program.store(), path("plain.db")).unwrap();
        let backup = program.run(&["ledger", "backup", "backup.db"]).await;
        assert!(backup.status.success(), "{backup:#?}");
        let ben = sold("ben@example.com").await;
        let copied = std::process::Command::new("cp").arg(path(copy)).arg(program.store()).status().unwrap();
        assert!(copied.success());
        let case = format!("{copy}, patient: {patient}");
        if patient {
            until(&format!("{case}: it says so"), || daemon.stderr().contains("was overwritten while")).await;
        }
        let mut freeze = program.run(FREEZE).await;
        if !patient && !freeze.status.success() {
            assert!(spoken(&freeze.stderr).contains("try again then"), "{case}: {freeze:#?}");
            until(&format!("{case}: it says so"), || daemon.stderr().contains("was overwritten while")).await;
            freeze = program.run(FREEZE).await;
        }
        assert!(freeze.status.success(), "{case}: {freeze:#?}");
        until(&format!("{case}: it says so"), || daemon.stderr().contains("was overwritten while")).await;
        let order = shop.orders()[0].clone();
        shop.set_status(&order, "refunded");
        let cleo = logto.add_user("cleo@example.com");
        shop.buy(&"prd_pro".into(), &cleo);
        let status = program.run(&["status"]).await;
        assert_eq!(status.status.code(), Some(1), "{case}: {status:#?}");
        daemon.signal("TERM");
        let ended = daemon.ended().await;
        assert!(ended.status.success(), "{case}: {ended:#?}");
        assert_eq!(logto.holders(&role), [ann.clone(), ben].into(), "{case}");
        assert_eq!(kept(&program.store()).await, ([ann].into(), true), "{case}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_said_to_the_new_file_meanwhile_reaches_that_file_alone() {
    let (live, [ann, ben], backup) = backed_up().await;
    let (store, aside) = (live.program.store(), live.program.folder.path().join("aside.db"));
    std::fs::rename(&store, &aside).unwrap();
    std::fs::rename(&backup, &store).unwrap();
    until("it says so", || blamed(&live)).await;
    let freeze = live.program.run(FREEZE).await;
    assert!(freeze.status.success(), "{freeze:#?}");
    assert_eq!(kept(&store).await, ([ann.clone()].into(), true));

    std::fs::rename(&store, &backup).unwrap();
    std::fs::rename(&aside, &store).unwrap();
    until("all is well again", || !blamed(&live)).await;
    let freeze = live.program.run(FREEZE).await;
    assert!(freeze.status.success(), "{freeze:#?}");
    until("a freeze of its own file is heeded", || live.reading.status.borrow().freeze.is_some()).await;
    let program = live.stop().await;
    assert_eq!(kept(&program.store()).await, ([ann.clone(), ben].into(), true));
    assert_eq!(kept(&backup).await, ([ann].into(), true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_that_lost_its_log_does_not_go_on_by_itself_and_deletes_no_other() {
    let (live, ..) = backed_up().await;
    for part in ["db-wal", "db-shm"] {
        std::fs::remove_file(live.program.store().with_extension(part)).unwrap();
    }
    until("it says so", || blamed(&live)).await;
    let hint = live.reading.status.borrow().trouble(&About::Store).unwrap().hint.clone().unwrap();
    assert!(hint.contains("restart it") && !hint.contains("by itself"), "{hint}");
    let freeze = live.program.run(FREEZE).await;
    assert!(freeze.status.success(), "{freeze:#?}");
    turns(&live).await;
    assert!(blamed(&live));
    // By other processes: in this one the lost log is still open.
    let program = live.stop().await;
    let verified = program.run(&["ledger", "verify"]).await;
    assert!(verified.stdout.contains("2 grants of ours"), "{verified:#?}");
    let unfreeze = program.run(&["unfreeze"]).await;
    assert!(unfreeze.stdout.starts_with("1 freeze ended."), "{unfreeze:#?}");
}

/// Nothing that rests keeps anything where another file could be mixed with it, or where it grows for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_is_empty_while_the_daemon_rests() {
    let prepared = Live::prepare(RARELY, PRODUCTS).await;
    let file = prepared.program.file();
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("poll: 50ms", "poll: 1h")).unwrap();
    let ann = prepared.logto.add_user("ann@example.com");
    prepared.shop.buy(&"prd_pro".into(), &ann);
    let live = prepared.run(QUICK, Mode::Live);
    live.hold("paid-tier", &[&ann]).await;
    let log = live.program.store().with_extension("db-wal");
    until("it is empty", || std::fs::metadata(&log).is_ok_and(|log| log.len() == 0)).await;
    live.stop().await;
}

/// What failed and would be tried again soon is no reason to turn while nothing may be tried.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_is_still_to_be_tried_again_does_not_make_a_displaced_daemon_spin() {
    let prepared = Live::prepare(RARELY, PRODUCTS).await;
    let file = prepared.program.file();
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("poll: 50ms", "poll: 20s")).unwrap();
    let ann = prepared.logto.add_user("ann@example.com");
    prepared.shop.buy(&"prd_pro".into(), &ann);
    prepared.logto.faults().add(Rule::refuse(502).method("POST").path("/roles"));
    let live = prepared.run(QUICK, Mode::Live);
    until("the grant has failed", || live.reading.status.borrow().figures.pending > 0).await;
    let aside = live.program.folder.path().join("aside.db");
    std::fs::rename(live.program.store(), &aside).unwrap();
    until("it says so", || blamed(&live)).await;
    let since = live.reading.status.borrow().at;
    let mut seen = BTreeSet::new();
    until("some seconds have passed", || {
        seen.insert(live.reading.status.borrow().at);
        seen.last().is_some_and(|last| *last > since + SignedDuration::from_secs(3))
    })
    .await;
    assert!(seen.len() < 12, "{} turns: {seen:?}", seen.len());
    std::fs::rename(&aside, live.program.store()).unwrap();
    live.logto.faults().clear();
    live.hold("paid-tier", &[&ann]).await;
    live.stop().await;
}

/// The turns in which nothing could be done are no failures that would make it wait longer and longer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_just_after_the_store_is_back_is_tried_again_soon() {
    let live = Live::with(RARELY, PRODUCTS).await;
    until("the first full pass", || live.reading.status.borrow().last_full_pass.is_some()).await;
    let aside = live.program.folder.path().join("aside.db");
    std::fs::rename(live.program.store(), &aside).unwrap();
    until("it says so", || blamed(&live)).await;
    turns(&live).await;
    turns(&live).await;
    live.logto.faults().add(Rule::refuse(403).method("GET"));
    std::fs::rename(&aside, live.program.store()).unwrap();
    let tried = || matching(&live.logto.requests(), "GET", &["/api/roles?"]);
    let before = tried();
    until("it is tried, and twice again", || tried() >= before + 3).await;
    live.logto.faults().clear();
    until("all is well again", || live.reading.status.borrow().state == State::InSync).await;
    live.stop().await;
}

/// A daemon that is paused or killed can move nothing out of the way: whoever comes next knows its log by its note.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_of_a_daemon_that_noticed_nothing_reaches_no_other_file() {
    let running = entitled::sandbox::start(entitled::sandbox::Options::default()).await.unwrap();
    let handles = running.handles().unwrap().clone();
    furnish(&handles.logto);
    let block = addresses(running.logto_url(), running.shop_url(), "");
    let program = Program::new(&format!("{block}prune: owned\n{NO_LIMITS}\nschedule: {{full_pass: 20ms}}\n{PRODUCTS}"));
    let daemon = program.start(&["run"]);
    let sold = async |email: &str| {
        let user = handles.logto.add_user(email);
        handles.shop.buy(&"prd_pro".into(), &user);
        let role = handles.logto.role("paid-tier").unwrap();
        until("it is granted", || handles.logto.holders(&role).contains(&user)).await;
        user
    };
    let ann = sold("ann@example.com").await;
    let backup = program.run(&["ledger", "backup", "backup.db"]).await;
    assert!(backup.status.success(), "{backup:#?}");
    let _ben = sold("ben@example.com").await;
    let log = program.store().with_extension("db-wal");
    until("it is paused with something in its log", || {
        daemon.signal("STOP");
        let has_log = std::fs::metadata(&log).is_ok_and(|log| log.len() > 0);
        if !has_log {
            daemon.signal("CONT");
        }
        has_log
    })
    .await;
    std::fs::rename(program.folder.path().join("backup.db"), program.store()).unwrap();

    let freeze = program.run(FREEZE).await;
    assert!(!freeze.status.success() && freeze.stderr.contains("the log beside the store"), "{freeze:#?}");
    let read = Store::verify(&program.store()).await.unwrap();
    assert_eq!((read.ledger, read.buyers), (1, 1), "what only reads mixes them neither");
    daemon.kill().await;
    assert_eq!(kept(&program.store()).await, ([ann].into(), false));
    let freeze = program.run(FREEZE).await;
    assert!(freeze.status.success(), "{freeze:#?}");
}
