//! Paging: all of it, each order once.

use entitled::source::{Scope, Step};
use serde_json::json;

use super::{FULL, at, ids, order, read, shop, source};
use crate::support::preset::http_source;
use crate::support::replay::{Line, Replay};

fn page(offset: u32, orders: serde_json::Value, count: u32) -> Line {
    Line::json(&format!("/orders?offset={offset}&limit=2"), json!({"orders": orders, "count": count}))
}

#[tokio::test]
async fn every_page_is_read_and_the_report_adds_up() {
    let server =
        Replay::start(vec![page(0, json!([order("a", 5), order("b", 4)]), 3), page(2, json!([order("c", 3)]), 3)])
            .await;
    let (pages, report) = read(&shop(&server.url, "expect: {total: required}"), FULL).await;
    let report = report.unwrap();
    assert_eq!(ids(&pages), [vec!["a", "b"], vec!["c"]]);
    assert_eq!((report.scope, report.pages, report.orders), (Scope::Full, 2, 3));
    assert_eq!((report.total_claimed, report.watermark, report.reread), (Some(3), Some(at(5)), false));
    assert_eq!(server.targets().len(), 2, "a fitting total needs no page past the end");
}

#[tokio::test]
async fn a_server_that_clamps_the_page_size_is_read_to_its_end() {
    let answer =
        |offset: u32, orders| Line::json(&format!("/orders?offset={offset}&limit=5"), json!({"orders": orders}));
    let server = Replay::start(vec![
        answer(0, json!([order("a", 5), order("b", 4)])),
        answer(2, json!([order("c", 3), order("d", 2)])),
        answer(4, json!([order("e", 1)])),
        answer(5, json!([])),
    ])
    .await;
    let mut http = http_source(super::SHOP, &server.url);
    http.list.paging =
        entitled::config::source::Paging::Offset { param: "offset".into(), size_param: Some("limit".into()), size: 5 };
    let (pages, report) = read(&source(http), FULL).await;
    assert_eq!(report.unwrap().orders, 5);
    assert_eq!(ids(&pages), [vec!["a", "b"], vec!["c", "d"], vec!["e"]]);
}

#[tokio::test]
async fn a_count_of_zero_past_the_end_is_no_count() {
    let server = Replay::start(vec![page(0, json!([order("a", 5), order("b", 4)]), 2), page(2, json!([]), 0)]).await;
    let (_, report) = read(&shop(&server.url, "expect: {total: required}"), FULL).await;
    assert_eq!(report.unwrap().total_claimed, Some(2));
}

#[tokio::test]
async fn an_order_that_moves_during_the_read_comes_again_only_with_news() {
    let server = Replay::start(vec![
        page(0, json!([order("a", 5), order("b", 4)]), 4),
        page(2, json!([order("b", 4), order("a", 9)]), 4),
    ])
    .await;
    // Nothing new by id on a full page: the page repeats, whatever the times say.
    let (pages, ended) = read(&shop(&server.url, ""), FULL).await;
    assert!(ended.is_err());
    assert_eq!(ids(&pages), [["a", "b"]]);

    let server = Replay::start(vec![
        page(0, json!([order("a", 5), order("b", 4)]), 3),
        page(2, json!([order("b", 9), order("c", 3)]), 3),
        page(4, json!([order("a", 5)]), 3),
    ])
    .await;
    let (pages, report) = read(&shop(&server.url, ""), FULL).await;
    assert_eq!(ids(&pages), [["a", "b"], ["b", "c"]], "`b` is newer, `a` is the same");
    assert_eq!(pages[1][0].updated_at, Some(at(9)));
    assert_eq!(report.unwrap().orders, 3);
}

#[tokio::test]
async fn the_tail_of_a_list_that_grew_at_its_head_does_not_repeat() {
    let server =
        Replay::start(vec![page(0, json!([order("a", 5), order("b", 4)]), 2), page(2, json!([order("b", 4)]), 3)])
            .await;
    let (pages, report) = read(&shop(&server.url, "expect: {total: required}"), FULL).await;
    assert_eq!(ids(&pages), [["a", "b"]]);
    assert_eq!(report.unwrap().orders, 2);
}

#[tokio::test]
async fn cursors_are_followed_to_their_end() {
    let by_token = "
list: {path: /orders, items: $.items, paging: {kind: cursor, param: after, next: $.next, size: 2}}
map: {id: $.id, products: $.product, email: $.email}
";
    let server = Replay::start(vec![
        Line::json("/orders", json!({"items": [{"id": 1}, {"id": 2}], "next": "t2"})),
        Line::json("/orders?after=t2", json!({"items": [{"id": 3}], "next": "/orders?after=t3&x=1"})),
        Line::json("/orders?after=t3&x=1", json!({"items": [{"id": 4}], "next": null})),
    ])
    .await;
    let (pages, report) = read(&source(http_source(by_token, &server.url)), FULL).await;
    assert_eq!(ids(&pages), [vec!["1", "2"], vec!["3"], vec!["4"]]);
    assert_eq!(report.unwrap().pages, 3);

    let by_last_id = by_token.replace("$.next", "last_id");
    let server = Replay::start(vec![
        Line::json("/orders", json!({"items": [{"id": "x"}, {"id": "y"}]})),
        Line::json("/orders?after=y", json!({"items": [{"id": "z"}]})),
        Line::json("/orders?after=z", json!({"items": []})),
    ])
    .await;
    let (pages, _) = read(&source(http_source(&by_last_id, &server.url)), FULL).await;
    assert_eq!(ids(&pages), [vec!["x", "y"], vec!["z"]]);
}

#[tokio::test]
async fn numbered_pages_are_followed_to_their_end() {
    let yaml = "
list: {path: /orders, items: $, paging: {kind: page, param: page, start: 1, size_param: limit, size: 2}}
map: {id: $.id, products: $.product, email: $.email}
";
    let server = Replay::start(vec![
        Line::json("/orders?page=1&limit=2", json!([{"id": 1}, {"id": 2}])),
        Line::json("/orders?page=2&limit=2", json!([{"id": 3}])),
        Line::json("/orders?page=3&limit=2", json!([])),
    ])
    .await;
    let (pages, _) = read(&source(http_source(yaml, &server.url)), FULL).await;
    assert_eq!(ids(&pages), [vec!["1", "2"], vec!["3"]]);
}

#[tokio::test]
async fn no_page_is_fetched_before_the_one_before_was_taken_in() {
    let server =
        Replay::start(vec![page(0, json!([order("a", 5), order("b", 4)]), 3), page(2, json!([order("c", 3)]), 3)])
            .await;
    let shop = shop(&server.url, "");
    let mut reading = shop.read(FULL);
    assert!(server.targets().is_empty());
    assert!(matches!(reading.next().await, Ok(Step::Page(_))));
    assert_eq!(server.targets().len(), 1);
}

#[tokio::test]
async fn a_read_may_run_as_a_task() {
    let server = Replay::start(vec![page(0, json!([order("a", 5)]), 1)]).await;
    let shop = shop(&server.url, "");
    let task = tokio::spawn(async move {
        let mut reading = shop.read(FULL);
        (reading.next().await, reading.next().await)
    });
    let (first, second) = task.await.unwrap();
    assert!(matches!(first, Ok(Step::Page(page)) if page[0].id.as_str() == "a"));
    assert!(matches!(second, Ok(Step::Done(report)) if report.orders == 1));
}
