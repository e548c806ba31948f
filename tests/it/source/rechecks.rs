//! Orders that back grants are asked for again by id, in turn, whatever the list says.

use entitled::model::{Grant, OrderId, Ownership, Standing, Target};
use entitled::pass::ingest::{ReadScope, ingest, recheck};
use entitled::source::Source;
use entitled::store::{Cause, LedgerRow, Store};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{at, of, order};
use crate::support::preset::{http_source, settings};
use crate::support::replay::{Line, Replay};

/// Twelve polls of five minutes to the hour.
const POLL: SignedDuration = SignedDuration::from_mins(5);

const SHOP: &str = "
list: {path: /orders, items: $, paging: {kind: none}}
incremental: {kind: window, param: created_after, format: date, window: 1d}
get: {path: '/orders/{id}', recheck_every: 1h}
map: {id: $.id, updated_at: $.at, products: '$.products[*]', user_id: $.user}
status: [{when: \"@.status == 'paid'\", as: paid}, {when: \"@.status == 'refunded'\", as: refunded}]
";

fn ids(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("o{number:02}")).collect()
}

fn one(id: &str) -> Line {
    Line::json(&format!("/orders/{id}"), order(id, 1))
}

/// A shop with orders that were read at minute 0, each of which backs a grant.
async fn sold(count: usize, directory: &tempfile::TempDir) -> (Replay, Source, Store) {
    let ids = ids(count);
    let list: Vec<_> = ids.iter().map(|id| order(id, 0)).collect();
    let server = Replay::start(vec![Line::json("/orders", json!(list))]).await;
    let source = of(&settings(http_source(SHOP, &server.url)));
    let store = Store::open(&directory.path().join("entitled.db")).await.unwrap();
    let day = SignedDuration::from_hours(24);
    ingest(&source, &store, ReadScope::Changes, day, at(0)).await.unwrap();
    let row = |id: &String| LedgerRow {
        grant: Grant { user: format!("user of {id}").as_str().into(), target: Target::Role { role: "r".into() } },
        ownership: Ownership::Granted,
        cause: Cause::Order,
        source: source.name().clone(),
        order: OrderId::from(id.as_str()),
        order_key: None,
        product: "p".into(),
        line: 1,
        commit: "abc".to_owned(),
        since: at(0),
        run: "r1".into(),
        undone: 0,
    };
    let rows: Vec<LedgerRow> = ids.iter().map(row).collect();
    store.journal_grants(&"r1".into(), &rows).await.unwrap();
    server.now_answers(ids.iter().map(|id| one(id)).collect());
    (server, source, store)
}

fn later(minutes: i64) -> Timestamp {
    at(0) + SignedDuration::from_mins(minutes)
}

#[tokio::test]
async fn every_order_comes_round_once_within_the_interval_and_never_all_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let (server, source, store) = sold(30, &directory).await;
    assert!(recheck(&source, &store, POLL, later(59)).await.unwrap().is_empty());
    assert_eq!(server.targets().len(), 0, "what was just read is not asked for again");
    let mut most = 0;
    for poll in 0..12 {
        let before = server.targets().len();
        recheck(&source, &store, POLL, later(60 + 5 * poll)).await.unwrap();
        most = most.max(server.targets().len() - before);
    }
    let mut asked = server.targets();
    asked.sort();
    assert_eq!(asked, ids(30).iter().map(|id| format!("/orders/{id}")).collect::<Vec<_>>());
    assert!(most <= 3, "{most} at once");
}

#[tokio::test]
async fn a_restart_does_not_ask_for_everything_again() {
    let directory = tempfile::tempdir().unwrap();
    let (server, source, store) = sold(3, &directory).await;
    for poll in 0..3 {
        recheck(&source, &store, POLL, later(60 + 5 * poll)).await.unwrap();
    }
    assert_eq!(server.targets().len(), 3);
    store.close().await;
    let store = Store::open(&directory.path().join("entitled.db")).await.unwrap();
    recheck(&source, &store, POLL, later(80)).await.unwrap();
    assert_eq!(server.targets().len(), 3);
}

#[tokio::test]
async fn a_refund_that_no_list_shows_any_more_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let (server, source, store) = sold(1, &directory).await;
    let mut refunded = order("o00", 30);
    refunded["status"] = json!("refunded");
    server.now_answers(vec![Line::json("/orders/o00", refunded)]);
    let touched = recheck(&source, &store, POLL, later(61)).await.unwrap();
    let stored = store.find_order(source.name(), &"o00".into()).await.unwrap().unwrap();
    assert_eq!((stored.order.standing, touched), (Standing::Refunded, vec![stored.key]));
}

#[tokio::test]
async fn an_order_that_cannot_be_read_takes_no_other_its_turn() {
    let directory = tempfile::tempdir().unwrap();
    let (server, source, store) = sold(2, &directory).await;
    server.now_answers(vec![Line::json("/orders/o00", json!({"error": "teapot"})).status(418), one("o01")]);
    for poll in 0..2 {
        recheck(&source, &store, POLL, later(60 + 5 * poll)).await.unwrap();
    }
    assert_eq!(server.targets(), ["/orders/o00", "/orders/o01"]);
}

/// One that is captured days after its last change is in no increment.
#[tokio::test]
async fn an_order_that_waits_to_be_paid_is_asked_for_until_it_is() {
    const WAITING: &str = "
list: {path: /orders, items: $, paging: {kind: none}}
incremental: {kind: filter, param: since, format: date}
get: {path: '/orders/{id}', recheck_pending: 10m}
map: {id: $.id, updated_at: $.at, products: '$.products[*]', user_id: $.user}
status: [{when: \"@.status == 'paid'\", as: paid}, {when: \"@.status == 'open'\", as: pending}]
";
    let order =
        |id: &str, status: &str| json!({"id": id, "at": at(0), "products": ["p"], "user": "u", "status": status});
    let directory = tempfile::tempdir().unwrap();
    let rows = json!([order("a", "open"), order("b", "paid"), order("c", "open")]);
    let server = Replay::start(vec![Line::json("/orders", rows)]).await;
    let source = of(&settings(http_source(WAITING, &server.url)));
    let store = Store::open(&directory.path().join("entitled.db")).await.unwrap();
    ingest(&source, &store, ReadScope::Everything, SignedDuration::from_hours(24), at(0)).await.unwrap();
    let both = |a: &str, c: &str| vec![Line::json("/orders/a", order("a", a)), Line::json("/orders/c", order("c", c))];
    server.now_answers(both("open", "open"));
    let asked = async |minutes: i64| {
        let touched = recheck(&source, &store, POLL, later(minutes)).await.unwrap();
        (server.targets().split_off(0), touched.len())
    };
    assert_eq!(asked(9).await, (Vec::new(), 0), "not yet");
    assert_eq!(asked(10).await, (vec!["/orders/a".to_owned()], 0), "half of them with each poll of five minutes");
    assert_eq!(asked(15).await, (vec!["/orders/a".to_owned(), "/orders/c".to_owned()], 0));
    server.now_answers(both("paid", "open"));
    assert_eq!(asked(20).await, (vec!["/orders/a".to_owned()], 1), "captured");
    let stored = store.find_order(source.name(), &"a".into()).await.unwrap().unwrap();
    assert_eq!(stored.order.standing, Standing::Paid);
    server.now_answers(both("paid", "open"));
    let month = 31 * 24 * 60;
    assert_eq!(asked(month).await, (Vec::new(), 0), "what nobody has paid for a month is left to the full reads");
}
