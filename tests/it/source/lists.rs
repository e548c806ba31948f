//! Several lists of one API in one source: one token, one pace, and ids that are kept apart.

use std::collections::BTreeMap;

use entitled::model::{OrderId, Standing};
use entitled::pass::ingest::{ReadScope, ingest};
use entitled::source::{Lookup, Scope, Source};
use entitled::store::Store;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{FULL, at, ids, order, read, source};
use crate::support::preset::http_source;
use crate::support::replay::{Line, Replay};

/// One list of orders, as a source that has no other.
const ORDERS: &str = "
list: {path: /orders, items: $.orders, paging: {kind: none}}
incremental: {kind: filter, param: since, format: unix, overlap: 0}
get: {path: '/orders/{id}'}
map: {id: $.id, updated_at: $.at, products: '$.products[*]', user_id: $.user}
status: [{when: \"@.status == 'paid'\", as: paid}]
expect: {total: ignored}
overlays:
  - {path: /refunds, items: $, paging: {kind: none}, order_id: $.order, when: \"@.done\", as: refunded}
";

/// The same beside a list of subscriptions, which number alike.
fn both() -> String {
    let orders: String = ORDERS.lines().map(|line| format!("    {line}\n")).collect();
    format!(
        "
auth: {{kind: bearer, token: s3cr3t-of-the-shop}}
lists:
  orders:
{orders}
  subscriptions:
    list: {{path: /subscriptions, items: $.subs, paging: {{kind: none}}}}
    incremental: {{kind: filter, param: changed, format: unix, overlap: 0}}
    get: {{path: '/subscriptions/{{id}}'}}
    map: {{id: $.id, updated_at: $.at, period_end: $.end, products: '$.products[*]', user_id: $.user}}
    status: [{{when: \"@.status == 'active'\", as: subscribed}}]
    overlays:
      - {{path: /refunds, items: $, paging: {{kind: none}}, order_id: $.sub, when: \"@.done\", as: void}}
    expect: {{canary: [\"7\"]}}
"
    )
}

fn subscription(id: &str, minute: u32) -> Value {
    let mut row = order(id, minute);
    row["status"] = "active".into();
    row["end"] = "2030-01-01T00:00:00Z".into();
    row
}

fn lines(refunds: Value) -> Vec<Line> {
    let all = vec![
        Line::json("/refunds", refunds),
        Line::json("/orders", json!({"orders": [order("7", 5), order("8", 6)]})),
        Line::json("/subscriptions", json!({"subs": [subscription("7", 30)]})),
        Line::json("/orders/7", order("7", 5)),
        Line::json("/subscriptions/7", subscription("7", 30)),
        Line::json("/subscriptions/9", json!({"error": "none"})).status(404),
    ];
    all.into_iter().map(|line| line.authorized("Bearer s3cr3t-of-the-shop")).collect()
}

#[tokio::test]
async fn two_lists_that_number_alike_are_two() {
    let server = Replay::start(lines(json!([]))).await;
    let shop = source(http_source(&both(), &server.url));
    let (pages, report) = read(&shop, FULL).await;
    assert_eq!(ids(&pages), [vec!["7", "8"], vec!["subscriptions:7"]]);
    let report = report.unwrap();
    assert_eq!((report.orders, report.of_orders(), report.scope), (3, 2, Scope::Full));
    assert_eq!(report.watermark, Some(at(6)), "that of the orders");
    assert_eq!(report.lists["subscriptions"].watermark, Some(at(30)));

    let found = async |id: &str| match shop.get(&OrderId::from(id)).await.unwrap() {
        Lookup::Found(order) => Some((order.id.to_string(), order.standing)),
        _ => None,
    };
    assert_eq!(found("7").await, Some(("7".to_owned(), Standing::Paid)));
    assert_eq!(found("subscriptions:7").await, Some(("subscriptions:7".to_owned(), Standing::Subscribed)));
    assert_eq!(found("subscriptions:9").await, None);
}

/// A store, and the source that is read into it.
struct Shop {
    server: Replay,
    store: Store,
    _directory: TempDir,
}

impl Shop {
    async fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let store = Store::open(&directory.path().join("entitled.db")).await.unwrap();
        Self { server: Replay::start(lines(json!([]))).await, store, _directory: directory }
    }

    fn source(&self, yaml: &str) -> Source {
        source(http_source(yaml, &self.server.url))
    }

    /// Polls, and says which orders are new or changed by it.
    async fn poll(&self, source: &Source) -> Vec<String> {
        let day = SignedDuration::from_hours(24);
        let read = ingest(source, &self.store, ReadScope::Changes, day, at(40)).await.unwrap();
        let mut touched = Vec::new();
        for id in ["7", "8", "subscriptions:7"] {
            if let Some(order) = self.store.find_order(source.name(), &OrderId::from(id)).await.unwrap()
                && read.touched.contains(&order.key)
            {
                touched.push(format!("{id} {}", order.order.standing));
            }
        }
        touched
    }
}

#[tokio::test]
async fn each_list_is_asked_for_what_changed_since_its_own_mark() {
    let shop = Shop::new().await;
    let source = shop.source(&both());
    assert_eq!(shop.poll(&source).await, ["7 paid", "8 paid", "subscriptions:7 subscribed"]);
    let cursor = shop.store.cursor(source.name()).await.unwrap().unwrap();
    assert_eq!((cursor.watermark, cursor.last_full_count), (Some(at(6)), Some(2)));
    let marks: BTreeMap<_, _> = cursor.lists.iter().map(|(name, mark)| (name.as_str(), mark.watermark)).collect();
    assert_eq!(marks, BTreeMap::from([("subscriptions", Some(at(30)))]));

    let unix = |minute| at(minute).as_second();
    shop.server.now_answers(vec![
        Line::json("/refunds", json!([])),
        Line::json(&format!("/orders?since={}", unix(6)), json!({"orders": [order("8", 6)]})),
        Line::json(&format!("/subscriptions?changed={}", unix(30)), json!({"subs": []})),
    ]);
    assert_eq!(shop.poll(&source).await, Vec::<String>::new());
    let after = shop.store.cursor(source.name()).await.unwrap().unwrap();
    assert_eq!((after.watermark, after.lists), (Some(at(6)), cursor.lists), "what brings nothing moves nothing");
}

#[tokio::test]
async fn what_an_overlay_says_is_about_the_orders_of_its_own_list() {
    let shop = Shop::new().await;
    let source = shop.source(&both());
    shop.poll(&source).await;
    let refunds = json!([{"id": "r1", "order": "7", "sub": null, "done": true}, {"id": "r2", "order": null, "sub": "7", "done": true}]);
    shop.server.now_answers(lines(refunds.clone()));
    let unix = |minute| at(minute).as_second();
    shop.server.add(vec![
        Line::json(&format!("/orders?since={}", unix(6)), json!({"orders": []})),
        Line::json(&format!("/subscriptions?changed={}", unix(30)), json!({"subs": []})),
    ]);
    assert_eq!(shop.poll(&source).await, ["7 refunded", "subscriptions:7 void"]);
}

/// What a store knows of the one list stays what it is once that is one of several.
#[tokio::test]
async fn a_store_of_one_list_goes_on_as_that_of_the_orders() {
    let shop = Shop::new().await;
    let auth = "auth: {kind: bearer, token: s3cr3t-of-the-shop}\n";
    assert_eq!(shop.poll(&shop.source(&format!("{ORDERS}{auth}"))).await, ["7 paid", "8 paid"]);
    assert_eq!(shop.poll(&shop.source(&both())).await, ["subscriptions:7 subscribed"], "and nothing else is touched");
    // And back again: what the other list gave is not taken away by being asked for no more.
    assert_eq!(shop.poll(&shop.source(&format!("{ORDERS}{auth}"))).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_list_that_cannot_be_read_moves_no_mark() {
    let shop = Shop::new().await;
    let source = shop.source(&both());
    shop.server.now_answers(vec![
        Line::json("/refunds", json!([])),
        Line::json("/orders", json!({"orders": [order("8", 6)]})),
        // The order that must be there is not.
        Line::json("/subscriptions", json!({"subs": [subscription("1", 30)]})),
    ]);
    let day = SignedDuration::from_hours(24);
    ingest(&source, &shop.store, ReadScope::Changes, day, at(40)).await.unwrap_err();
    assert_eq!(shop.store.cursor(source.name()).await.unwrap(), None);
}
