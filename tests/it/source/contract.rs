//! The presets against what real servers said.
//!
//! The recordings are not in this repository: `ENTITLED_CONTRACT` names the directory that holds
//! `payments/bitcart.jsonl` and `payments/medusa.jsonl`.

use std::path::PathBuf;

use Standing::*;
use entitled::config::presets;
use entitled::config::settings::source::{HttpSource, PagedBy, Paging};
use entitled::model::{OrderId, Standing};
use entitled::source::{Lookup, Read, Shrunk, SourceError};
use jiff::SignedDuration;

use super::{FULL, ids, read, refused, source};
use crate::support::preset::http_source;
use crate::support::replay::{Line, Replay};

async fn recorded(name: &str, names: &[(&str, &str)]) -> Replay {
    let dir = std::env::var_os("ENTITLED_CONTRACT").expect("ENTITLED_CONTRACT names the directory of the recordings");
    let path = PathBuf::from(dir).join("payments").join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Replay::start(Line::recorded(&text, names)).await
}

/// The preset with credentials, and with pages of the size that was recorded.
fn preset(name: &str, auth: &str, url: &str, pages_of: u32) -> HttpSource {
    let mut http = http_source(&format!("{}\nauth: {auth}\n", presets::text(name).unwrap()), url);
    http.list.paging.size = pages_of;
    http
}

const BITCART: &str = "{kind: bearer, token: token-of-the-test}";

async fn bitcart() -> Replay {
    recorded("bitcart.jsonl", &[("token", "token-of-the-test"), ("first", "01M80FIRST")]).await
}

#[tokio::test]
#[ignore = "needs the recordings"]
async fn contract_bitcart_three_pages_of_six() {
    let server = bitcart().await;
    let shop = source(preset("bitcart", BITCART, &server.url, 6));
    let (pages, report) = read(&shop, FULL).await;
    let report = report.unwrap();
    assert_eq!((report.pages, report.orders, report.total_claimed, report.reread), (3, 14, Some(14), false));
    assert_eq!(
        ids(&pages),
        [
            vec![
                "01M80FIRST",
                "01M80X3K9WFDP9B79EYW85XWGY",
                "01M80X3JPE5QYQ85TP60AXKXGV",
                "01M80X3K4XZKBSBQ0PCH94138W",
                "01M80X3K06BWKXTV76K57JRD23",
                "01M80X3JVERVBR4J2X0AP40SCB",
            ],
            vec![
                "01M80X3JFE4G20GXJA4AKGNAK2",
                "01M80X3KKA915F9YZ1JYJ5XKQ1",
                "01M80V6R5M64C98K6GG9026WGM",
                "01M80VVHDHZVF3SQRSBF70B6GG",
                "01M80VE3MA6VC969EMCCCSTBZF",
                "01M80V6R4PN2N1B416V99PKJ5F",
            ],
            vec!["01M80V6R3SN14TG7JVQSYZB9K1", "01M80V6R26DZT4R0ATXPG1HKJ2"],
        ]
    );
    let standings: Vec<Vec<Standing>> =
        pages.iter().map(|page| page.iter().map(|order| order.standing).collect()).collect();
    assert_eq!(
        standings,
        [
            vec![Void, Expired, Refunded, Paid, Paid, Paid],
            vec![Paid, Pending, Expired, Void, Refunded, Void],
            vec![Paid, Paid],
        ]
    );
    let refunded = &pages[0][2];
    assert_eq!(refunded.buyer.to_string(), "usr12 <buyer12@example.com>");
    assert_eq!(refunded.items.len(), 2);
    assert_eq!(refunded.paid_at, "2026-11-22T05:54:17.005977Z".parse().ok());
    assert_eq!(pages[0][0].buyer.user, None);
    assert_eq!(pages[1][3].buyer.email.as_ref().unwrap().as_str(), "hook@example.com");
}

#[tokio::test]
#[ignore = "needs the recordings"]
async fn contract_bitcart_walks_back_to_the_watermark() {
    let server = bitcart().await;
    let mut http = preset("bitcart", BITCART, &server.url, 6);
    http.overlap = SignedDuration::from_secs(60);
    let watermark = "2026-11-22T05:54:17Z".parse().unwrap();
    let (pages, report) = read(&source(http), Read::Since { watermark, last_count: None }).await;
    assert_eq!(report.unwrap().pages, 3, "the second page still reaches into the overlap, the third does not");
    assert_eq!(pages.concat().len(), 14);

    let server = bitcart().await;
    let mut http = preset("bitcart", BITCART, &server.url, 6);
    http.overlap = SignedDuration::ZERO;
    let watermark = "2026-11-22T06:00:00Z".parse().unwrap();
    let (_, report) = read(&source(http), Read::Since { watermark, last_count: None }).await;
    assert_eq!(report.unwrap().pages, 1);
}

#[tokio::test]
#[ignore = "needs the recordings"]
async fn contract_bitcart_one_invoice() {
    let server = bitcart().await;
    let shop = source(preset("bitcart", BITCART, &server.url, 6));
    let Lookup::Found(order) = shop.get(&"01M80FIRST".into()).await.unwrap() else { panic!("not found") };
    assert_eq!((order.standing, order.status.as_deref()), (Void, Some("invalid")));
    let none = OrderId::from("01NOSUCHINVOICE00000000000");
    assert_eq!(shop.get(&none).await.unwrap(), Lookup::Missing);
}

