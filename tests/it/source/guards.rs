//! What must never be taken for an answer.

use std::time::{Duration, Instant};

use entitled::http::BodyError;
use entitled::source::{Lookup, Read, Shrunk, SourceError};
use serde_json::json;

use super::{FULL, chain, order, read, refused, shop, since, source};
use crate::support::nobody::Nobody;
use crate::support::preset::http_source;
use crate::support::replay::{Line, Replay, raw};

const FIRST: &str = "/orders?offset=0&limit=2";
const SECOND: &str = "/orders?offset=2&limit=2";

async fn answered(line: Line) -> (SourceError, usize) {
    let server = Replay::start(vec![line]).await;
    let error = refused(&shop(&server.url, ""), FULL).await;
    (error, server.targets().len())
}

#[tokio::test]
async fn a_redirect_is_an_error_and_is_not_followed() {
    let elsewhere = Replay::start(vec![]).await;
    let line = Line::json(FIRST, json!({})).status(302).header("location", &format!("{}/login", elsewhere.url));
    let (error, calls) = answered(line).await;
    assert!(matches!(&error, SourceError::Redirect { to, .. } if to.ends_with("/login")), "{error:?}");
    assert!(error.hint().unwrap().contains("`url`"));
    assert_eq!((calls, elsewhere.targets().len()), (1, 0));
}

#[tokio::test]
async fn a_login_page_is_named_and_quoted_on_one_line() {
    let html = b"<html>\n\n\x1b[31m  <title>Sign `in`</title></html>".to_vec();
    let (error, _) = answered(Line::answer("GET", FIRST, 200, "text/html; charset=utf-8", html)).await;
    let text = error.to_string();
    assert!(matches!(error, SourceError::NotJson { .. }), "{error:?}");
    assert!(text.contains("`text/html`") && text.contains("`<html> [31m <title>Sign in </title></html>`"), "{text}");
}

