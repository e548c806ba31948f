//! What is known of one user stays known while quick passes are about others. There is no full pass here but the first
//! one and those that something asks for.

use entitled::model::{OrderId, State, UserId};
use entitled::sandbox::Rule;
use entitled::store::{Freeze, FreezeScope, Store};
use jiff::{SignedDuration, Timestamp};

use super::{Live, RARELY};
use crate::support::program::until;
use crate::support::stage::PRODUCTS;

/// Others buy something else one after another, each granted in a pass that is over when the next one buys.
async fn others_buy(live: &Live, names: &[&str]) {
    for name in names {
        let user = live.buyer(&format!("{name}@example.com"), "prd_team");
        let over = || {
            let status = live.reading.status.borrow();
            status.quick_plan.as_ref().is_some_and(|plan| plan.view.changes.iter().any(|one| one.user == user))
        };
        until(&format!("the pass about {name} is over"), over).await;
    }
    let acme = live.logto.organization("acme").unwrap();
    assert_eq!(live.logto.members(&acme).len(), names.len());
}

async fn started() -> Live {
    let live = Live::with(RARELY, PRODUCTS).await;
    until("the first full pass", || live.reading.status.borrow().last_full_pass.is_some()).await;
    live
}

fn state(live: &Live) -> State {
    live.reading.status.borrow().state
}

/// Those who should hold the role, and those who do.
fn figures(live: &Live) -> (u64, u64) {
    let status = live.reading.status.borrow();
    let target = status.targets.iter().find(|target| target.name == "role paid-tier").unwrap();
    (target.desired, target.actual)
}

async fn holders(live: &Live, names: &[&str]) -> Vec<(UserId, OrderId)> {
    let buy = |name: &&str| {
        let user = live.logto.add_user(&format!("{name}@example.com"));
        let order = live.shop.buy(&"prd_pro".into(), &user);
        (user, order)
    };
    let sold: Vec<_> = names.iter().map(buy).collect();
    live.hold("paid-tier", &sold.iter().map(|(user, _)| user).collect::<Vec<_>>()).await;
    sold
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_failed_is_tried_again_whatever_passes_come_between() {
    for refund in [false, true] {
        let live = started().await;
        let fails = |method: &str| live.logto.faults().add(Rule::refuse(502).method(method).path("/api/roles/"));
        let ann = if refund {
            let (ann, order) = holders(&live, &["ann"]).await.remove(0);
            fails("DELETE");
            live.shop.set_status(&order, "refunded");
            ann
        } else {
            fails("POST");
            live.buyer("ann@example.com", "prd_pro")
        };
        until(&format!("refund: {refund}: it is said that it failed"), || state(&live) == State::Degraded).await;
        let walks = live.walks();
        others_buy(&live, &["ben", "cara", "dora"]).await;
        let pending = live.reading.status.borrow().figures.pending;
        assert_eq!((state(&live), pending), (State::Degraded, 1), "refund: {refund}");
        live.logto.faults().clear();
        let holders: Vec<&UserId> = (!refund).then_some(&ann).into_iter().collect();
        live.hold("paid-tier", &holders).await;
        until("nothing is wrong any more", || state(&live) == State::InSync).await;
        assert_eq!(live.walks(), walks, "refund: {refund}: about this user only");
        live.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_held_stays_so_while_others_are_granted_something() {
    let live = started().await;
    let sold = holders(&live, &["ann", "amy"]).await;
    live.logto.faults().add(Rule::refuse(502).method("DELETE"));
    sold.iter().for_each(|(_, order)| live.shop.set_status(order, "refunded"));
    until("it is said that it failed", || state(&live) == State::Degraded).await;
    let store = Store::open(&live.program.store()).await.unwrap();
    let (since, who) = (Timestamp::now(), "ann".to_owned());
    let end = since + SignedDuration::from_hours(1);
    let freeze = Freeze { scope: FreezeScope::Revocations, since, until: end, reason: "wait".to_owned(), who };
    store.freeze(&freeze).await.unwrap();
    let held = || live.reading.status.borrow().held.len();
    until("both are held", || held() == 2 && state(&live) == State::Held).await;
    others_buy(&live, &["ben", "cara"]).await;
    let figure = live.reading.status.borrow().figures.held;
    assert_eq!((held(), figure, state(&live)), (2, 2, State::Held));
    assert_eq!(store.held(None).await.unwrap().len(), 2, "the store says the same");
    live.logto.faults().clear();
    store.unfreeze("ann", Timestamp::now()).await.unwrap();
    live.hold("paid-tier", &[]).await;
    until("nothing is held any more", || held() == 0 && state(&live) == State::InSync).await;
    store.close().await;
    live.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_buyer_with_two_accounts_stays_held_while_others_are_granted_something() {
    let live = started().await;
    live.logto.add_user("dora@example.com");
    live.logto.add_user("dora@example.com");
    live.shop.buy(&"prd_pro".into(), "dora@example.com");
    until("it is held", || state(&live) == State::Held).await;
    others_buy(&live, &["ben", "cara"]).await;
    assert_eq!((live.reading.status.borrow().figures.held, state(&live)), (1, State::Held));
    live.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_should_hold_a_target_is_counted_as_of_the_last_pass_of_any_kind() {
    let live = started().await;
    assert_eq!(figures(&live), (0, 0));
    let sold = holders(&live, &["ann", "amy"]).await;
    until("both should and do", || figures(&live) == (2, 2)).await;
    live.shop.set_status(&sold[0].1, "refunded");
    until("one should and does", || figures(&live) == (1, 1)).await;
    // What cannot be taken is wanted no more all the same.
    live.logto.faults().add(Rule::refuse(502).method("DELETE"));
    live.shop.set_status(&sold[1].1, "refunded");
    until("one does and should not", || figures(&live) == (0, 1)).await;
    live.logto.faults().clear();
    until("nobody should or does", || figures(&live) == (0, 0)).await;
    live.stop().await;
}