#[tokio::test]
#[ignore = "needs the recordings"]
async fn contract_bitcart_traps_are_never_a_shop_without_orders() {
    let server = bitcart().await;
    let known = Read::Full { last_count: Some(14) };

    let mut misspelt = preset("bitcart", BITCART, &server.url, 6);
    misspelt.list.query.iter_mut().filter(|(key, _)| key == "sort").for_each(|(_, value)| *value = "nope".into());
    let error = refused(&source(misspelt), known).await;
    assert!(matches!(error, SourceError::Shrunk(Shrunk::Emptied { before: 14 })), "{error:?}");

    let mut broken = preset("bitcart", BITCART, &server.url, 6);
    broken.list.query = vec![("query".into(), "(".into())];
    let error = refused(&source(broken), known).await;
    assert!(matches!(error, SourceError::Shrunk(Shrunk::Emptied { before: 14 })), "{error:?}");

    let mut anonymous = preset("bitcart", "{kind: bearer, token: nonsense}", &server.url, 6);
    anonymous.list.query.clear();
    let error = refused(&source(anonymous.clone()), FULL).await;
    assert!(
        matches!(&error, SourceError::Denied { said, .. } if said == "Could not validate credentials"),
        "{error:?}"
    );
    anonymous.auth = entitled::config::settings::source::Auth::None;
    let error = refused(&source(anonymous), FULL).await;
    assert!(matches!(&error, SourceError::Denied { said, .. } if said == "Not authenticated"), "{error:?}");
    assert!(error.hint().unwrap().contains("sends no credentials"));
}

const MEDUSA: &str = "{kind: basic, username: key-of-the-test, password: ''}";

async fn medusa() -> Replay {
    let names = [
        ("basic", "a2V5LW9mLXRoZS10ZXN0Og=="),
        ("key", "key-of-the-test"),
        ("first", "order_FIRST"),
        ("since", "2026-11-22T05:54:19Z"),
    ];
    recorded("medusa.jsonl", &names).await
}

#[tokio::test]
#[ignore = "needs the recordings"]
async fn contract_medusa_three_pages_of_three() {
    let server = medusa().await;
    let (pages, report) = read(&source(preset("medusa", MEDUSA, &server.url, 3)), FULL).await;
    let report = report.unwrap();
    assert_eq!((report.pages, report.orders, report.total_claimed, report.reread), (3, 7, Some(7), false));
    let seen: Vec<Vec<(String, Standing)>> =
        pages.iter().map(|page| page.iter().map(|order| (order.buyer.to_string(), order.standing)).collect()).collect();
    let row = |user: &str, standing| (format!("{user} <{user}@example.com>"), standing);
    assert_eq!(
        seen,
        [
            vec![row("u24", PartiallyRefunded), row("u23", Refunded), row("u22", Paid)],
            vec![row("u21", Paid), row("u3", PartiallyRefunded), row("u2", Refunded)],
            vec![row("u1", Paid)],
        ]
    );
    for order in pages.concat() {
        assert_eq!(order.items[0].product.as_str(), "prod_01M80VKH8APX3RT0BB3S13QXNK");
        assert!(order.paid_at.is_some(), "{order:?}");
    }
}

#[tokio::test]
#[ignore = "needs the recordings"]
async fn contract_medusa_changes_since() {
    let server = medusa().await;
    let http = preset("medusa", MEDUSA, &server.url, 100);
    let watermark = "2026-11-22T05:54:19Z".parse::<jiff::Timestamp>().unwrap() + http.overlap;
    let (pages, report) = read(&source(http), Read::Since { watermark, last_count: None }).await;
    assert_eq!((report.unwrap().orders, pages.len()), (3, 1));
    assert!(server.targets()[0].contains("updated_at%5B%24gte%5D=2026-11-22T05%3A54%3A19Z"), "{:?}", server.targets());
}

#[tokio::test]
#[ignore = "needs the recordings"]
async fn contract_medusa_one_order() {
    let server = medusa().await;
    let shop = source(preset("medusa", MEDUSA, &server.url, 3));
    let Lookup::Found(order) = shop.get(&"order_FIRST".into()).await.unwrap() else { panic!("not found") };
    assert_eq!(order.standing, PartiallyRefunded);
    assert_eq!(order.items[0].product.as_str(), "prod_01M80VKH8APX3RT0BB3S13QXNK");
    assert_eq!(shop.get(&"order_nosuch".into()).await.unwrap(), Lookup::Missing);
}

#[tokio::test]
#[ignore = "needs the recordings"]
async fn contract_medusa_refusals_and_ignored_filters() {
    let server = medusa().await;
    let mut http = preset("medusa", "{kind: bearer, token: key-of-the-test}", &server.url, 1);
    http.list.query.clear();
    http.list.paging = Paging { by: PagedBy::OneAnswer, size_param: None, size: u32::MAX, has_more: Vec::new() };
    http.list.query.push(("limit".into(), "1".into()));
    let error = refused(&source(http.clone()), FULL).await;
    assert!(matches!(error, SourceError::Denied { .. }), "{error:?}");
    assert!(error.to_string().contains("HTTP Basic"), "{error}");
    http.auth = entitled::config::settings::source::Auth::None;
    assert!(matches!(refused(&source(http), FULL).await, SourceError::Denied { .. }));

    // The server ignores a filter on the status: all seven come, each with its own standing.
    let mut http = preset("medusa", MEDUSA, &server.url, 100);
    http.list.query.retain(|(key, _)| key == "fields");
    http.list.query.push(("payment_status".into(), "nonsense".into()));
    let (pages, _) = read(&source(http), FULL).await;
    let mut standings: Vec<Standing> = pages.concat().iter().map(|order| order.standing).collect();
    standings.sort();
    assert_eq!(standings, [Paid, Paid, Paid, PartiallyRefunded, PartiallyRefunded, Refunded, Refunded]);
}
