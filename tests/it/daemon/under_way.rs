//! While a pass is under way: what fails is tried again soon, what is said meanwhile is heeded before the next
//! write, and a sale does not wait for the end. By what can be seen in Logto, never by a clock.

use std::collections::BTreeSet;
use std::time::Duration;

use entitled::daemon::{Mode, presets};
use entitled::model::{OrderId, UserId};
use entitled::sandbox::{Fault, Rule, Seen};
use entitled::store::{Freeze, FreezeScope, Store};
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::{Live, QUICK, RARELY};
use crate::support::program::until;
use crate::support::stage::PRODUCTS;

/// Long enough to be in the midst of, at so slow a server.
pub(super) const MANY: usize = 250;
/// As long as whoever sends SIGTERM waits before SIGKILL.
const GRACE: Duration = Duration::from_secs(10);
const SLOW: Duration = Duration::from_millis(25);

/// A daemon in which many hold what they paid for, and their orders.
pub(super) async fn crowd() -> (Live, Vec<(UserId, OrderId)>) {
    let live = Live::with(RARELY, PRODUCTS).await;
    let sold: Vec<(UserId, OrderId)> = (0..MANY)
        .map(|number| {
            let user = live.logto.add_user(&format!("buyer{number}@example.com"));
            let order = live.shop.buy(&"prd_pro".into(), &user);
            (user, order)
        })
        .collect();
    until("all are granted", || live.holders("paid-tier").len() == MANY).await;
    (live, sold)
}

/// Refunds all of them at once, and waits until the first was taken from.
pub(super) async fn taking(live: &Live, sold: &[(UserId, OrderId)]) {
    live.logto.faults().latency(SLOW);
    sold.iter().for_each(|(_, order)| live.shop.set_status(order, "refunded"));
    until("the first is taken from", || live.holders("paid-tier").len() < MANY).await;
}