#[tokio::test]
async fn half_a_body_is_an_error() {
    let (error, _) =
        answered(Line::answer("GET", FIRST, 200, "application/json", b"{\"orders\": [{\"id\": ".to_vec())).await;
    assert!(matches!(error, SourceError::BrokenJson { .. }), "{error:?}");

    let (url, connections) =
        raw(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{\"orders\": []").await;
    let error = refused(&shop(&url, ""), FULL).await;
    assert!(matches!(error, SourceError::Body { .. }), "{error:?}");
    assert_eq!(*connections.lock().unwrap(), 4, "a cut answer is asked for again, but not for ever");
}

#[tokio::test]
async fn an_answer_without_the_list_is_an_error_that_names_what_is_there() {
    let (error, _) = answered(Line::json(FIRST, json!({"error": "maintenance", "orders": null}))).await;
    let text = error.to_string();
    assert!(matches!(error, SourceError::NoItems { .. }), "{text}");
    for part in ["orders", "data", "`error`"] {
        assert!(text.contains(part), "{text}");
    }
}

#[tokio::test]
async fn a_server_that_ignores_paging_repeats_its_page() {
    let server = Replay::start(vec![
        Line::json(FIRST, json!({"orders": [order("a", 2), order("b", 1)]})),
        Line::json(SECOND, json!({"orders": [order("a", 2), order("b", 1)]})),
    ])
    .await;
    let error = refused(&shop(&server.url, ""), FULL).await;
    assert!(matches!(error, SourceError::PageRepeats { .. }), "{error:?}");
    assert!(error.hint().unwrap().contains("kind: none"));

    // A short page that repeats, too, where nothing says how many there are.
    let server = Replay::start(vec![
        Line::json(FIRST, json!({"orders": [order("a", 2)]})),
        Line::json("/orders?offset=1&limit=2", json!({"orders": [order("a", 2)]})),
    ])
    .await;
    assert!(matches!(refused(&shop(&server.url, ""), FULL).await, SourceError::PageRepeats { .. }));
}

#[tokio::test]
async fn a_list_without_end_stops_at_max_pages() {
    let line = |n: u32| {
        let orders = json!([order(&format!("a{n}"), 2), order(&format!("b{n}"), 1)]);
        Line::json(&format!("/orders?offset={}&limit=2", n * 2), json!({"orders": orders}))
    };
    let server = Replay::start((0..9).map(line).collect()).await;
    let error = refused(&shop(&server.url, "max_pages: 3"), FULL).await;
    assert!(matches!(error, SourceError::TooManyPages { max: 3 }), "{error:?}");
    assert_eq!(server.targets().len(), 3);
}

#[tokio::test]
async fn a_row_without_an_id_is_counted_and_named_by_its_place() {
    for item in [json!({"status": "paid"}), json!({"id": ""}), json!({"id": null}), json!({"id": 1.5}), json!("a")] {
        let line = Line::json(FIRST, json!({"orders": [item, order("a", 1)], "count": 2}));
        let server = Replay::start(vec![line, Line::json(SECOND, json!({"orders": [], "count": 2}))]).await;
        let (pages, report) = read(&shop(&server.url, "expect: {total: required}"), FULL).await;
        let report = report.unwrap_or_else(|error| panic!("{item}: {error}"));
        assert_eq!((super::ids(&pages), report.orders), (vec![vec!["a"]], 1), "{item}: its neighbour is read");
        assert_eq!((report.nameless.rows, report.odd), (1, 1), "{item}");
        let said = &report.nameless.first[0];
        assert!(said.starts_with("GET /orders?offset=0&limit=2: item 1: `"), "{said}");
    }
}

#[tokio::test]
async fn a_total_that_does_not_fit_is_read_again_and_then_refused() {
    let required = "expect: {total: required}";
    let short = || Line::json(FIRST, json!({"orders": [order("a", 1)], "count": 5}));
    let rest = || Line::json("/orders?offset=1&limit=2", json!({"orders": [], "count": 5}));
    let server = Replay::start(vec![short(), rest()]).await;
    let error = refused(&shop(&server.url, required), FULL).await;
    assert!(matches!(error, SourceError::Total { claimed: 5, collected: 1 }), "{error:?}");
    assert_eq!(server.targets().len(), 4, "two walks");

    let fits = Line::json(FIRST, json!({"orders": [order("a", 1)], "count": 1}));
    let server = Replay::start(vec![short(), fits, rest()]).await;
    let (_, report) = read(&shop(&server.url, required), FULL).await;
    let report = report.unwrap();
    assert_eq!((report.reread, report.orders), (true, 1));

    let server = Replay::start(vec![short(), rest()]).await;
    assert!(read(&shop(&server.url, "expect: {total: ignored}"), FULL).await.1.is_ok());

    let server = Replay::start(vec![Line::json(FIRST, json!({"orders": []}))]).await;
    assert!(matches!(refused(&shop(&server.url, required), FULL).await, SourceError::NoTotal { .. }));
}

#[tokio::test]
async fn an_empty_full_read_after_one_with_orders_is_refused() {
    let server = Replay::start(vec![Line::json(FIRST, json!({"orders": [], "count": 0}))]).await;
    let shop = shop(&server.url, "");
    let error = refused(&shop, Read::Full { last_count: Some(14) }).await;
    assert!(matches!(error, SourceError::Shrunk(Shrunk::Emptied { before: 14 })), "{error:?}");
    assert!(error.hint().is_some());
    // Snapshots are full reads whatever was asked for.
    let later = Read::Since { watermark: super::at(0), last_count: Some(14) };
    assert!(matches!(refused(&shop, later).await, SourceError::Shrunk(_)));
    assert_eq!(read(&shop, FULL).await.1.unwrap().orders, 0, "a shop that never had orders may have none");
}

#[tokio::test]
async fn min_items_holds_from_the_first_read() {
    let server = Replay::start(vec![Line::json(FIRST, json!({"orders": [order("a", 1)], "count": 1}))]).await;
    let error = refused(&shop(&server.url, "expect: {min_items: 2}"), FULL).await;
    assert!(matches!(error, SourceError::Shrunk(Shrunk::TooFew { now: 1, min: 2 })), "{error:?}");
}

#[tokio::test]
async fn a_link_to_another_origin_is_not_followed() {
    let elsewhere = Replay::start(vec![]).await;
    let link = format!("{}/orders?after=2", elsewhere.url);
    for paging in ["{kind: next_url, next: $.next}", "{kind: link_header}"] {
        let yaml = format!(
            "
list: {{path: /orders, items: $.items, paging: {paging}}}
auth: {{kind: bearer, token: tok-en-1234}}
map: {{id: $.id, products: $.product, email: $.email}}
"
        );
        let line = Line::json("/orders", json!({"items": [{"id": 1}], "next": link}));
        let server = Replay::start(vec![line.header("link", &format!("<{link}>; rel=\"next\""))]).await;
        let error = refused(&source(http_source(&yaml, &server.url)), FULL).await;
        assert!(matches!(&error, SourceError::ForeignLink { link, .. } if *link == elsewhere.url), "{error:?}");
        assert_eq!(elsewhere.targets().len(), 0);
    }
}

#[tokio::test]
async fn pages_that_lead_round_in_a_circle_are_an_error() {
    let circle = |paging: &str| {
        format!(
            "
list: {{path: /orders, items: $.items, paging: {paging}}}
map: {{id: $.id, products: $.product, email: $.email}}
max_pages: 50
"
        )
    };
    let page = |target: &str, id: u32, next: &str| {
        Line::json(target, json!({"items": [{"id": id}], "next": next, "more": true}))
    };
    let cases = [
        (
            "{kind: token, param: p, next: $.next}",
            vec![page("/orders", 1, "b"), page("/orders?p=b", 2, "c"), page("/orders?p=c", 3, "b")],
        ),
        ("{kind: next_url, next: $.next}", vec![page("/orders", 1, "/orders?p=b"), page("/orders?p=b", 2, "/orders")]),
        // A server that does not know the cursor begins anew without a word.
        (
            "{kind: last_id, param: p, has_more: $.more}",
            vec![page("/orders", 1, ""), page("/orders?p=1", 2, ""), page("/orders?p=2", 1, "")],
        ),
    ];
    for (paging, lines) in cases {
        let server = Replay::start(lines).await;
        let error = refused(&source(http_source(&circle(paging), &server.url)), FULL).await;
        assert!(matches!(error, SourceError::PageRepeats { .. }), "{paging}: {error:?}");
        assert!(server.targets().len() <= 4, "{paging}");
    }
}

#[tokio::test]
async fn an_order_that_must_be_there_and_is_not_refuses_the_read() {
    let server = Replay::start(vec![Line::json(FIRST, json!({"orders": [order("a", 1)], "count": 1}))]).await;
    assert!(read(&shop(&server.url, "expect: {canary: [a]}"), FULL).await.1.is_ok());
    let error = refused(&shop(&server.url, "expect: {canary: [a, b]}"), FULL).await;
    assert!(matches!(&error, SourceError::Shrunk(Shrunk::NoCanary { id }) if id == "b"), "{error:?}");
    assert!(error.hint().unwrap().contains("expect.canary"));
}

#[tokio::test]
async fn an_order_made_in_test_mode_is_counted_and_never_given() {
    let live = "expect: {live: \"@.test == false\", total: required}";
    let with = |id: &str, test: serde_json::Value| {
        let mut order = order(id, 1);
        order["test"] = test;
        order
    };
    let orders = json!([with("real", json!(false)), with("trial", json!(true))]);
    let server = Replay::start(vec![
        Line::json(FIRST, json!({"orders": orders, "count": 3})),
        Line::json(SECOND, json!({"orders": [order("silent", 1)], "count": 3})),
        Line::json("/orders/trial", with("trial", json!(true))),
    ])
    .await;
    let shop = shop(&server.url, live);
    let (pages, report) = read(&shop, FULL).await;
    let report = report.unwrap();
    assert_eq!(super::ids(&pages), [["real"]]);
    assert_eq!((report.orders, report.test_orders, report.total_claimed), (1, 2, Some(3)));
    assert_eq!(shop.get(&"trial".into()).await.unwrap(), Lookup::TestMode);
}

#[tokio::test]
async fn a_read_that_takes_too_long_ends_although_every_call_is_quick() {
    let line = |n: u32| {
        let orders = json!([order(&format!("a{n}"), 2), order(&format!("b{n}"), 1)]);
        Line::json(&format!("/orders?offset={}&limit=2", n * 2), json!({"orders": orders}))
    };
    let server = Replay::start((0..100).map(line).collect()).await;
    let error = refused(&shop(&server.url, "read_timeout: 300ms\nrate: 20"), FULL).await;
    assert!(matches!(error, SourceError::TooSlow { .. }), "{error:?}");
    assert!(error.hint().unwrap().contains("read_timeout"));
    assert!(server.targets().len() < 20);
}

#[tokio::test]
async fn a_small_answer_that_unfolds_without_end_is_cut_off_and_not_asked_for_again() {
    let bomb = bomb(entitled::http::MAX_ANSWER + 1);
    assert!(bomb.len() < 1 << 20, "{} bytes on the wire", bomb.len());
    let (error, calls) =
        answered(Line::answer("GET", FIRST, 200, "application/json", bomb).header("content-encoding", "gzip")).await;
    assert!(matches!(error, SourceError::Body { source: BodyError::TooLong { .. }, .. }), "{error:?}");
    assert_eq!(calls, 1);
}

/// Sixty megabytes of JSON are a gigabyte in memory.
#[tokio::test]
async fn a_page_has_a_bound_in_bytes_that_the_file_sets() {
    let long = |bytes: usize| {
        let mut order = order("a", 1);
        order["note"] = "x".repeat(bytes).into();
        json!({"orders": [order], "count": 1})
    };
    let (error, calls) = answered(Line::json(FIRST, long(9 << 20))).await;
    assert!(matches!(error, SourceError::Body { source: BodyError::TooLong { most: 8_388_608 }, .. }), "{error:?}");
    assert!(error.hint().unwrap().contains("`max_page_bytes`") && calls == 1, "{error:?}");

    let server = Replay::start(vec![Line::json(FIRST, long(9 << 20))]).await;
    assert_eq!(read(&shop(&server.url, "max_page_bytes: 16777216"), FULL).await.1.unwrap().orders, 1);
    let server = Replay::start(vec![Line::json(FIRST, long(1 << 17))]).await;
    let error = refused(&shop(&server.url, "max_page_bytes: 65536"), FULL).await;
    assert!(matches!(error, SourceError::Body { source: BodyError::TooLong { most: 65_536 }, .. }), "{error:?}");
}

/// Gzip of so many times the same byte: one literal, then copies of the 258 bytes before (RFC 1951, fixed codes).
fn bomb(length: usize) -> Vec<u8> {
    let mut bits = Bits(vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255], 0);
    bits.push(0b1, 1);
    bits.push(0b01, 2);
    bits.code(0x30 + u32::from(b' '), 8);
    for _ in 0..length.div_ceil(258) {
        bits.code(0b1100_0101, 8);
        bits.code(0, 5);
    }
    bits.0
}

