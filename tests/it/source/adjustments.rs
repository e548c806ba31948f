//! Refunds and disputes that never touch the row of the order: they are found, kept, and given back.

use entitled::model::Recheck;
use entitled::model::{Order, Standing};
use entitled::pass::ingest::{IngestError, Ingested, ReadScope, ingest, reread};
use entitled::source::{Source, SourceError};
use entitled::store::{Store, StoredOrder};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sqlx::Connection as _;
use tempfile::TempDir;

use super::{at, of, order};
use crate::support::preset::{http_source, settings};
use crate::support::replay::{Line, Replay};

/// A shop in whose list a refunded order stays as it is. `GET` is what reads one order, or nothing.
const SHOP: &str = "
list: {path: /orders, items: $.orders, paging: {kind: none}}
incremental: {kind: filter, param: since, format: unix, overlap: 0}
map: {id: $.id, updated_at: $.at, products: '$.products[*]', user_id: $.user}
status: [{when: \"@.status == 'paid'\", as: paid}]
";
const GET: &str = "get: {path: '/orders/{id}'}";
const REFUNDS: &str = "
overlays:
  - path: /refunds
    items: $.refunds
    paging: {kind: none}
    order_id: $.order
    rules:
      - {when: \"@.state == 'done'\", as: refunded}
      - {when: \"@.state == 'open'\", as: disputed}
      - {when: \"@.state == 'won'\", as: paid}
    ended_at: $.at
";

struct Shop {
    server: Replay,
    source: Source,
    store: Store,
    _directory: TempDir,
}

impl Shop {
    async fn of(yaml: &str) -> Self {
        let server = Replay::start(Vec::new()).await;
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("entitled.db")).await.unwrap();
        let source = of(&settings(http_source(yaml, &server.url)));
        Self { server, source, store, _directory: directory }
    }

    /// Reads what the shop has to say at that minute.
    async fn poll(&self, minute: u32, lines: Vec<Line>) -> Result<Ingested, IngestError> {
        self.server.now_answers(lines);
        let day = SignedDuration::from_hours(24);
        let read = ingest(&self.source, &self.store, ReadScope::Changes, day, at(minute)).await;
        read.map_err(|interrupted| interrupted.error)
    }

    async fn stored(&self, id: &str) -> StoredOrder {
        self.store.find_order(self.source.name(), &id.into()).await.unwrap().expect("it was read")
    }

    async fn standing(&self, id: &str) -> Standing {
        self.stored(id).await.order.standing
    }

    /// A first read of one paid order, changed at minute 1 and read at minute 10.
    async fn with_a_paid_order(yaml: &str) -> Self {
        let shop = Self::of(yaml).await;
        shop.poll(10, vec![orders("", json!([order("a", 1)])), refunds(json!([]))]).await.unwrap();
        assert_eq!(shop.standing("a").await, Standing::Paid);
        shop
    }
}

fn orders(query: &str, orders: Value) -> Line {
    Line::json(&format!("/orders{query}"), json!({"orders": orders}))
}

/// What changed since minute 1, which is nothing.
fn unchanged() -> Line {
    orders("?since=1714978860", json!([]))
}

fn refunds(items: Value) -> Line {
    Line::json("/refunds", json!({"refunds": items}))
}

fn refund(id: &str, state: &str) -> Value {
    json!({"id": id, "order": "a", "state": state, "at": "2024-05-06T07:20:00Z"})
}

fn one(id: &str) -> Line {
    Line::json(&format!("/orders/{id}"), order(id, 1))
}

fn minute(at: Option<Timestamp>) -> Option<i64> {
    at.map(|at| at.duration_since(super::at(0)).as_mins())
}

#[tokio::test]
async fn an_order_that_stays_unchanged_is_refunded_by_the_list_of_refunds() {
    for get in ["", GET] {
        let shop = Shop::with_a_paid_order(&format!("{SHOP}{get}{REFUNDS}")).await;
        let taken = shop.poll(30, vec![unchanged(), refunds(json!([refund("r", "done")])), one("a")]).await.unwrap();
        let Order { standing, ended_at, .. } = shop.stored("a").await.order;
        assert_eq!((standing, minute(ended_at)), (Standing::Refunded, Some(20)), "{get}");
        assert_eq!(taken.touched, [shop.stored("a").await.key], "a quick pass looks at it");

        // Nothing new: it is asked for no more, and stays refunded.
        let taken = shop.poll(40, vec![unchanged(), refunds(json!([refund("r", "done")])), one("a")]).await.unwrap();
        assert_eq!((taken.touched.len(), shop.server.targets().len()), (0, 2), "{get}");
        assert_eq!(shop.standing("a").await, Standing::Refunded);
    }
}

#[tokio::test]
async fn reading_an_order_again_keeps_what_an_overlay_says_of_it() {
    let shop = Shop::with_a_paid_order(&format!("{SHOP}{GET}{REFUNDS}")).await;
    shop.poll(30, vec![unchanged(), refunds(json!([refund("r", "done")])), one("a")]).await.unwrap();
    let answer = reread(&shop.source, &shop.store, &"a".into(), at(31)).await.unwrap();
    assert_eq!((answer, shop.standing("a").await), (Recheck::Confirmed, Standing::Refunded));
    // So does the list, when the order comes along on it.
    shop.poll(32, vec![orders("?since=1714978860", json!([order("a", 31)])), refunds(json!([]))]).await.unwrap();
    assert_eq!(shop.standing("a").await, Standing::Refunded, "an empty list takes back no refund");
}

#[tokio::test]
async fn grace_begins_when_the_refund_was_seen_and_not_when_the_order_last_changed() {
    let timeless = REFUNDS.replace("    ended_at: $.at\n", "");
    let shop = Shop::with_a_paid_order(&format!("{SHOP}{GET}{timeless}")).await;
    shop.poll(30, vec![unchanged(), refunds(json!([refund("r", "done")])), one("a")]).await.unwrap();
    assert_eq!(shop.stored("a").await.standing_since, at(30), "the order itself last changed at minute 1");
    shop.poll(50, vec![unchanged(), refunds(json!([refund("r", "done")])), one("a")]).await.unwrap();
    assert_eq!(shop.stored("a").await.standing_since, at(30));
}

/// What is in a list of refunds has happened, whatever date it bears.
#[tokio::test]
async fn a_refund_that_is_dated_ahead_counts_from_when_it_was_seen() {
    for (state, ahead) in [("done", 6), ("done", 23 * 60), ("open", 6), ("open", 23 * 60)] {
        let shop = Shop::with_a_paid_order(&format!("{SHOP}{GET}{REFUNDS}")).await;
        let dated = at(30) + SignedDuration::from_mins(ahead);
        let refund = json!({"id": "r", "order": "a", "state": state, "at": dated.to_string()});
        for minute in [30, 31] {
            shop.poll(minute, vec![unchanged(), refunds(json!([refund])), one("a")]).await.unwrap();
            assert_eq!(shop.stored("a").await.standing_since, at(30), "{state}, {ahead} min ahead");
        }
    }
}

#[tokio::test]
async fn a_won_dispute_gives_back_what_the_order_itself_says() {
    let shop = Shop::with_a_paid_order(&format!("{SHOP}{GET}{REFUNDS}")).await;
    let both = |state| json!([refund("d1", state), refund("d2", "won")]);
    shop.poll(30, vec![unchanged(), refunds(both("open")), one("a")]).await.unwrap();
    assert_eq!(shop.standing("a").await, Standing::Disputed, "another dispute that is won lifts only itself");
    let taken = shop.poll(40, vec![unchanged(), refunds(both("won")), one("a")]).await.unwrap();
    assert_eq!((shop.standing("a").await, taken.touched.len()), (Standing::Paid, 1));
}

#[tokio::test]
async fn an_overlay_that_cannot_be_read_ends_the_whole_read() {
    let shop = Shop::with_a_paid_order(&format!("{SHOP}{GET}{REFUNDS}")).await;
    let broken = [
        Line::json("/refunds", json!({"error": "no"})).status(403),
        Line::json("/refunds", json!({"error": "maintenance"})),
    ];
    for line in broken {
        let failed = shop.poll(30, vec![orders("?since=1714978860", json!([order("b", 25)])), line]).await;
        assert!(matches!(failed, Err(IngestError::Source { .. })), "{failed:?}");
        let b = shop.store.find_order(shop.source.name(), &"b".into()).await.unwrap();
        assert_eq!(b, None, "no order is recorded of which it is not known whether it was refunded");
    }
    shop.poll(31, vec![orders("?since=1714978860", json!([order("b", 25)])), refunds(json!([]))]).await.unwrap();
    assert_eq!(shop.standing("b").await, Standing::Paid, "the cursor had not advanced");
}

#[tokio::test]
async fn what_an_overlay_said_is_not_lost_when_the_read_ends_half_way() {
    let shop = Shop::with_a_paid_order(&format!("{SHOP}{GET}{REFUNDS}")).await;
    let gone = || Line::json("/orders/a", json!({"error": "teapot"})).status(418);
    let failed = shop.poll(30, vec![unchanged(), refunds(json!([refund("r", "done")])), gone()]).await;
    let Err(IngestError::Source { source: SourceError::Status { .. }, .. }) = failed else { panic!("{failed:?}") };
    assert_eq!(shop.standing("a").await, Standing::Paid);
    // The list says nothing new by now, and the note is still open.
    let taken = shop.poll(40, vec![unchanged(), refunds(json!([refund("r", "done")])), one("a")]).await.unwrap();
    assert_eq!((shop.standing("a").await, taken.touched.len()), (Standing::Refunded, 1));
}

#[tokio::test]
async fn an_item_about_an_order_of_another_shop_is_asked_for_by_nobody() {
    let shop = Shop::with_a_paid_order(&format!("{SHOP}{GET}{REFUNDS}")).await;
    let other =
        json!([{"id": "r", "order": "elsewhere", "state": "done"}, {"id": "s", "order": null, "state": "done"}]);
    shop.poll(30, vec![unchanged(), refunds(other)]).await.unwrap();
    assert_eq!(shop.server.targets().len(), 2);
    // Should it turn up after all, what was said of it counts.
    let late = orders("?since=1714978860", json!([order("elsewhere", 35)]));
    shop.poll(40, vec![late, refunds(json!([]))]).await.unwrap();
    assert_eq!(shop.standing("elsewhere").await, Standing::Refunded);
}

#[tokio::test]
async fn the_order_may_be_named_inside_a_text() {
    let named = REFUNDS.replace("order_id: $.order", "order_id: {path: $.name, prefix: 'Refund ', suffix: '.'}");
    let shop = Shop::of(&format!("{SHOP}{named}")).await;
    let item = |id: &str, name: Value| json!({"id": id, "name": name, "state": "done"});
    let items = json!([item("1", json!("Refund a.")), item("2", json!("Payout b.")), item("3", json!(null))]);
    shop.poll(10, vec![orders("", json!([order("a", 1), order("b", 1)])), refunds(items)]).await.unwrap();
    assert_eq!((shop.standing("a").await, shop.standing("b").await), (Standing::Refunded, Standing::Paid));
}

/// Whatever else the file says of a source by now: what an overlay that is still there said before its list forgot it
/// is as true as it was.
#[tokio::test]
async fn what_an_overlay_said_outlives_its_place_in_the_file() {
    const LOST: &str = "  - {path: /disputes, items: $.disputes, paging: {kind: none}, order_id: $.order, \
                        rules: [{when: \"@.state == 'lost'\", as: disputed}]}\n";
    let mut shop = Shop::with_a_paid_order(&format!("{SHOP}{REFUNDS}")).await;
    shop.poll(30, vec![unchanged(), refunds(json!([refund("r", "done")]))]).await.unwrap();
    assert_eq!(shop.standing("a").await, Standing::Refunded);
    let before = REFUNDS.replacen("  - path", &format!("{LOST}  - path"), 1);
    let also = REFUNDS.replace("items: $.refunds", "items: [$.refunds, $.data]");
    let files = [before.clone(), format!("{REFUNDS}{LOST}"), before, also, REFUNDS.to_owned()];
    for (minute, overlays) in (35..).step_by(4).zip(files) {
        shop.source = of(&settings(http_source(&format!("{SHOP}{overlays}"), &shop.server.url)));
        let disputes = || Line::json("/disputes", json!({"disputes": []}));
        let mut lines = vec![orders("", json!([order("a", 1)])), refunds(json!([]))];
        lines.extend(overlays.contains("/disputes").then(disputes));
        shop.poll(minute, lines).await.unwrap();
        assert_eq!(shop.standing("a").await, Standing::Refunded, "{overlays}");
    }
    // The overlay itself is gone: nothing says so any more.
    shop.source = of(&settings(http_source(SHOP, &shop.server.url)));
    shop.poll(59, vec![orders("", json!([order("a", 1)]))]).await.unwrap();
    assert_eq!(shop.standing("a").await, Standing::Paid);
}

/// Earlier versions told overlays apart by their places.
#[tokio::test]
async fn what_an_earlier_version_kept_by_place_is_that_overlays() {
    let shop = Shop::with_a_paid_order(&format!("{SHOP}{GET}{REFUNDS}")).await;
    shop.poll(30, vec![unchanged(), refunds(json!([refund("r", "done")])), one("a")]).await.unwrap();
    let path = shop.store.path().to_owned();
    let mut by_place = sqlx::SqliteConnection::connect(path.to_str().unwrap()).await.unwrap();
    let done = sqlx::query("UPDATE marks SET overlay = 0").execute(&mut by_place).await.unwrap();
    assert_eq!(done.rows_affected(), 1);
    by_place.close().await.unwrap();
    shop.poll(40, vec![unchanged(), refunds(json!([refund("r", "won")])), one("a")]).await.unwrap();
    assert_eq!(shop.standing("a").await, Standing::Paid, "the item is the same one");
}

#[tokio::test]
async fn other_settings_read_everything_anew_and_drop_what_the_old_ones_said() {
    let mut shop = Shop::with_a_paid_order(&format!("{SHOP}{REFUNDS}")).await;
    shop.poll(30, vec![unchanged(), refunds(json!([refund("r", "open")]))]).await.unwrap();
    assert_eq!(shop.standing("a").await, Standing::Disputed);

    let kept = REFUNDS.replace("as: disputed", "as: paid");
    shop.source = of(&settings(http_source(&format!("{SHOP}{kept}"), &shop.server.url)));
    let failed = shop.poll(40, vec![Line::json("/refunds", json!({})).status(403)]).await;
    assert!(failed.is_err());
    assert_eq!(shop.standing("a").await, Standing::Disputed, "until it was read, the old word counts");
    // A full read, although the last one was not long ago.
    shop.poll(41, vec![orders("", json!([order("a", 1)])), refunds(json!([refund("r", "open")]))]).await.unwrap();
    assert_eq!(shop.standing("a").await, Standing::Paid);
}

#[tokio::test]
async fn an_overlay_asks_only_for_what_changed_where_its_api_can_tell() {
    let filtered = REFUNDS
        .replace("paging:", "incremental: {kind: filter, param: after, format: unix, overlap: 60s}\n    paging:");
    let shop = Shop::with_a_paid_order(&format!("{SHOP}{filtered}")).await;
    let changed = Line::json("/refunds?after=1714978800", json!({"refunds": [refund("r", "done")]}));
    shop.poll(30, vec![unchanged(), changed]).await.unwrap();
    assert_eq!(shop.standing("a").await, Standing::Refunded);
}

/// Which of the two it is about, nobody can say; the first one stays, and the other is named.
#[tokio::test]
async fn an_item_with_the_id_of_another_one_about_another_order_is_named() {
    let shop = Shop::of(&format!("{SHOP}{REFUNDS}")).await;
    let item = |id: &str, order: Value| json!({"id": id, "order": order, "state": "done"});
    let refunds = json!([item("r", json!("a")), item("r", json!("b")), item("r", json!("a")), item("s", json!("c"))]);
    shop.server.now_answers(vec![
        Line::json("/orders", json!({"orders": [order("a", 1), order("b", 1), order("c", 1)]})),
        Line::json("/refunds", json!({"refunds": refunds})),
    ]);
    let mut reading = shop.source.read(entitled::source::Read::Full { last_count: None });
    let mut about = Vec::new();
    let report = loop {
        match reading.next().await.unwrap() {
            entitled::source::Step::Adjustments(marks) => about.extend(marks.into_iter().map(|mark| mark.order)),
            entitled::source::Step::Page(_) => {}
            entitled::source::Step::Done(report) => break report,
        }
    };
    assert_eq!(about, ["a".into(), "a".into(), "c".into()]);
    assert_eq!(report.nameless.first, ["GET /refunds: item 2: `r` at `$.id` is also the id of another row"]);
}

#[tokio::test]
async fn what_is_not_there_is_asked_for_by_the_path_that_the_hint_names() {
    for (orders, refunds, path) in [(404, 200, "/orders"), (200, 404, "/refunds")] {
        let shop = Shop::of(&format!("{SHOP}{REFUNDS}")).await;
        let error = shop
            .poll(
                9,
                vec![
                    Line::json("/orders", json!({"orders": []})).status(orders),
                    Line::json("/refunds", json!({"refunds": []})).status(refunds),
                ],
            )
            .await
            .unwrap_err();
        let hint = error.hint().unwrap();
        assert!(hint.contains(&format!("the `path` that asks for `{path}`")), "{hint}");
        assert!(!hint.contains("list.path"), "{hint}");
    }
}

const PARTS: &str = "
list: {path: /orders, items: $.orders, paging: {kind: none}}
incremental: {kind: filter, param: since, format: unix}
map:
  id: $.id
  updated_at: $.at
  lines: {each: $.lines, id: $.id, product: $.product, quantity: $.quantity}
  user_id: $.user
  email: $.email
status: [{when: \"@.status == 'paid'\", as: paid}]
overlays:
  - path: /refunds
    items: $.refunds
    paging: {kind: none}
    order_id: $.order
    line: {each: $.lines, id: $.line, product: $.product, quantity: $.quantity}
    rules: [{when: \"@.undone == true\", as: paid}, {when: \"@.id\", as: refunded}]
";

/// A refund of a line ends that line, whatever the list of orders says later, until it is taken back.
#[tokio::test]
async fn a_refund_of_a_line_ends_that_line_and_outlives_a_reading_of_the_order() {
    let order = json!({
        "id": "a", "at": "2024-05-06T07:01:00Z", "status": "paid", "user": "u",
        "lines": [{"id": 1, "product": "p"}, {"id": 2, "product": "q", "quantity": 3}, {"id": 3, "product": "p"}]
    });
    let refund = |lines| json!({"id": "r", "order": "a", "lines": lines});
    let shop = Shop::of(PARTS).await;
    let stands = async || {
        let order = shop.stored("a").await.order;
        order.items.iter().map(|item| order.standing_of(item)).collect::<Vec<_>>()
    };
    let (paid, gone, some) = (Standing::Paid, Standing::Refunded, Standing::PartiallyRefunded);
    for (at, said, expected) in [
        (10, json!([]), [paid, paid, paid]),
        (20, json!([refund(json!([{"line": 3, "product": "p"}]))]), [paid, paid, gone]),
        (30, json!([refund(json!([{"line": 3}, {"line": 2, "quantity": -1}]))]), [paid, some, gone]),
        (40, json!([refund(json!([{"line": 3}, {"line": 2, "quantity": -3}]))]), [paid, gone, gone]),
        // No more on the list: it still counts.
        (50, json!([]), [paid, gone, gone]),
        (55, json!([{"id": "r", "order": "a", "undone": true}]), [paid, paid, paid]),
        // It names no line: it is about the whole order.
        (59, json!([refund(json!([]))]), [gone, gone, gone]),
    ] {
        let listed = |query| orders(query, json!([order]));
        shop.poll(at, vec![listed(""), listed("?since=*"), refunds(said.clone())]).await.unwrap();
        assert_eq!(stands().await, expected, "minute {at}: {said}");
    }
}
