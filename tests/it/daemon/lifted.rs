//! Whatever lifts a hold is heeded at once, also where it was said to the store and not to the daemon: there is no
//! full pass here but those that something asks for.

use entitled::store::{Freeze, FreezeScope, Store};
use jiff::{SignedDuration, Timestamp};

use super::{Live, RARELY};
use crate::support::program::until;
use crate::support::stage::PRODUCTS;

/// A daemon with one buyer, whose refund it withholds since somebody has frozen it for so long.
async fn frozen(length: SignedDuration) -> (Live, Store) {
    let live = Live::with(RARELY, PRODUCTS).await;
    let ann = live.logto.add_user("ann@example.com");
    let order = live.shop.buy(&"prd_pro".into(), &ann);
    live.hold("paid-tier", &[&ann]).await;
    let store = Store::open(&live.program.store()).await.unwrap();
    let since = Timestamp::now();
    let (reason, who) = ("wait".to_owned(), "ann".to_owned());
    let freeze = Freeze { scope: FreezeScope::Revocations, since, until: since + length, reason, who };
    store.freeze(&freeze).await.unwrap();
    live.shop.set_status(&order, "refunded");
    until("it is withheld", || live.reading.status.borrow().held.iter().any(|held| held.hold == "Frozen")).await;
    (live, store)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_a_freeze_that_somebody_says_to_the_store_is_heeded() {
    let (live, store) = frozen(SignedDuration::from_hours(24)).await;
    store.unfreeze("ann", Timestamp::now()).await.unwrap();
    live.hold("paid-tier", &[]).await;
    store.close().await;
    live.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_freeze_that_ends_by_itself_is_followed_by_a_pass() {
    let (live, store) = frozen(SignedDuration::from_secs(4)).await;
    live.hold("paid-tier", &[]).await;
    store.close().await;
    live.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_said_to_the_store_while_nothing_happens_wakes_the_loop_and_what_a_pass_writes_does_not() {
    let live = Live::with(RARELY, PRODUCTS).await;
    until("the first full pass", || live.reading.status.borrow().last_full_pass.is_some()).await;
    let walks = live.walks();
    let ann = live.buyer("ann@example.com", "prd_pro");
    live.hold("paid-tier", &[&ann]).await;
    let store = Store::open(&live.program.store()).await.unwrap();
    let (since, who) = (Timestamp::now(), "ann".to_owned());
    let until_then = since + SignedDuration::from_hours(1);
    let freeze = Freeze { scope: FreezeScope::All, since, until: until_then, reason: "wait".to_owned(), who };
    store.freeze(&freeze).await.unwrap();
    until("one full pass for what was said, and none for what the daemon wrote", || live.walks() == walks + 1).await;
    store.unfreeze("ann", Timestamp::now()).await.unwrap();
    until("and one for its end", || live.walks() == walks + 2).await;
    store.close().await;
    live.stop().await;
}
