//! One odd row is one odd order: whatever stands in a row, its neighbours are read, and what was known stays.

use entitled::model::Standing;
use entitled::pass::ingest::{IngestError, Ingested, Interrupted, ReadScope, ingest};
use entitled::source::{Source, SourceError};
use entitled::store::{Store, StoredOrder};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{now, of, source};
use crate::support::fuzz;
use crate::support::preset::{http_source, preset_source, settings};
use crate::support::replay::{Line, Replay};

/// A shop with every field that can be mapped.
const SHOP: &str = "
list: {path: /orders, items: $, paging: {kind: none}}
map:
  id: $.id
  updated_at: $.updated
  paid_at: $.paid
  ended_at: $.ended
  period_end: $.until
  lines: {each: $.cart, product: $.sku, quantity: $.count, status: [{when: \"@.back == true\", as: refunded}]}
  user_id: $.user
  email: $.email
status:
  - {when: \"@.status == 'paid'\", as: paid}
  - {when: \"@.status == 'refunded'\", as: refunded}
  - {when: \"@.status == 'active'\", as: subscribed}
";

/// A paid order in which nothing is odd.
fn good(id: &str) -> Value {
    json!({"id": id, "status": "paid", "updated": "2026-05-06T07:08:09Z", "paid": "2026-05-06T07:08:09Z", "ended": null,
           "until": "2027-01-01", "cart": [{"sku": "pro", "count": 2}], "user": "ann", "email": "ann@example.com"})
}

fn with(changes: Value) -> Value {
    let mut order = good("odd");
    for (key, value) in changes.as_object().unwrap() {
        order[key] = value.clone();
    }
    order
}

struct Shop {
    server: Replay,
    source: Source,
    store: Store,
    _directory: TempDir,
}

impl Shop {
    async fn of(yaml: &str) -> Self {
        Self::new(|url| of(&settings(http_source(yaml, url)))).await
    }

    async fn new(source: impl Fn(&str) -> Source) -> Self {
        let server = Replay::start(Vec::new()).await;
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("entitled.db")).await.unwrap();
        Self { source: source(&server.url), server, store, _directory: directory }
    }

    async fn poll(&self, rows: Value) -> Result<Ingested, Interrupted> {
        self.poll_at(rows, now()).await
    }

    async fn poll_at(&self, rows: Value, now: Timestamp) -> Result<Ingested, Interrupted> {
        self.server.now_answers(vec![Line::json("/orders", rows)]);
        ingest(&self.source, &self.store, ReadScope::Everything, SignedDuration::from_hours(24), now).await
    }

    async fn stored(&self, id: &str) -> StoredOrder {
        self.store.find_order(self.source.name(), &id.into()).await.unwrap().unwrap_or_else(|| panic!("no {id}"))
    }

    async fn standing(&self, id: &str) -> Standing {
        self.stored(id).await.order.standing
    }
}

/// What can be odd about an order so that it cannot be used.
fn unusable() -> Vec<Value> {
    let mut all = vec![
        json!({"cart": null}),
        json!({"cart": []}),
        json!({"cart": {}}),
        json!({"cart": "x"}),
        json!({"cart": 7}),
        json!({"cart": ["x"]}),
        json!({"cart": [null, {"sku": "pro"}]}),
        json!({"cart": [{"sku": {"a": 1}}]}),
        json!({"cart": [{"sku": 1.5}, {"sku": "pro"}]}),
        json!({"user": {"id": 1}}),
        json!({"user": ["ann"]}),
        json!({"user": true, "email": null}),
        json!({"email": {"at": "x"}}),
        json!({"until": "garbage", "status": "active"}),
        json!({"until": 20261125, "status": "active"}),
    ];
    let times = [
        json!("garbage"),
        json!(true),
        json!([]),
        json!({}),
        json!(0),
        json!(-1),
        json!(2026),
        json!("2026"),
        json!(20261125),
        json!("20261125"),
        json!(45986.5),
        json!("0001-01-01T00:00:00Z"),
        json!("1970-01-01"),
        json!("0000-00-00 00:00:00"),
        json!("2026-11-26T12:00:01Z"),
        json!("9999-12-31"),
    ];
    all.extend(times.into_iter().map(|time| json!({"paid": time})));
    all
}

/// What is odd and leaves the order usable.
fn usable() -> Vec<Value> {
    let mut all = Vec::new();
    for count in [json!(1.5), json!(-1), json!("x"), json!({}), json!(true), json!(1e300), json!([1, 2])] {
        all.push(json!({"cart": [{"sku": "pro", "count": count}]}));
    }
    for time in [json!("garbage"), json!(0), json!(20261125), json!(true), json!("0001-01-01"), json!("0000-00-00")] {
        all.push(json!({"updated": time}));
        all.push(json!({"ended": time}));
    }
    all.push(json!({"updated": "2030-01-01"}));
    all
}

#[tokio::test]
async fn what_cannot_be_used_stands_unknown_with_its_reason_and_the_rest_is_read() {
    for odd in unusable() {
        let shop = Shop::of(SHOP).await;
        let rows = json!([good("before"), with(odd.clone()), good("after")]);
        let taken = shop.poll(rows).await.unwrap_or_else(|error| panic!("{odd}: {error:?}"));
        assert_eq!(taken.orders, 3, "{odd}");
        for id in ["before", "after"] {
            assert_eq!(shop.standing(id).await, Standing::Paid, "{odd}: {id}");
        }
        let stored = shop.stored("odd").await;
        assert_eq!(stored.order.standing, Standing::Unknown, "{odd}");
        assert!(stored.odd.iter().any(|odd| odd.makes_unknown() && odd.path.starts_with("$.")), "{odd}: {stored:?}");
        assert!(stored.order.items.iter().all(|item| stored.order.standing_of(item) == Standing::Unknown), "{odd}");
        let told = shop.store.odd_orders(shop.source.name(), 5).await.unwrap();
        assert_eq!((told.orders, told.some.len()), (1, 1), "{odd}");
        assert_eq!(shop.store.unclear_sources().await.unwrap().len(), 1, "{odd}: it is not whole for `exclusive`");
        // As odd as before: nothing new is said of it.
        let again = shop.poll(json!([good("before"), with(odd.clone()), good("after")])).await.unwrap();
        assert_eq!(again.touched, [], "{odd}");
        // And mended, nothing is left.
        shop.poll(json!([good("before"), good("odd"), good("after")])).await.unwrap();
        assert_eq!((shop.standing("odd").await, shop.stored("odd").await.odd), (Standing::Paid, Vec::new()), "{odd}");
        assert_eq!(shop.store.unclear_sources().await.unwrap().len(), 0, "{odd}");
    }
}

#[tokio::test]
async fn what_is_odd_and_can_be_used_is_used_and_named() {
    for odd in usable() {
        let shop = Shop::of(SHOP).await;
        shop.poll(json!([good("before"), with(odd.clone())])).await.unwrap_or_else(|error| panic!("{odd}: {error:?}"));
        let stored = shop.stored("odd").await;
        assert_eq!((stored.order.standing, stored.odd.len()), (Standing::Paid, 1), "{odd}");
        let quantity = if odd.get("cart").is_some() { 1 } else { 2 };
        assert_eq!(stored.order.items[0].quantity, quantity, "{odd}");
        assert_eq!(stored.order.updated_at.is_none(), odd.get("updated").is_some(), "{odd}");
        assert_eq!(stored.order.ended_at, None, "{odd}");
        assert_eq!(shop.store.unclear_sources().await.unwrap().len(), 0, "{odd}: its buyer is known");
    }
}

#[tokio::test]
async fn where_nothing_stands_nothing_is_shown() {
    let each =
        "lines: {each: $.cart, product: $.sku, quantity: $.count, status: [{when: \"@.back == true\", as: refunded}]}";
    for (map, cart, says) in [
        ("products: \"$.cart[*].sku\"", json!([]), "nothing stands at `$.cart[*].sku`"),
        ("products: \"$.cart[*].sku\"", json!({}), "nothing stands at `$.cart[*].sku`"),
        ("products: \"$.cart[*].sku\"", json!([{"sku": true}]), "`true` at `$.cart[*].sku` is not a product id"),
        ("lines: {each: \"$.cart[*]\", product: $.sku}", json!([]), "nothing stands at `$.cart[*]`"),
        ("lines: {each: $.cart, product: $.sku}", json!([]), "`[]` at `$.cart` is not a list of lines"),
        ("lines: {each: $.cart, product: $.sku}", json!(null), "`null` at `$.cart` is not a list of lines"),
    ] {
        let shop = Shop::of(&SHOP.replace(each, map)).await;
        shop.poll(json!([good("before"), with(json!({"cart": cart}))])).await.unwrap();
        let said: Vec<String> = shop.stored("odd").await.odd.iter().map(ToString::to_string).collect();
        assert!(said.iter().any(|said| said.contains(says)), "{map}, {cart}: {said:?}");
    }
}

#[tokio::test]
async fn an_odd_end_is_when_it_was_first_seen() {
    let shop = Shop::of(SHOP).await;
    // A refund that is still to come has not happened: it is odd, too.
    let ahead = |minutes: i64| json!((now() + SignedDuration::from_mins(minutes)).to_string());
    for (hours, ended) in [
        (0, json!(0)),
        (5, json!("garbage")),
        (6, json!("2099-01-01")),
        (7, json!("9999-12-31T23:59:59Z")),
        (8, ahead(28 * 60)),
        (9, ahead(9 * 60 + 6)),
    ] {
        let row = with(json!({"status": "refunded", "ended": ended}));
        shop.poll_at(json!([row]), now() + SignedDuration::from_hours(hours)).await.unwrap();
        let stored = shop.stored("odd").await;
        assert_eq!((stored.order.standing, stored.standing_since), (Standing::Refunded, now()), "{ended}");
        assert!(stored.odd.iter().any(|odd| odd.to_string().contains("ended")), "{ended}: {:?}", stored.odd);
    }
}

/// A clock that is a little ahead is not odd.
#[tokio::test]
async fn an_end_that_is_minutes_ahead_is_as_it_is_told() {
    let shop = Shop::of(SHOP).await;
    let ended = now() + SignedDuration::from_mins(4);
    shop.poll(json!([with(json!({"status": "refunded", "ended": ended.to_string()}))])).await.unwrap();
    let stored = shop.stored("odd").await;
    assert_eq!((stored.standing_since, stored.odd), (ended, Vec::new()));
}

/// `9999-12-31T23:59:59Z` in seconds, which would be 1978 in milliseconds.
#[tokio::test]
async fn the_last_second_of_the_calendar_is_no_time_before_2000() {
    for (until, read) in [
        (json!(253_402_300_799_i64), Timestamp::MAX),
        (json!("253402300799"), Timestamp::MAX),
        (json!(100_000_000_001_i64), "5138-11-16T09:46:41Z".parse().unwrap()),
        (json!(1_798_761_600_000_i64), "2027-01-01T00:00:00Z".parse().unwrap()),
    ] {
        let shop = Shop::of(SHOP).await;
        shop.poll(json!([with(json!({"status": "active", "until": until}))])).await.unwrap();
        let stored = shop.stored("odd").await;
        assert_eq!((stored.odd, stored.order.standing), (Vec::new(), Standing::Subscribed), "{until}");
        assert_eq!(stored.order.period_end.map(Timestamp::as_second), Some(read.as_second()), "{until}");
    }
}

#[tokio::test]
async fn an_order_that_becomes_odd_keeps_its_buyer_and_what_it_gave() {
    for odd in unusable() {
        let shop = Shop::of(SHOP).await;
        shop.poll(json!([good("odd"), good("other")])).await.unwrap();
        let before = shop.stored("odd").await.order;
        shop.poll(json!([with(odd.clone()), good("other")])).await.unwrap();
        let after = shop.stored("odd").await.order;
        assert_eq!(after.standing, Standing::Unknown, "{odd}");
        assert_eq!((&after.items, &after.paid_at), (&before.items, &before.paid_at), "{odd}");
        assert_eq!(after.buyer, before.buyer, "{odd}");
    }
}

#[tokio::test]
async fn an_order_that_names_no_product_any_more_is_unknown_unless_all_of_it_was_given_back() {
    for (status, standing) in [("paid", Standing::Unknown), ("refunded", Standing::Refunded)] {
        for cart in [json!([]), json!([{"title": "shipping"}])] {
            let shop = Shop::of(SHOP).await;
            shop.poll(json!([good("odd")])).await.unwrap();
            shop.poll(json!([with(json!({"status": status, "cart": cart}))])).await.unwrap();
            let stored = shop.stored("odd").await.order;
            assert_eq!((stored.standing, stored.items.len()), (standing, 1), "{status} {cart}");
        }
    }
}

#[tokio::test]
async fn a_change_dated_far_ahead_hides_no_later_one() {
    let shop = Shop::of(SHOP).await;
    shop.poll(json!([with(json!({"updated": "2099-01-01"}))])).await.unwrap();
    let refunded = json!({"status": "refunded", "updated": "2026-06-01T00:00:00Z"});
    shop.poll(json!([with(refunded)])).await.unwrap();
    assert_eq!(shop.standing("odd").await, Standing::Refunded);
}

#[tokio::test]
async fn a_source_of_which_so_much_is_odd_is_not_whole_and_all_of_it_is_stored() {
    let rows = |odd: usize, all: usize| -> Value {
        let id = |at: usize| format!("o{at:03}");
        let row = |at: usize| match at < odd {
            true => with(json!({"id": id(at), "paid": "garbage"})),
            false => good(&id(at)),
        };
        (0..all).map(row).collect()
    };
    for (odd, all, whole) in [(19, 20, true), (20, 200, true), (21, 200, false), (20, 20, false)] {
        let shop = Shop::of(SHOP).await;
        let taken = shop.poll(rows(odd, all)).await;
        assert_eq!(taken.is_ok(), whole, "{odd} of {all}");
        assert_eq!(shop.store.order_count(shop.source.name()).await.unwrap(), all as u64, "{odd} of {all}");
        let touched = taken.as_ref().map_or_else(|stopped| &stopped.touched, |taken| &taken.touched);
        assert_eq!(touched.len(), all, "{odd} of {all}: all of it is stored, so all of it is to be planned");
        if let Err(Interrupted { error: IngestError::Source { source, .. }, .. }) = taken {
            assert!(matches!(source, SourceError::Odd { .. }), "{source:?}");
            assert!(source.hint().unwrap().contains("the mapping is probably wrong"));
            let cursor = shop.store.cursor(shop.source.name()).await.unwrap();
            assert_eq!(cursor, None, "the next poll reads everything anew");
        }
    }
}

#[tokio::test]
async fn rows_without_an_id_are_counted_until_a_full_read_has_none() {
    let shop = Shop::of(SHOP).await;
    shop.poll(json!([good("a"), {"id": null, "status": "paid"}, "text", 7, null, [], {"id": {}}])).await.unwrap();
    let told = shop.store.odd_orders(shop.source.name(), 5).await.unwrap();
    assert_eq!((told.orders, told.nameless), (0, 6));
    assert_eq!(shop.store.unclear_sources().await.unwrap().len(), 1);
    assert_eq!(shop.standing("a").await, Standing::Paid);
    shop.poll(json!([good("a")])).await.unwrap();
    assert_eq!(shop.store.odd_orders(shop.source.name(), 5).await.unwrap().nameless, 0);
}

#[tokio::test]
async fn an_empty_cart_of_a_point_of_sale_ends_no_read() {
    let shop = Shop::new(|url| source(preset_source("btcpay", "auth: {kind: bearer, token: tok-en-1234}", url))).await;
    let invoice = |id: &str, data: Value| {
        json!({"id": id, "status": "Settled", "createdTime": 1_795_000_000,
               "metadata": {"posData": data, "buyerEmail": "ann@example.com"}})
    };
    let rows =
        json!([invoice("a", json!({"cart": null})), invoice("b", json!({"cart": [{"id": "pro", "count": 1.5}]}))]);
    shop.server.now_answers(vec![
        Line::json("/pull-payments?includeArchived=true", json!([])),
        Line::json("/invoices?includePaymentMethods=true&skip=0&take=100", rows),
        Line::json("/invoices?includePaymentMethods=true&skip=2&take=100", json!([])),
    ]);
    let day = SignedDuration::from_hours(24);
    ingest(&shop.source, &shop.store, ReadScope::Everything, day, now()).await.unwrap();
    let (a, b) = (shop.stored("a").await, shop.stored("b").await);
    assert_eq!((a.order.standing, b.order.standing), (Standing::Unknown, Standing::Paid));
    assert_eq!(a.odd[0].to_string(), "`null` at `$.metadata.posData.cart` is not a list of lines");
    assert_eq!(b.odd[0].to_string(), "`1.5` at `$.count` is not a valid quantity, and counts as one");
}

/// Any JSON, with a taste for what the mapping looks at.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        prop_oneof![Just("paid"), Just("odd"), Just(""), Just("9999-12-31"), Just("2026-05-06"), Just("1e400")]
            .prop_map(Value::from),
    ];
    let key = prop_oneof![
        4 => prop_oneof![
            Just("id"), Just("status"), Just("updated"), Just("paid"), Just("ended"), Just("until"), Just("cart"),
            Just("sku"), Just("count"), Just("user"), Just("email"), Just("back")
        ]
        .prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    leaf.prop_recursive(4, 48, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..10)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

#[test]
fn no_json_makes_the_mapping_panic_or_loses_a_neighbour() {
    let http = http_source(SHOP, "https://shop.example.com");
    let mapper = entitled::source::http::mapping::Mapper::new(&http.map, &http.status);
    proptest!(ProptestConfig::with_cases(512), |(rows in prop::collection::vec(any_json(), 0..6))| {
        let mut page = vec![good("before")];
        for row in rows {
            page.push(row.clone());
            // The same under a readable id.
            if let Value::Object(mut fields) = row {
                fields.insert("id".to_owned(), json!("some"));
                page.push(Value::Object(fields));
            }
        }
        page.push(good("after"));
        let orders = fuzz::mapping::read("the shop of the test", &mapper, &page, now());
        let good: Vec<_> = orders.iter().filter(|read| ["before", "after"].contains(&read.id.as_str())).collect();
        prop_assert!(good.len() >= 2 && good[0].odd.is_empty() && good[0].standing == Standing::Paid);
    });
}

#[test]
fn no_file_makes_the_reader_panic_or_loses_a_neighbour() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("orders.json");
    let file = super::file::file(&path);
    let good = json!({"id": "good", "productId": "p", "status": "paid"});
    let mut runner = TestRunner::new(ProptestConfig::with_cases(128));
    let ended = runner.run(&prop::collection::vec(any_json(), 0..6), |rows| {
        let rows: Vec<Value> = rows.into_iter().chain([good.clone()]).collect();
        std::fs::write(&path, Value::from(rows.clone()).to_string()).unwrap();
        let (pages, report) = runtime.block_on(super::read(&file, super::FULL));
        let report = report.map_err(|error| TestCaseError::fail(super::chain(&error)))?;
        prop_assert!(pages.concat().iter().any(|order| order.id.as_str() == "good"));
        prop_assert!(report.orders + report.nameless.rows <= rows.len() as u64);
        Ok(())
    });
    ended.unwrap();
}