async fn frozen(live: &Live, scope: FreezeScope) {
    let store = Store::open(&live.program.store()).await.unwrap();
    let since = Timestamp::now();
    let until = since + SignedDuration::from_hours(1);
    let freeze = Freeze { scope, since, until, reason: "wait".to_owned(), who: "ann".to_owned() };
    store.freeze(&freeze).await.unwrap();
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_failed_is_tried_again_without_a_full_pass() {
    // Whatever way it fails, and whatever was to be written.
    let rules =
        [Rule::refuse(502), Rule::refuse(403), Rule::refuse(500), Rule::new(Fault::Drop), Rule::new(Fault::Html)];
    for product in ["prd_pro", "prd_team"] {
        for rule in rules.clone() {
            let live = Live::with(RARELY, PRODUCTS).await;
            until("the first full pass", || live.reading.status.borrow().last_full_pass.is_some()).await;
            let walks = live.walks();
            live.logto.faults().add(rule.clone().method("POST").path("/users"));
            let ann = live.buyer("ann@example.com", product);
            until(&format!("{rule:?}: it is said that it failed"), || {
                !live.reading.status.borrow().troubles.is_empty()
            })
            .await;
            live.logto.faults().clear();
            let acme = live.logto.organization("acme").unwrap();
            let paid = live.logto.role("paid-tier").unwrap();
            let holds = || live.logto.roles_of(&ann).contains(&paid) || live.logto.members(&acme).contains_key(&ann);
            until(&format!("{rule:?}: the sale is granted"), holds).await;
            until("nothing is wrong any more", || live.reading.status.borrow().troubles.is_empty()).await;
            assert_eq!(live.walks(), walks, "about these users only");
            live.stop().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_that_failed_is_tried_again_without_a_full_pass() {
    let live = Live::with(RARELY, PRODUCTS).await;
    let ann = live.logto.add_user("ann@example.com");
    let order = live.shop.buy(&"prd_pro".into(), &ann);
    live.hold("paid-tier", &[&ann]).await;
    let walks = live.walks();
    live.logto.faults().add(Rule::refuse(500).method("DELETE"));
    live.shop.set_status(&order, "refunded");
    until("it is said that it failed", || !live.reading.status.borrow().troubles.is_empty()).await;
    live.logto.faults().clear();
    live.hold("paid-tier", &[]).await;
    assert_eq!(live.walks(), walks, "about these users only");
    live.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_freeze_is_heeded_before_the_next_revocation() {
    for scope in [FreezeScope::Revocations, FreezeScope::All] {
        let (live, sold) = crowd().await;
        taking(&live, &sold).await;
        frozen(&live, scope).await;
        let left = live.holders("paid-tier").len();
        until("the pass has ended", || live.reading.status.borrow().freeze.is_some()).await;
        let kept = live.holders("paid-tier").len();
        // What was in flight at that moment is finished.
        assert!(left - kept <= 16, "{scope:?}: {left} held it when it was frozen, {kept} do still");
        assert!(kept > 0, "{scope:?}: the freeze came when nothing was left to be taken");
        live.stop().await;
    }
}

/// Grants are under way: a freeze of revocations is no matter of theirs, and one of everything is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_freeze_stops_grants_under_way_where_it_is_one_of_everything() {
    for scope in [FreezeScope::Revocations, FreezeScope::All] {
        let prepared = Live::prepare(RARELY, PRODUCTS).await;
        let text = prepared.text(PRODUCTS).replace("${LOGTO_SECRET}\"", "${LOGTO_SECRET}\", batch: 1");
        std::fs::write(prepared.program.file(), text).unwrap();
        let buys = |number| prepared.logto.add_user(&format!("buyer{number}@example.com"));
        let users: Vec<UserId> = (0..MANY).map(buys).collect();
        users.iter().for_each(|user| _ = prepared.shop.buy(&"prd_pro".into(), user));
        prepared.logto.faults().latency(SLOW);
        let live = prepared.run(QUICK, Mode::Live);
        until("the first is granted", || !live.holders("paid-tier").is_empty()).await;
        frozen(&live, scope).await;
        let begun = live.holders("paid-tier").len();
        assert!(begun < MANY, "{scope:?}: the freeze came when nothing was left to be granted");
        if scope == FreezeScope::Revocations {
            until("all the others are granted too", || live.holders("paid-tier").len() == MANY).await;
        } else {
            until("the pass has ended", || live.reading.status.borrow().freeze.is_some()).await;
            let granted = live.holders("paid-tier").len();
            // What was in flight at that moment is finished.
            assert!(granted - begun <= 16, "{begun} held it when it was frozen, {granted} do by now");
        }
        live.stop().await;
    }
}

/// Whatever is written over the file that takes from everybody: what that one still had to take is not taken.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_put_back_is_heeded_before_the_next_revocation() {
    const WITHOUT: &str = "products:\n  prd_team:\n    entitlements: [{organization: acme, roles: [member]}]\n";
    let third = PRODUCTS.replace("[role: paid-tier]", "[role: paid-tier, role: beta]");
    let (live, sold) = crowd().await;
    let buyers: BTreeSet<UserId> = sold.into_iter().map(|(user, _)| user).collect();
    let taken = || live.logto.writes().iter().filter(|write| write.method == "DELETE").count();
    for (what, files) in
        [("put back", &[PRODUCTS][..]), ("put back twice", &[PRODUCTS, WITHOUT, PRODUCTS]), ("a third", &[&third])]
    {
        live.logto.clear_requests();
        live.logto.faults().latency(SLOW);
        std::fs::write(live.program.file(), live.text(WITHOUT)).unwrap();
        until(&format!("{what}: the first is taken from"), || taken() > 0).await;
        for file in files {
            let before = taken();
            std::fs::write(live.program.file(), live.text(file)).unwrap();
            if *file == WITHOUT {
                until(&format!("{what}: it is taken from them again"), || taken() > before).await;
            } else {
                let in_force = format!("{what}: it is in force");
                let digest = entitled::config::load(&live.program.file(), &presets()).unwrap().config.digest;
                let is = || live.reading.status.borrow().config.as_ref().map(|config| config.origin.digest.clone());
                until(&in_force, || is().as_ref() == Some(&digest)).await;
            }
        }
        live.logto.faults().latency(Duration::ZERO);
        until(&format!("{what}: all hold it again"), || live.holders("paid-tier") == buyers).await;
        assert!(taken() < MANY, "{what}: all of them were taken from");
    }
    live.hold("beta", &buyers.iter().collect::<Vec<_>>()).await;
    live.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sale_is_granted_while_others_are_still_taken_from() {
    let (live, sold) = crowd().await;
    taking(&live, &sold).await;
    let late = live.logto.add_user("late@example.com");
    let role = live.logto.role("paid-tier").unwrap();
    live.shop.buy(&"prd_pro".into(), &late);
    until("the sale is granted", || live.logto.roles_of(&late).contains(&role)).await;
    let left = live.holders("paid-tier").len() - 1;
    assert!(left > 0, "the sale has waited for all {MANY} revocations");
    // Two of those who are about to lose it: one pays anew, and one is paid again by the order itself.
    let holders = live.holders("paid-tier");
    let back = sold.iter().rev().find(|(user, _)| holders.contains(user)).unwrap();
    live.shop.set_status(&back.1, "paid");
    live.logto.faults().latency(Duration::ZERO);
    live.hold("paid-tier", &[&late, &back.0]).await;
    live.stop().await;
}

/// What a quick pass grants while a full one is under way is in the figures of neither look.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_figures_after_a_long_pass_count_what_was_sold_meanwhile() {
    let prepared = Live::prepare(RARELY, PRODUCTS).await;
    let buy = |number: usize| {
        let user = prepared.logto.add_user(&format!("buyer{number}@example.com"));
        prepared.shop.buy(&"prd_pro".into(), &user);
    };
    (0..MANY).for_each(buy);
    let late: Vec<UserId> =
        (0..5).map(|number| prepared.logto.add_user(&format!("late{number}@example.com"))).collect();
    let live = prepared.run(QUICK, Mode::Live);
    live.logto.faults().latency(SLOW);
    until("the first is granted", || !live.holders("paid-tier").is_empty()).await;
    for user in &late {
        live.shop.buy(&"prd_pro".into(), user);
    }
    until("they are granted meanwhile", || late.iter().all(|user| live.holders("paid-tier").contains(user))).await;
    live.logto.faults().latency(Duration::ZERO);
    until("all are granted", || live.holders("paid-tier").len() == MANY + late.len()).await;
    let figures = || {
        let status = live.reading.status.borrow();
        let paid = status.targets.iter().find(|target| target.name == "role paid-tier");
        (status.progress.is_none(), paid.map(|target| (target.desired, target.actual)))
    };
    let all = (MANY + late.len()) as u64;
    until("the figures are those of Logto", || figures() == (true, Some((all, all)))).await;
    live.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_under_way_is_said_as_it_goes_on() {
    let (live, sold) = crowd().await;
    taking(&live, &sold).await;
    let mut seen = BTreeSet::new();
    until("some steps of it are told", || {
        let status = live.reading.status.borrow();
        if let Some(progress) = &status.progress {
            assert!(progress.done < progress.of && progress.of <= MANY as u64, "{progress:?}");
            assert_eq!(status.state, entitled::model::State::Pending, "{progress:?}");
            seen.insert((progress.of, progress.done));
        }
        seen.len() >= 3
    })
    .await;
    live.logto.faults().latency(Duration::ZERO);
    live.hold("paid-tier", &[]).await;
    until("it is over", || live.reading.status.borrow().progress.is_none()).await;
    live.stop().await;
}

/// Whoever does not answer keeps nobody from the end, whatever they are asked for in the midst of a pass.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_waits_for_no_answer_that_can_be_had_later() {
    // Each waits for the last answer, so they wait together.
    let ends = async |what: &str, path: &str| {
        let (live, sold) = crowd().await;
        taking(&live, &sold).await;
        live.logto.faults().add(Rule::new(Fault::Silence).method("GET").path(path));
        live.buyer("late@example.com", "prd_pro");
        let in_vain = |seen: &Seen| seen.method == "GET" && seen.status.is_none() && seen.path.contains(path);
        until(&format!("{what}: asked for in vain"), || live.logto.requests().iter().any(in_vain)).await;
        let left = live.holders("paid-tier").len();
        let asked = Instant::now();
        let program = live.stop().await;
        assert!(asked.elapsed() < GRACE, "{what}: {:?}", asked.elapsed());
        assert!(left > 0, "{what}: it came when nothing was left to be taken");
        let store = Store::open(&program.store()).await.unwrap();
        let (ours, unclear) = (store.ledger(None).await.unwrap().len(), store.intents().await.unwrap().len());
        assert!((left..=MANY).contains(&ours), "{what}: {ours} are ours, and {left} were held");
        assert!(unclear >= ours - left, "{what}: {unclear} are still to be asked for, of {}", ours - left);
        store.close().await;
    };
    tokio::join!(ends("the buyer of a sale", "/api/users"), ends("the holders of what was taken", "/api/roles/"));
}
