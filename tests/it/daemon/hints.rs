//! Many hints at once: they wait for each other as little as anything else waits for them. By counts, and by what
//! comes before what; never by a clock.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use entitled::daemon::{Hint, MANY, Mode, PER_TURN};
use entitled::model::UserId;
use serde_json::{Value, json};

use super::{Live, QUICK, RARELY};
use crate::support::program::until;
use crate::support::till::{Held, Till};

const ONE_ROLE: &str = "products:
  prd_pro: {entitlements: [role: paid-tier]}
";

/// A list that is filtered by time of change, and orders by their ids.
fn answers(held: &Held, path: &str, query: &BTreeMap<String, String>) -> Option<Value> {
    let since: i64 = query.get("since").map_or(0, |since| since.parse().unwrap());
    let changed = |order: &&Value| order["at"].as_i64().unwrap() >= since;
    match path {
        "/orders" => Some(held.orders.values().filter(changed).cloned().collect()),
        path => held.orders.get(path.strip_prefix("/orders/")?).cloned(),
    }
}

/// How the second shop is read: by time of change, or as a whole.
const FILTERED: &str = "incremental: {kind: filter, param: since, format: unix}";
const WHOLE: &str = "incremental: {kind: snapshot}";

/// A daemon with two shops: the usual one, and a till that is polled so rarely that only hints tell of it.
async fn two_shops(incremental: &str) -> (Live, Till) {
    let till = Till::start(answers).await;
    let prepared = Live::prepare(RARELY, ONE_ROLE).await;
    let text = std::fs::read_to_string(prepared.program.file()).unwrap();
    let second = format!(
        "sources:\n  till:\n    kind: http\n    url: {}\n    poll: 1h\n    list: {{path: /orders, items: $, paging: {{kind: none}}}}\n    \
         {incremental}\n    get: {{path: '/orders/{{id}}'}}\n    \
         map: {{id: $.id, updated_at: $.at, products: $.product, user_id: $.user}}\n    \
         status: [{{when: \"@.status == 'paid'\", as: paid}}]\n    expect: {{total: ignored}}\n",
        till.url
    );
    let (before, shop) = text.split_once("sources: {shop: ").unwrap();
    let (shop, after) = shop.split_once("}}\n").unwrap();
    std::fs::write(prepared.program.file(), format!("{before}{second}  shop: {shop}}}\n{after}")).unwrap();
    let live = prepared.run(QUICK, Mode::Live);
    until("the first full pass", || live.walks() == 1 || live.reading.status.borrow().last_full_pass.is_some()).await;
    (live, till)
}

/// So many orders in the till that the daemon has not heard of.
fn sell(live: &Live, till: &Till, count: usize) -> BTreeSet<UserId> {
    let sold = |number: usize| {
        let user = live.logto.add_user(&format!("buyer{number}@example.com"));
        let at = jiff::Timestamp::now().as_second();
        till.put(&format!("t{number}"), json!({"id": format!("t{number}"), "status": "paid", "at": at, "product": "prd_pro", "user": user.as_str()}));
        user
    };
    (0..count).map(sold).collect()
}

fn hint(live: &Live, count: usize) {
    (0..count)
        .for_each(|number| live.trigger.trigger(Hint::Order("till".into(), format!("t{number}").as_str().into())));
}

/// Requests for one order since the last time.
fn by_id(till: &Till) -> Vec<String> {
    let asked = std::mem::take(&mut *till.asked.lock().unwrap());
    asked.into_iter().filter(|path| path.starts_with("/orders/")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hints_at_a_shop_that_never_answers_keep_nobody_from_a_grant() {
    // Each waits until a turn has lost its patience, so they wait together.
    let keep_nobody = async |incremental: &str, hints: usize| {
        let (live, till) = two_shops(incremental).await;
        till.stuck.store(true, Ordering::Relaxed);
        hint(&live, hints);
        until("a turn is in the midst of them", || till.waited_for[0].load(Ordering::Relaxed) > 0).await;
        let ann = live.buyer("ann@example.com", "prd_pro");
        live.hold("paid-tier", &[&ann]).await;
        let most = till.waited_for[1].load(Ordering::Relaxed);
        assert!(most <= 4, "{most} reads at once");
        live.stop().await;
    };
    tokio::join!(keep_nobody(WHOLE, 150), keep_nobody(FILTERED, MANY));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_a_poll_sees_every_change_it_answers_many_hints() {
    let (live, till) = two_shops(FILTERED).await;
    let buyers = sell(&live, &till, 150);
    by_id(&till);
    hint(&live, 150);
    live.hold("paid-tier", &buyers.iter().collect::<Vec<_>>()).await;
    let asked = std::mem::take(&mut *till.asked.lock().unwrap());
    let one_by_one = asked.iter().filter(|path| path.starts_with("/orders/")).count();
    // A burst may be cut in two, of which one is small.
    assert!(one_by_one <= MANY, "{asked:?}");
    assert!(asked.len() - one_by_one <= 10, "{asked:?}");
    live.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_turn_does_not_come_to_is_not_lost() {
    let (live, till) = two_shops(WHOLE).await;
    let many = 3 * PER_TURN + 1;
    let buyers = sell(&live, &till, many);
    by_id(&till);
    hint(&live, many);
    live.hold("paid-tier", &buyers.iter().collect::<Vec<_>>()).await;
    let asked = by_id(&till);
    assert_eq!(asked.iter().collect::<BTreeSet<_>>().len(), many, "each is read, by its id");
    assert_eq!(asked.len(), many, "and once");
    // The first of them did not wait for the last: no turn reads more than its share.
    let quick = || -> u64 {
        let passes = live.reading.metrics.counted().passes;
        passes.iter().filter(|(kind, _)| kind.word() == "quick").map(|(_, taken)| taken.count()).sum()
    };
    until("a pass for each share", || quick() >= 4).await;
    live.stop().await;
}