/// Bytes, and how many bits of the last are taken.
struct Bits(Vec<u8>, u32);

impl Bits {
    fn push(&mut self, value: u32, count: u32) {
        for at in 0..count {
            if self.1 == 0 {
                self.0.push(0);
            }
            *self.0.last_mut().unwrap() |= ((value >> at & 1) as u8) << self.1;
            self.1 = (self.1 + 1) % 8;
        }
    }

    /// A Huffman code, which goes in from its highest bit.
    fn code(&mut self, value: u32, count: u32) {
        self.push(value.reverse_bits() >> (32 - count), count);
    }
}

#[tokio::test]
async fn a_passing_failure_is_tried_again_and_a_lasting_one_reported() {
    let good = || Line::json(FIRST, json!({"orders": [order("a", 1)], "count": 1}));
    let bad = |status| Line::answer("GET", FIRST, status, "text/plain", b"upstream is gone".to_vec());
    let server = Replay::start(vec![bad(503), bad(500), good()]).await;
    assert_eq!(read(&shop(&server.url, ""), FULL).await.1.unwrap().orders, 1);
    assert_eq!(server.targets().len(), 3);

    let (error, calls) = answered(bad(502)).await;
    assert!(error.to_string().contains("502") && error.to_string().contains("upstream is gone"), "{error}");
    assert_eq!(calls, 4);

    let (error, calls) = answered(bad(418)).await;
    assert!(matches!(error, SourceError::Status { .. }), "{error:?}");
    assert_eq!(calls, 1, "what will not pass is not tried again");
}

