//! What changed since: always from before the watermark, never less than that.

use entitled::source::Scope;
use entitled::source::probe::Sorted;
use jiff::Timestamp;
use serde_json::json;

use super::{FULL, at, ids, order, read, shop, since};
use crate::support::replay::{Line, Replay};

fn page(offset: u32, orders: serde_json::Value) -> Line {
    Line::json(&format!("/orders?offset={offset}&limit=2"), json!({"orders": orders, "count": 6}))
}

#[tokio::test]
async fn a_filter_starts_before_the_watermark_in_the_form_the_api_wants() {
    let cases = [
        ("rfc3339", "2024-05-06T07:20:00Z"),
        ("unix", "1714980000"),
        ("unix_ms", "1714980000000"),
        ("date", "2024-05-06"),
    ];
    for (format, sent) in cases {
        let target = format!("/orders?changed%5B%24gte%5D={sent}&offset=0&limit=2");
        let server = Replay::start(vec![Line::json(&target, json!({"orders": [order("a", 31)], "count": 1}))]).await;
        let shop = shop(
            &server.url,
            &format!("incremental: {{kind: filter, param: 'changed[$gte]', format: {format}, overlap: 10m}}"),
        );
        let (pages, report) = read(&shop, since(30)).await;
        let report = report.unwrap_or_else(|error| panic!("{format}: {error}"));
        assert_eq!(ids(&pages), [["a"]]);
        assert_eq!((report.scope, report.watermark), (Scope::Changes, Some(at(31))));
    }
}

#[tokio::test]
async fn a_full_read_sends_no_filter() {
    let server =
        Replay::start(vec![Line::json("/orders?offset=0&limit=2", json!({"orders": [order("a", 1)], "count": 1}))])
            .await;
    let shop = shop(&server.url, "incremental: {kind: filter, param: changed, format: unix, overlap: 10m}");
    assert_eq!(read(&shop, FULL).await.1.unwrap().scope, Scope::Full);
}

const WALK_BACK: &str = "incremental: {kind: walk_back, overlap: 10m}";

#[tokio::test]
async fn a_walk_back_stops_after_a_whole_page_before_the_overlap() {
    let server = Replay::start(vec![
        page(0, json!([order("a", 31), order("b", 20)])),
        // `c` lies exactly on the edge, so this page is not wholly before it.
        page(2, json!([order("c", 20), order("d", 19)])),
        page(4, json!([order("e", 19), order("f", 1)])),
        page(6, json!([order("g", 1)])),
    ])
    .await;
    let (pages, report) = read(&shop(&server.url, WALK_BACK), since(30)).await;
    assert_eq!(ids(&pages), [["a", "b"], ["c", "d"], ["e", "f"]]);
    assert_eq!(report.unwrap().pages, 3);
}

#[tokio::test]
async fn a_walk_back_over_a_list_in_another_order_reads_all_of_it() {
    let server = Replay::start(vec![
        page(0, json!([order("a", 1), order("b", 2)])),
        page(2, json!([order("c", 3), order("d", 4)])),
        page(4, json!([order("e", 40), order("f", 41)])),
        page(6, json!([])),
    ])
    .await;
    let (pages, _) = read(&shop(&server.url, WALK_BACK), since(30)).await;
    assert_eq!(ids(&pages), [["a", "b"], ["c", "d"], ["e", "f"]]);
}

#[tokio::test]
async fn an_order_without_a_time_of_change_never_ends_a_walk_back() {
    let timeless = |id: &str| json!({"id": id});
    let server = Replay::start(vec![
        page(0, json!([timeless("a"), timeless("b")])),
        page(2, json!([order("c", 31), order("d", 1)])),
        page(4, json!([order("e", 1), order("f", 1)])),
    ])
    .await;
    let (pages, _) = read(&shop(&server.url, WALK_BACK), since(30)).await;
    assert_eq!(ids(&pages), [["a", "b"], ["c", "d"], ["e", "f"]]);
}

/// What a trial tells whoever writes a mapping is what a read goes by.
#[tokio::test]
async fn a_trial_and_a_read_agree_on_what_comes_newest_first() {
    let (timeless, odd) = (|id: &str| json!({"id": id}), |id: &str| json!({"id": id, "at": "soon"}));
    for (first, sorted) in [
        (json!([timeless("a"), order("b", 31)]), Sorted::AsNeeded),
        (json!([odd("a"), order("b", 31)]), Sorted::AsNeeded),
        (json!([order("a", 31), odd("b")]), Sorted::AsNeeded),
        (json!([order("a", 31), order("b", 31)]), Sorted::AsNeeded),
        (json!([order("a", 31), timeless("b")]), Sorted::NotAsNeeded),
        (json!([order("a", 1), order("b", 31)]), Sorted::NotAsNeeded),
    ] {
        let server = Replay::start(vec![
            page(0, first.clone()),
            page(2, json!([order("c", 1), order("d", 1)])),
            page(4, json!([order("e", 1), order("f", 1)])),
            page(6, json!([])),
        ])
        .await;
        let shop = shop(&server.url, WALK_BACK);
        assert_eq!(shop.trial(1).await.unwrap().sorted, sorted, "{first}");
        let (pages, _) = read(&shop, since(30)).await;
        assert_eq!(pages.len(), if sorted == Sorted::AsNeeded { 2 } else { 3 }, "{first}");
    }
}

