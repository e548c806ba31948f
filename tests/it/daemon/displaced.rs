//! The store is moved away, deleted or replaced while the daemon has it open: nobody could stop it any more, so it
//! stops by itself, says so everywhere, and goes on when the very file is back.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use entitled::model::State;
use entitled::report::status::About;
use entitled::store::Store;

use super::outages::said;
use super::under_way::{MANY, crowd, taking};
use super::{ALWAYS, Live};
use crate::support::program::{Program, addresses, until, until_async};
use crate::support::stage::{NO_LIMITS, PRODUCTS, furnish};

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
    for (deed, displace) in DEEDS {
        let live = Live::with(ALWAYS, PRODUCTS).await;
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
            assert!(trouble.line().contains("nothing is written to Logto any more"), "{deed}: {trouble:?}");
            assert!(
                trouble.hint.as_ref().is_some_and(|hint| hint.contains("put the file back")),
                "{deed}: {trouble:?}"
            );
            assert!(!status.not_ready(status.at).is_empty(), "{deed}");
        }
        std::fs::rename(&aside, &store).unwrap();
        live.hold("paid-tier", &[&ben]).await;
        until(&format!("{deed}: all is well again"), || !blamed(&live)).await;
        live.stop().await;
    }
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
    std::fs::write(program.file(), text.replace("127.0.0.1:0", address.trim_start_matches("http://"))).unwrap();
    until_async("all is well", async || said(&daemon, &address).await.is_well()).await;
    let backup = program.run(&["ledger", "backup", "backup.db"]).await;
    assert!(backup.status.success(), "{backup:#?}");
    std::fs::hard_link(program.store(), program.folder.path().join("aside.db")).unwrap();
    for part in ["db-wal", "db-shm"] {
        let _not_there = std::fs::remove_file(program.store().with_extension(part));
    }
    std::fs::rename(program.folder.path().join("backup.db"), program.store()).unwrap();
    until_async("every place says so", async || said(&daemon, &address).await.blames("store")).await;
    let ready = said(&daemon, &address).await.ready;
    assert_eq!(ready["ready"], false, "{ready:#}");

    let status = program.run(&["status"]).await;
    assert!(status.stderr.contains("another daemon, with another store, answers at "), "{status:#?}");
    let freeze = program.run(&["freeze", "--all", "--for", "1h", "--reason", "a backup was put back"]).await;
    assert!(freeze.stderr.contains("does not heed") && freeze.stderr.contains("start it again"), "{freeze:#?}");

    std::fs::rename(program.folder.path().join("aside.db"), program.store()).unwrap();
    until_async("all is well again", async || said(&daemon, &address).await.is_well()).await;
    let log = daemon.stderr();
    assert_eq!(log.matches("nothing is written to Logto any more").count(), 1, "{log}");
    let store = Store::open(&program.store()).await.unwrap();
    assert_eq!(store.frozen(jiff::Timestamp::now()).await.unwrap(), None, "the freeze lay in the other file");
    store.close().await;
}