#[tokio::test]
async fn nobody_at_home_is_an_error() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    // Bound, and never answering: the connection opens and nothing comes.
    let error = refused(&shop(&url, "timeout: 100ms"), FULL).await;
    assert!(matches!(error, SourceError::Unreachable { tries: 4, .. }), "{error:?}");

    let nobody = Nobody::home();
    let error = refused(&shop(&nobody.url(), ""), FULL).await;
    assert!(matches!(error, SourceError::Unreachable { tries: 4, .. }), "{error:?}");
}

#[tokio::test]
async fn too_many_requests_slow_the_whole_source() {
    let good = Line::json(FIRST, json!({"orders": [], "count": 0}));
    let slow = Line::json(FIRST, json!({})).status(429).header("retry-after", "1");
    let server = Replay::start(vec![slow, good, Line::json("/orders/a", order("a", 1))]).await;
    let shop = shop(&server.url, "");
    let begun = Instant::now();
    let ask_other = async {
        while server.targets().is_empty() {
            tokio::task::yield_now().await;
        }
        // The first answer is on its way; once it is here, this call waits as well.
        while begun.elapsed() < Duration::from_millis(100) {
            tokio::task::yield_now().await;
        }
        shop.get(&"a".into()).await.unwrap();
        begun.elapsed()
    };
    let ((_, report), other_done) = tokio::join!(read(&shop, FULL), ask_other);
    report.unwrap();
    assert!(other_done >= Duration::from_millis(950), "the other call did not wait: {other_done:?}");
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused_before_any_call() {
    for url in ["", "shop.example.com", "ftp://shop.example.com", "https://user:hunter22@shop.example.com"] {
        let mut http = http_source(super::SHOP, "https://shop.example.com");
        http.base_url = url.to_owned();
        let error = entitled::source::Source::new(&crate::support::preset::settings(http)).unwrap_err();
        assert!(matches!(error, SourceError::Settings { .. }), "{url}: {error:?}");
        assert!(!chain(&error).contains("hunter22"));
    }
    let mut http = http_source(super::SHOP, "https://shop.example.com");
    http.list.path = ".evil.example/orders".into();
    assert!(matches!(refused(&source(http), since(1)).await, SourceError::Settings { .. }));
}

#[tokio::test]
async fn a_compressed_answer_is_read() {
    const GZIP: &[u8] = &[
        0x1f, 0x8b, 0x8, 0x0, 0x0, 0x0, 0x0, 0x0, 0x2, 0x3, 0x8b, 0xae, 0x56, 0xca, 0x4c, 0x51, 0xb2, 0x52, 0xca, 0x37,
        0x54, 0xd2, 0x51, 0x2a, 0x2e, 0x49, 0x2c, 0x29, 0x2d, 0x6, 0xf2, 0xa, 0x12, 0x81, 0x82, 0x3a, 0x4a, 0x89, 0x25,
        0x40, 0xb6, 0x91, 0x81, 0x91, 0x89, 0xae, 0x81, 0x21, 0x10, 0x85, 0x18, 0x18, 0x58, 0x81, 0x51, 0x94, 0x52,
        0x6d, 0x2c, 0x0, 0x71, 0x34, 0xeb, 0xb5, 0x39, 0x0, 0x0, 0x0,
    ];
    let yaml = "
list: {path: /orders, items: $, paging: {kind: none}}
map: {id: $.id, updated_at: $.at, products: $.product, email: $.email}
";
    let line =
        Line::answer("GET", "/orders", 200, "application/json", GZIP.to_vec()).header("content-encoding", "gzip");
    let server = Replay::start(vec![line]).await;
    let (pages, report) = read(&source(http_source(yaml, &server.url)), FULL).await;
    assert_eq!(report.unwrap().orders, 1);
    assert_eq!(pages[0][0].id.as_str(), "o1");
}
