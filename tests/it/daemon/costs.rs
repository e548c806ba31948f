//! What a turn costs the store: as much with two thousand orders as with a hundred.

use entitled::daemon::Mode;
use jiff::{SignedDuration, Timestamp};

use super::{Live, QUICK, RARELY};
use crate::support::program::until;
use crate::support::stage::PRODUCTS;

/// Instructions of SQLite.
#[derive(Clone, Copy, Debug)]
struct Cost {
    /// A request of a poll that brings nothing, with all that the loop does besides.
    quiet: u64,
    /// A sale, from the poll that brings it to the grant, and the polls meanwhile.
    sale: u64,
}

/// So many sales are made.
const SALES: usize = 10;

/// The list comes newest change first, by pages, so that a poll need not read all of it.
const LIST: &str = "incremental: {kind: walk_back, overlap: 0s},
  get: {path: \"/api/merchant/orders/{id}\", item: [$.order, $], recheck_every: 6h},
  list: {path: /api/merchant/orders, items: $, paging: {kind: offset, param: offset, size_param: limit, size: 20}},
  expect: {total: ignored},";

/// What things cost with so many orders of long ago, each behind a grant.
async fn cost(orders: usize) -> Cost {
    let prepared = Live::prepare(RARELY, PRODUCTS).await;
    let text = prepared.text(PRODUCTS).replace("kind: openbitum,", &format!("kind: openbitum, {LIST}"));
    assert!(text.contains("walk_back"), "{text}");
    std::fs::write(prepared.program.file(), &text).unwrap();
    let now = Timestamp::now();
    for number in 0..orders {
        let user = prepared.logto.add_user(&format!("buyer-{number}@example.com"));
        let at = now - SignedDuration::from_hours(1) - SignedDuration::from_secs(number as i64);
        prepared.shop.buy_at(&"prd_pro".into(), &user, at);
    }
    let live = prepared.run(QUICK, Mode::Live);
    until("all are granted", || live.holders("paid-tier").len() == orders).await;
    let store = live.reading.open.borrow().as_ref().unwrap().store.clone();
    let asked = || live.shop.requests().len();
    let rests = async || {
        let before = asked();
        until("some quiet polls", || asked() >= before + 40).await;
    };
    rests().await;

    let (requests, work) = (asked(), store.work());
    rests().await;
    let quiet = (store.work() - work) / (asked() - requests) as u64;

    let work = store.work();
    for number in 0..SALES {
        let user = live.buyer(&format!("new-{number}@example.com"), "prd_pro");
        until("it is granted", || live.holders("paid-tier").contains(&user)).await;
    }
    let sale = (store.work() - work) / SALES as u64;
    live.stop().await;
    Cost { quiet, sale }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quiet_turn_and_a_sale_cost_as_much_with_many_orders_as_with_few() {
    let (few, many) = (cost(100).await, cost(2_000).await);
    println!("instructions of SQLite with 100 orders: {few:?}; with 2,000: {many:?}");
    assert!(few.quiet > 0 && few.sale > few.quiet, "{few:?}");
    assert!(many.quiet * 2 < few.quiet * 3 && many.sale * 2 < few.sale * 3, "{few:?} and {many:?}");
}