#[tokio::test]
async fn a_quiet_poll_is_one_page() {
    let server = Replay::start(vec![page(0, json!([order("a", 10), order("b", 9)]))]).await;
    let (_, report) = read(&shop(&server.url, WALK_BACK), since(30)).await;
    let report = report.unwrap();
    assert_eq!((report.pages, server.targets().len()), (1, 1));
    assert_eq!(report.watermark, Some(at(30)), "the watermark never goes back");
}

#[tokio::test]
async fn a_snapshot_reads_everything_whatever_was_asked() {
    let server = Replay::start(vec![
        page(0, json!([order("a", 10), order("b", 9)])),
        page(2, json!([order("c", 8)])),
        page(3, json!([])),
    ])
    .await;
    let (pages, report) = read(&shop(&server.url, ""), since(30)).await;
    assert_eq!((report.unwrap().scope, pages.concat().len()), (Scope::Full, 3));
}

#[tokio::test]
async fn an_order_dated_in_the_future_does_not_carry_the_watermark_away() {
    let far = json!({"id": "a", "at": "2999-01-01T00:00:00Z"});
    let server = Replay::start(vec![page(0, json!([far, order("b", 9)])), page(2, json!([]))]).await;
    let (_, report) = read(&shop(&server.url, WALK_BACK), FULL).await;
    let report = report.unwrap();
    assert_eq!((report.watermark, report.odd), (Some(at(9)), 1), "what cannot be true is no time of change");
}

#[tokio::test]
async fn a_window_asks_at_every_poll_for_all_that_was_created_in_it() {
    let window = "incremental: {kind: window, param: created, format: unix, window: 35d, overlap: 1h}";
    let begun = Timestamp::now().as_second();
    // The answer to whatever start is asked for, and to none.
    let server = Replay::start(vec![Line::json("/orders?offset=0&limit=2", json!({"orders": [], "count": 0}))]).await;
    let source = shop(&server.url, window);
    let report = read(&source, FULL).await.1.unwrap();
    let watermark = report.watermark.expect("nothing says when an order changed: the read itself does");
    assert!((begun..=Timestamp::now().as_second()).contains(&watermark.as_second()), "{watermark}");

    let _not_recorded = read(&source, since(30)).await;
    let asked = server.targets();
    let sent = asked[1].strip_prefix("/orders?created=").and_then(|rest| rest.split('&').next()).unwrap();
    let back = begun - sent.parse::<i64>().unwrap();
    let expected = 35 * 86_400 + 3_600;
    assert!((expected - 60..=expected).contains(&back), "{back} seconds back, whatever the watermark was");
}

#[tokio::test]
async fn changes_in_the_same_second_as_the_watermark_are_asked_for_again() {
    // `b` changed in the second in which the read before saw `a`, after that read.
    let filter = "incremental: {kind: filter, param: since, format: unix, overlap: 0}";
    let target = format!("/orders?since={}&offset=0&limit=2", at(30).as_second());
    let both = json!({"orders": [order("a", 30), order("b", 30)], "count": 2});
    let rest = Line::json(&target.replace("offset=0", "offset=2"), json!({"orders": [], "count": 2}));
    let server = Replay::start(vec![Line::json(&target, both), rest]).await;
    let (pages, _) = read(&shop(&server.url, filter), since(30)).await;
    assert_eq!(ids(&pages), [["a", "b"]]);

    // A list that is walked back goes on through the whole second.
    let walk = "incremental: {kind: walk_back, overlap: 0}";
    let server = Replay::start(vec![
        page(0, json!([order("a", 30), order("b", 30)])),
        page(2, json!([order("c", 30), order("d", 29)])),
        page(4, json!([order("e", 29), order("f", 29)])),
    ])
    .await;
    let (pages, _) = read(&shop(&server.url, walk), since(30)).await;
    assert_eq!(ids(&pages), [["a", "b"], ["c", "d"], ["e", "f"]]);
}

#[tokio::test]
async fn a_filter_that_the_api_ignores_changes_nothing_but_how_much_is_read() {
    // Medusa answers a parameter that it does not know with 200 and every order there is, refunded ones too.
    let query = "list: {path: /orders, query: {status: paid}, items: $.orders, paging: {kind: none}}";
    let yaml = super::SHOP.replace("list:\n  path: /orders\n  items: [$.orders, $.data]\n  total: $.count\n  paging: {kind: offset, param: offset, size_param: limit, size: 2}\n", &format!("{query}\nincremental: {{kind: filter, param: changed, format: unix, overlap: 0}}\n"));
    let refunded = json!({"id": "old", "status": "refunded", "at": "2024-05-06T07:10:00Z", "products": ["p"]});
    let target = format!("/orders?status=paid&changed={}", at(30).as_second());
    let server = Replay::start(vec![Line::json(&target, json!({"orders": [refunded, order("new", 31)]}))]).await;
    let (pages, report) =
        read(&super::source(crate::support::preset::http_source(&yaml, &server.url)), since(30)).await;
    let report = report.unwrap();
    assert_eq!((report.scope, report.watermark), (Scope::Changes, Some(at(31))), "it is no full read all the same");
    assert_eq!(pages[0][0].standing, entitled::model::Standing::Refunded, "the status is read here, never asked for");
    assert_eq!(pages[0][1].standing, entitled::model::Standing::Paid);
}
