//! Paging: all of it, each order once.

use entitled::source::{Scope, Step, Told};
use serde_json::{Value, json};

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
    http.list.paging.size = 5;
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

const UNPAGED: &str = "
list: {path: /orders, items: $.items, paging: PAGING}
map: {id: $.id, products: $.product, email: $.email}
";

/// The ids of a full read of a list that is paged so.
async fn paged(paging: &str, lines: Vec<Line>) -> (Vec<Vec<String>>, Vec<String>) {
    let server = Replay::start(lines).await;
    let (pages, report) = read(&source(http_source(&UNPAGED.replace("PAGING", paging), &server.url)), FULL).await;
    report.unwrap_or_else(|error| panic!("{paging}: {error}"));
    (pages.iter().map(|page| page.iter().map(|order| order.id.to_string()).collect()).collect(), server.targets())
}

#[tokio::test]
async fn tokens_are_followed_to_their_end() {
    let lines = vec![
        Line::json("/orders", json!({"items": [{"id": 1}, {"id": 2}], "next": "/t2=="})),
        // A token that looks like a path is a token all the same.
        Line::json("/orders?after=%2Ft2%3D%3D", json!({"items": [{"id": 3}], "next": 3})),
        Line::json("/orders?after=3", json!({"items": [{"id": 4}], "next": null})),
    ];
    let (pages, _) = paged("{kind: token, param: after, next: $.next}", lines).await;
    assert_eq!(pages, [vec!["1", "2"], vec!["3"], vec!["4"]]);
}

#[tokio::test]
async fn the_last_id_is_followed_to_an_empty_page_or_to_the_word_of_the_answer() {
    let lines = |more: bool| {
        vec![
            Line::json("/orders", json!({"items": [{"id": "x"}, {"id": "y"}], "more": more})),
            Line::json("/orders?after=y", json!({"items": [{"id": "z"}], "more": false})),
            Line::json("/orders?after=z", json!({"items": []})),
        ]
    };
    let (pages, asked) = paged("{kind: last_id, param: after, size: 2}", lines(true)).await;
    assert_eq!(pages, [vec!["x", "y"], vec!["z"]]);
    assert_eq!(asked.len(), 3, "only an empty page is the last: servers clamp the size");
    let (pages, asked) = paged("{kind: last_id, param: after, has_more: $.more}", lines(true)).await;
    assert_eq!(pages, [vec!["x", "y"], vec!["z"]]);
    assert_eq!(asked.len(), 2);
    let (pages, _) = paged("{kind: last_id, param: after, has_more: $.more}", lines(false)).await;
    assert_eq!(pages, [vec!["x", "y"]]);
}

#[tokio::test]
async fn links_in_the_body_are_followed_as_they_are() {
    let lines = vec![
        Line::json("/orders?limit=2", json!({"items": [{"id": 1}, {"id": 2}], "next": "/orders?page=2&x=1"})),
        Line::json("/orders?page=2&x=1", json!({"items": [{"id": 3}], "next": "?page=3"})),
        Line::json("/orders?page=3", json!({"items": [{"id": 4}], "next": ""})),
    ];
    let (pages, asked) = paged("{kind: next_url, next: $.next, size_param: limit, size: 2}", lines).await;
    assert_eq!(pages, [vec!["1", "2"], vec!["3"], vec!["4"]]);
    assert_eq!(asked.len(), 3);
}

#[tokio::test]
async fn links_in_the_header_are_followed_as_they_are() {
    let first = Line::json("/orders?limit=2", json!({"items": [{"id": 1}, {"id": 2}]}));
    let second = Line::json("/orders?page_info=b", json!({"items": [{"id": 3}]}));
    let lines = vec![
        first.header("link", "</orders?page_info=b>; rel=\"next\""),
        second.header("link", "</orders?limit=2>; rel=\"previous\""),
    ];
    let (pages, asked) = paged("{kind: link_header, size_param: limit, size: 2}", lines).await;
    assert_eq!(pages, [vec!["1", "2"], vec!["3"]]);
    assert_eq!(asked.len(), 2);
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

/// What no page of a list that is paged so has.
async fn absent(paging: &str, answer: Value) -> Vec<Told> {
    let lines = ["/orders", "/orders?limit=2", "/orders?page=1&limit=2"];
    let mut lines: Vec<Line> = lines.map(|target| Line::json(target, answer.clone())).into();
    lines.push(Line::json("/orders?page=2&limit=2", json!({"items": [], "count": 2})));
    let server = Replay::start(lines).await;
    let list = format!("{}expect: {{total: where_told}}\n", UNPAGED.replace("PAGING", paging));
    let list = list.replace("items: $.items", "items: $.items, total: $.count");
    let (_, report) = read(&source(http_source(&list, &server.url)), FULL).await;
    report.unwrap().absent.into_iter().map(|absent| absent.what).collect()
}

/// Fifty of two hundred and forty orders were taken for all of them: the path to the next page was mistyped.
#[tokio::test]
async fn a_place_that_no_page_has_is_named_and_null_is_one() {
    const TOKEN: &str = "{kind: token, param: after, next: $.page.next, size_param: limit, size: 2}";
    const PAGES: &str = "{kind: page, param: page, pages: $.page.last, size_param: limit, size: 2}";
    let full = json!([{"id": 1}, {"id": 2}]);
    for (paging, answer, told) in [
        (TOKEN, json!({"items": full, "count": 2, "next": "b"}), vec![Told::Next]),
        (TOKEN, json!({"items": full, "count": 2, "page": {"next": null}}), vec![]),
        // A page that is not full is the last one, and many APIs leave the mark out there.
        (TOKEN, json!({"items": [{"id": 1}], "count": 1}), vec![]),
        (TOKEN, json!({"items": [], "count": 0}), vec![]),
        // Nobody knows how many a full page has.
        ("{kind: next_url, next: $.next}", json!({"items": [{"id": 1}], "count": 1}), vec![Told::Next]),
        (PAGES, json!({"items": full, "count": 2}), vec![Told::Pages]),
        (PAGES, json!({"items": full, "count": 2, "page": {"last": 1}}), vec![]),
        // Nobody said that it has to be told.
        (TOKEN, json!({"items": full, "total": 2, "page": {"next": null}}), vec![]),
    ] {
        assert_eq!(absent(paging, answer.clone()).await, told, "{paging} {answer}");
    }
}
