//! Whatever lifts a hold is heeded at once, also where it was said to the store and not to the daemon: there is no
//! full pass here but those that something asks for.

use entitled::daemon::{Hint, Mode};
use entitled::model::UserId;
use entitled::sandbox::Seen;
use entitled::store::{Freeze, FreezeScope, Store};
use jiff::{SignedDuration, Timestamp};

use super::{Live, QUICK, RARELY};
use crate::support::program::until;
use crate::support::stage::{NO_LIMITS, PRODUCTS};

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

/// By the command line, which knows of no daemon: nothing listens there. And the next poll is an hour away.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_person_says_on_the_command_line_is_heeded_between_two_polls() {
    let prepared = Live::prepare(RARELY, PRODUCTS).await;
    let file = prepared.program.file();
    let text = std::fs::read_to_string(&file).unwrap().replace("poll: 50ms", "poll: 1h");
    std::fs::write(&file, text.replace(NO_LIMITS, "listen: off\nlimits: {revocations: {per_day: 0%, floor: 0}}"))
        .unwrap();
    let buys = |email: &str| {
        let user = prepared.logto.add_user(email);
        let order = prepared.shop.buy(&"prd_pro".into(), &user);
        (user, order)
    };
    let [(ann, first), (ben, second)] = ["ann@example.com", "ben@example.com"].map(buys);
    let live = prepared.run(QUICK, Mode::Live);
    live.hold("paid-tier", &[&ann, &ben]).await;
    let held = |user: &UserId, hold: &str| {
        let status = live.reading.status.borrow();
        let of_them = status.held.iter().find(|held| held.change.user == *user && held.hold == hold);
        of_them.map(|held| held.set.clone())
    };
    let says = async |args: &[&str]| {
        let said = live.program.run(args).await;
        assert!(said.status.success(), "{said:#?}");
    };
    live.shop.set_status(&first, "refunded");
    live.trigger.trigger(Hint::Everything);
    until("it is held", || held(&ann, "OverLimit").is_some()).await;
    let polls = live.shop.requests().len();
    says(&["freeze", "--for", "1h", "--reason", "wait"]).await;
    until("it is held for the freeze", || held(&ann, "Frozen").is_some()).await;
    says(&["unfreeze"]).await;
    until("the freeze holds it no more", || held(&ann, "OverLimit").is_some()).await;
    let set = held(&ann, "OverLimit").flatten().expect("a digest");
    says(&["approve", &set]).await;
    live.hold("paid-tier", &[&ben]).await;
    let list = |requests: &[Seen]| requests.iter().filter(|seen| seen.path.contains("?")).count();
    assert_eq!(list(&live.shop.requests()[polls..]), 0, "nobody has polled for that");

    // Given up, it is nobody's to take: the hold ends, and nothing is taken.
    live.shop.set_status(&second, "refunded");
    live.trigger.trigger(Hint::Everything);
    until("it is held, too", || held(&ben, "OverLimit").is_some()).await;
    says(&["release", ben.as_str(), "role paid-tier", "--reason", "a gift"]).await;
    until("nothing is held any more", || live.reading.status.borrow().held.is_empty()).await;
    assert_eq!(live.holders("paid-tier"), [ben].into());
    live.stop().await;
}

/// What clocks that differ hold lifts itself once they agree, long before the next full pass.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_two_clocks_held_goes_once_they_agree() {
    let live = Live::prepare(RARELY, "products:\n  prd_pro: {entitlements: [role: paid-tier], valid_for: 2s}\n").await;
    live.logto.faults().date_skew(3_600);
    let live = live.run(QUICK, Mode::Live);
    let ann = live.buyer("ann@example.com", "prd_pro");
    until("it is held", || live.reading.status.borrow().held.iter().any(|held| held.hold == "ClockDoubtful")).await;
    assert_eq!(live.holders("paid-tier"), [ann].into());
    live.logto.faults().date_skew(0);
    live.hold("paid-tier", &[]).await;
    live.stop().await;
}
