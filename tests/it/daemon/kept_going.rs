//! What fails for one source keeps nothing from the others, and loses nothing that was stored.

use std::collections::BTreeMap;

use entitled::daemon::{Hint, Mode};
use entitled::model::{Item, Order, Standing, UserId};
use entitled::report::status::About;
use entitled::store::Store;
use serde_json::{Value, json};
use sqlx::{Connection as _, SqliteConnection};

use super::{Live, Prepared, QUICK, RARELY};
use crate::support::program::until;
use crate::support::till::{Held, Till};

const ONE_ROLE: &str = "products:
  prd_pro: {entitlements: [role: paid-tier]}
";

fn answers(held: &Held, path: &str, _: &BTreeMap<String, String>) -> Option<Value> {
    (path == "/orders").then(|| held.orders.values().cloned().collect())
}

/// A daemon that does not run yet, with two shops: the usual one, and a till that is polled rarely.
async fn two_shops(further: &str) -> (Prepared, Till) {
    let till = Till::start(answers).await;
    let prepared = Live::prepare(RARELY, ONE_ROLE).await;
    let text = std::fs::read_to_string(prepared.program.file()).unwrap();
    let second = format!(
        "sources:\n  till:\n    kind: http\n    url: {}\n    poll: 1h\n{further}    list: {{path: /orders, items: $, paging: {{kind: none}}}}\n    \
         map: {{id: $.id, paid_at: $.at, products: $.product, user_id: $.user}}\n    \
         status: [{{when: \"@.status == 'paid'\", as: paid}}]\n    expect: {{total: ignored}}\n",
        till.url
    );
    let (before, shop) = text.split_once("sources: {shop: ").unwrap();
    let (shop, after) = shop.split_once("}}\n").unwrap();
    std::fs::write(prepared.program.file(), format!("{before}{second}  shop: {shop}}}\n{after}")).unwrap();
    (prepared, till)
}

fn sell(till: &Till, id: &str, user: &UserId, at: &str) {
    till.put(id, json!({"id": id, "status": "paid", "at": at, "product": "prd_pro", "user": user.as_str()}));
}

/// One statement, past whoever has the store open.
async fn directly(store: &std::path::Path, statement: &'static str) {
    let mut raw = SqliteConnection::connect(&format!("sqlite:{}", store.display())).await.unwrap();
    sqlx::query(statement).execute(&mut raw).await.unwrap();
    raw.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_cannot_be_carried_over_keeps_the_others_from_nothing() {
    let (prepared, till) = two_shops("    was: older\n").await;
    let uma = prepared.logto.add_user("uma@example.com");
    let sold = Order {
        id: "o1".into(),
        buyer: entitled::model::Buyer { user: Some(uma.clone()), email: None },
        items: vec![Item::one("prd_pro".into())],
        standing: Standing::Paid,
        status: None,
        paid_at: None,
        updated_at: None,
        ended_at: None,
        period_end: None,
        renewal: Default::default(),
    };
    let path = prepared.store.clone();
    let store = Store::open(&path).await.unwrap();
    store.record_orders(&"older".into(), &[sold], jiff::Timestamp::now()).await.unwrap();
    store.close().await;
    directly(&path, "CREATE TRIGGER kept BEFORE DELETE ON sources BEGIN SELECT RAISE(ABORT, 'not now'); END").await;
    sell(&till, "o1", &uma, "2024-05-06");

    let live = prepared.run(QUICK, Mode::Live);
    let ann = live.buyer("ann@example.com", "prd_pro");
    live.hold("paid-tier", &[&ann]).await;
    let ben = live.buyer("ben@example.com", "prd_pro");
    live.hold("paid-tier", &[&ann, &ben]).await;
    assert_eq!(*till.asked.lock().unwrap(), [""; 0], "an order that is read under its new name first would be new");
    let blamed =
        || live.reading.status.borrow().troubles.iter().any(|trouble| trouble.about == About::Source("till".into()));
    assert!(blamed());
    let failures: u64 = live.reading.metrics.counted().failures.values().sum();
    assert!((1..5).contains(&failures), "it waits for its time, as any pass that failed: {failures}");

    directly(&path, "DROP TRIGGER kept").await;
    live.trigger.trigger(Hint::Source("till".into()));
    live.hold("paid-tier", &[&ann, &ben, &uma]).await;
    until("nothing is wrong any more", || !blamed()).await;
    live.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_poll_stored_before_it_failed_is_granted() {
    let (prepared, till) = two_shops("").await;
    let nobody = UserId::from("nobody");
    // So much of it is odd that no read of it counts as whole.
    (0..40).for_each(|number| sell(&till, &format!("odd{number}"), &nobody, "garbage"));
    let live = prepared.run(QUICK, Mode::Live);
    until("the first full pass", || live.reading.status.borrow().last_full_pass.is_some()).await;
    let ann = live.logto.add_user("ann@example.com");
    sell(&till, "o1", &ann, "2024-05-06");
    live.trigger.trigger(Hint::Source("till".into()));
    live.hold("paid-tier", &[&ann]).await;
    live.stop().await;
}
