//! What is read at the same time: no read waits for another one that it does not need, and no shop gets more than some.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use entitled::model::{OrderId, Recheck};
use entitled::pass::ingest::{ReadScope, ingest, reread_all};
use entitled::source::Source;
use entitled::store::Store;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::support::preset::{http_source, settings};
use crate::support::program::until;
use crate::support::till::{Held, Till};

const SHOP: &str = "
list: {path: /orders, items: $, paging: {kind: none}}
incremental: {kind: snapshot}
get: {path: '/orders/{id}'}
map: {id: $.id, updated_at: $.at, products: $.product, user_id: $.user}
status: [{when: \"@.status == 'paid'\", as: paid}]
auth: {kind: none}
";

fn answers(held: &Held, path: &str, _: &BTreeMap<String, String>) -> Option<Value> {
    match path {
        "/orders" => Some(json!(held.orders.values().collect::<Vec<_>>())),
        path => held.orders.get(path.strip_prefix("/orders/")?).cloned(),
    }
}

#[tokio::test]
async fn orders_are_read_again_some_at_a_time_and_answered_in_their_order() {
    let till = Till::start(answers).await;
    let source = Source::new(&settings(http_source(SHOP, &till.url))).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("entitled.db")).await.unwrap();
    let ids: Vec<OrderId> = (0..10).map(|number| format!("o{number}").as_str().into()).collect();
    let now = Timestamp::now();
    for id in &ids {
        let at = now.as_second();
        till.put(id.as_str(), json!({"id": id.as_str(), "status": "paid", "at": at, "product": "pro", "user": "ann"}));
    }
    ingest(&source, &store, ReadScope::Everything, SignedDuration::from_hours(24), now).await.unwrap();
    for gone in ["o3", "o8"] {
        till.held.lock().unwrap().orders.remove(gone);
    }
    let said = reread_all(&source, &store, &ids, now).await.unwrap();
    let failed: Vec<&str> =
        ids.iter().zip(&said).filter(|(_, said)| **said == Recheck::Failed).map(|(id, _)| id.as_str()).collect();
    assert_eq!((said.len(), failed), (10, vec!["o3", "o8"]));

    till.stuck.store(true, Ordering::Relaxed);
    tokio::select! {
        said = reread_all(&source, &store, &ids, now) => panic!("nobody has answered: {said:?}"),
        () = until("four are waited for", || till.waited_for[0].load(Ordering::Relaxed) == 4) => {}
    }
    assert_eq!(till.waited_for[1].load(Ordering::Relaxed), 4);
}
