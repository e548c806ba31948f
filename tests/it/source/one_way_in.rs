//! One way in: whatever brings an order, the store then has what a full read from nothing would give it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use entitled::model::Recheck;
use entitled::model::{Odd, Order, Standing};
use entitled::pass::ingest::{ReadScope, Refreshed, ingest, refresh_order, reread};
use entitled::source::{Lookup, Source};
use entitled::store::Store;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::stripe::account::Account;
use super::stripe::{objects, stripe};
use super::{now, of, source};
use crate::support::preset::{http_source, preset_source, settings};
use crate::support::till::{Held, Till};

/// A shop whose API filters by time of change, with a list of refunds and disputes.
const PLAIN: &str = "
list: {path: /orders, items: $.orders, paging: {kind: none}}
incremental: {kind: filter, param: since, format: unix, overlap: 0}
get: {path: '/orders/{id}'}
map: {id: $.id, updated_at: $.at, paid_at: $.paid, products: '$.products[*]', user_id: $.user}
status: [{when: \"@.status == 'paid'\", as: paid}, {when: \"@.status == 'refunded'\", as: refunded}]
overlays:
  - path: /claims
    items: $.claims
    paging: {kind: none}
    order_id: $.order
    rules:
      - {when: \"@.state == 'refund'\", as: refunded}
      - {when: \"@.state == 'dispute'\", as: disputed}
      - {when: \"@.state == 'won'\", as: paid}
    ended_at: $.at
";

/// What happens in a shop, and in which way it is then read.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// The order is bought, or its row is written again.
    Buy(u8),
    /// It is refunded where that API keeps refunds.
    Refund(u8),
    /// Its payment is disputed.
    Dispute(u8),
    /// The dispute is won.
    Win(u8),
    /// Its row has something odd in it.
    Spoil(u8),
    /// Every order and everything said of it.
    FullRead,
    /// What changed.
    Poll,
    /// A webhook names the order.
    Hint(u8),
    /// The order is looked at before a revocation.
    Recheck(u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let one = (0_u8..9, 0_u8..3).prop_map(|(kind, order)| match kind {
        0 => Step::Buy(order),
        1 => Step::Refund(order),
        2 => Step::Dispute(order),
        3 => Step::Win(order),
        4 => Step::Spoil(order),
        5 => Step::FullRead,
        6 => Step::Poll,
        7 => Step::Hint(order),
        _ => Step::Recheck(order),
    });
    prop::collection::vec(one, 1..14)
}

/// A shop of some kind, and how things happen in it. `at` grows with every step.
trait PlanInput {
    fn url(&self) -> String;
    fn happen(&self, step: Step, at: i64);
}

fn id(order: u8) -> String {
    format!("o{order}")
}

fn time(at: i64) -> String {
    Timestamp::from_second(at).unwrap().to_string()
}

/// The rows of a shop over HTTP: an order as it is bought, with a time that is odd, and an item of its overlay.
struct Shape {
    order: fn(&str, i64) -> Value,
    odd: fn(&str, i64) -> Value,
    claim: fn(&str, &str, i64) -> Value,
}

struct Rows {
    till: Till,
    shape: Shape,
}

impl PlanInput for Rows {
    fn url(&self) -> String {
        self.till.url.clone()
    }

    fn happen(&self, step: Step, at: i64) {
        let Shape { order, odd, claim } = self.shape;
        let claimed = |order: u8, word: &str| {
            // A refund and a dispute are two items; the second is won as the item that it is.
            let kind = if word == "refund" { "r" } else { "d" };
            self.till.claim(&format!("{kind}{order}"), claim(&format!("{kind}{order}"), &id(order), at));
            let mut held = self.till.held.lock().unwrap();
            held.claims.get_mut(&format!("{kind}{order}")).unwrap()["word"] = json!(word);
        };
        match step {
            Step::Buy(number) => self.till.put(&id(number), order(&id(number), at)),
            Step::Spoil(number) => self.till.put(&id(number), odd(&id(number), at)),
            Step::Refund(number) => claimed(number, "refund"),
            Step::Dispute(number) => claimed(number, "dispute"),
            Step::Win(number) => claimed(number, "won"),
            Step::FullRead | Step::Poll | Step::Hint(_) | Step::Recheck(_) => {}
        }
    }
}

fn all(rows: &BTreeMap<String, Value>) -> Value {
    rows.values().cloned().collect()
}

fn plain(held: &Held, path: &str, query: &BTreeMap<String, String>) -> Option<Value> {
    let since: i64 = query.get("since").map_or(0, |since| since.parse().unwrap());
    let changed = |row: &&Value| row["changed"].as_i64().unwrap() >= since;
    let claim = |claim: &Value| {
        let mut claim = claim.clone();
        claim["state"] = claim["word"].clone();
        claim
    };
    match path {
        "/orders" => Some(json!({"orders": held.orders.values().filter(changed).collect::<Vec<_>>()})),
        "/claims" => Some(json!({"claims": held.claims.values().map(claim).collect::<Vec<_>>()})),
        path => held.orders.get(path.strip_prefix("/orders/")?).cloned(),
    }
}

const PLAIN_ROWS: Shape = Shape {
    order: |id, at| json!({"id": id, "status": "paid", "changed": at, "at": time(at), "paid": time(at), "products": ["p"], "user": "u"}),
    odd: |id, at| json!({"id": id, "status": "paid", "changed": at, "at": time(at), "paid": 20261125, "products": ["p"], "user": "u"}),
    claim: |id, order, at| json!({"id": id, "order": order, "at": time(at)}),
};

/// <https://developer.paddle.com/api-reference/transactions/overview>: a refunded one "remains unchanged".
fn paddle(held: &Held, path: &str, query: &BTreeMap<String, String>) -> Option<Value> {
    let page = |data: Value| json!({"data": data, "meta": {"pagination": {"has_more": false, "next": ""}}});
    let since: Option<Timestamp> = query.get("updated_at[GTE]").map(|since| since.parse().unwrap());
    let changed = |row: &&Value| row["updated_at"].as_str().unwrap().parse::<Timestamp>().ok() >= since;
    let adjusted = |claim: &Value| {
        let mut claim = claim.clone();
        let (action, status) = match claim["word"].as_str() {
            Some("refund") => ("refund", "approved"),
            Some("dispute") => ("chargeback", "approved"),
            _ => ("chargeback", "reversed"),
        };
        (claim["action"], claim["status"], claim["type"]) = (json!(action), json!(status), json!("full"));
        claim
    };
    match path {
        "/transactions" => Some(page(held.orders.values().filter(changed).cloned().collect())),
        "/adjustments" => Some(page(held.claims.values().map(adjusted).collect())),
        path => Some(json!({"data": held.orders.get(path.strip_prefix("/transactions/")?)?})),
    }
}

const PADDLE_ROWS: Shape = Shape {
    order: |id, at| {
        json!({"id": id, "status": "completed", "updated_at": time(at), "billed_at": time(at), "payments": [],
               "billing_period": null, "items": [{"price": {"product_id": "p"}, "quantity": 1}],
               "custom_data": {"logto_user_id": "u"}, "customer": {"email": "ann@example.com"}})
    },
    odd: |id, at| {
        json!({"id": id, "status": "completed", "updated_at": time(at), "billed_at": time(at), "payments": [],
               "billing_period": null, "items": null, "custom_data": {"logto_user_id": "u"}})
    },
    claim: |id, order, at| json!({"id": id, "transaction_id": order, "created_at": time(at)}),
};

/// <https://docs.polar.sh/api-reference/disputes/list>
fn polar(held: &Held, path: &str, _: &BTreeMap<String, String>) -> Option<Value> {
    let page = |items: Value| json!({"pagination": {"total_count": items.as_array().unwrap().len()}, "items": items});
    let disputed = |claim: &Value| {
        let mut claim = claim.clone();
        claim["status"] = match claim["word"].as_str() {
            Some("refund") => json!("lost"),
            Some("dispute") => json!("under_review"),
            _ => json!("won"),
        };
        claim
    };
    match path {
        "/v1/orders/" => Some(page(all(&held.orders))),
        "/v1/disputes/" => Some(page(held.claims.values().map(disputed).collect())),
        path => held.orders.get(path.strip_prefix("/v1/orders/")?).cloned(),
    }
}

const POLAR_ROWS: Shape = Shape {
    order: |id, at| {
        json!({"id": id, "status": "paid", "created_at": time(objects::DAY), "modified_at": time(at), "product_id": "p",
               "customer": {"external_id": "u", "email": "ann@example.com"}, "subscription": null})
    },
    odd: |id, at| {
        json!({"id": id, "status": "paid", "created_at": "0001-01-01T00:00:00Z", "modified_at": time(at),
               "product_id": "p", "customer": {"external_id": "u"}, "subscription": null})
    },
    claim: |id, order, at| json!({"id": id, "order_id": order, "created_at": time(at)}),
};

/// <https://docs.btcpayserver.org/API/Greenfield/v1/>: a refund is a pull payment that is named after its invoice.
fn btcpay(held: &Held, path: &str, query: &BTreeMap<String, String>) -> Option<Value> {
    let named = |claim: &Value| {
        let mut claim = claim.clone();
        claim["archived"] = json!(claim["word"] == "won");
        claim
    };
    match path {
        "/invoices" if query.get("skip").is_some_and(|skip| skip != "0") => Some(json!([])),
        "/invoices" => Some(all(&held.orders)),
        "/pull-payments" => Some(held.claims.values().map(named).collect()),
        path => held.orders.get(path.strip_prefix("/invoices/")?.strip_suffix(LONG)?).cloned(),
    }
}

/// What makes a short id as long as those of BTCPay.
const LONG: &str = "zzzzzzzzzzzzzzzzzzzz";

const BTCPAY_ROWS: Shape = Shape {
    order: |id, _| {
        json!({"id": format!("{id}{LONG}"), "status": "Settled", "additionalStatus": "None", "createdTime": objects::DAY,
               "metadata": {"itemCode": "p", "logto_user_id": "u"}})
    },
    odd: |id, _| {
        json!({"id": format!("{id}{LONG}"), "status": "Settled", "additionalStatus": "None", "createdTime": objects::DAY,
               "metadata": {"posData": {"cart": null}, "logto_user_id": "u"}})
    },
    claim: |id, order, _| json!({"id": id, "name": format!("Remboursement {order}{LONG}")}),
};

struct Pay(Account);

impl PlanInput for Pay {
    fn url(&self) -> String {
        self.0.url.clone()
    }

    fn happen(&self, step: Step, at: i64) {
        let account = &self.0;
        // Events are read from where the last read ended, which is about now.
        let happened = Timestamp::now().as_second();
        let event = |kind: &str, about: &str| _ = account.event(&format!("evt_{at}"), kind, happened, about);
        match step {
            Step::Buy(number) => {
                objects::bought(account, &id(number), objects::DAY);
                event("checkout.session.completed", &format!("cs_{}", id(number)));
            }
            Step::Refund(number) if account.has(&format!("ch_{}", id(number))) => {
                objects::give_back(account, &id(number), objects::DAY + objects::HOUR, 4900);
                event("charge.refunded", &format!("ch_{}", id(number)));
            }
            Step::Dispute(number) | Step::Win(number) if account.has(&format!("ch_{}", id(number))) => {
                let word = if matches!(step, Step::Win(_)) { "won" } else { "under_review" };
                objects::contest(account, &id(number), objects::DAY + objects::HOUR, word);
                event("charge.dispute.updated", &format!("dp_{}", id(number)));
            }
            Step::Spoil(number) if account.has(&format!("cs_{}", id(number))) => {
                account.set(&format!("cs_{}", id(number)), json!({"payment_status": null}));
                event("checkout.session.completed", &format!("cs_{}", id(number)));
            }
            _ => {}
        }
    }
}

struct Paper(PathBuf, std::cell::RefCell<BTreeMap<String, Value>>);

impl PlanInput for Paper {
    fn url(&self) -> String {
        String::new()
    }

    fn happen(&self, step: Step, at: i64) {
        let mut rows = self.1.borrow_mut();
        let (number, status, paid) = match step {
            Step::Buy(number) | Step::Win(number) => (number, "paid", time(objects::DAY)),
            Step::Refund(number) => (number, "refunded", time(objects::DAY)),
            Step::Dispute(number) => (number, "disputed", time(objects::DAY)),
            Step::Spoil(number) => (number, "paid", "soon".to_owned()),
            _ => (9, "paid", time(objects::DAY)),
        };
        let row = json!({"id": id(number), "productId": "p", "status": status, "paidAt": paid, "updatedAt": time(at)});
        rows.insert(id(number), row);
        std::fs::write(&self.0, all(&rows).to_string()).unwrap();
    }
}

/// What is compared: all of a stored order, and of an odd one that it is.
fn told(order: Order, odd: &[Odd], kind: Kind) -> (Order, bool) {
    if odd.iter().any(Odd::makes_unknown) {
        // What it gave before stays with it, which a read from nothing cannot know.
        let (buyer, items) = Default::default();
        return (Order { buyer, items, paid_at: None, period_end: None, ..order }, true);
    }
    match kind {
        // A refund there has no time: it is when it was first read.
        Kind::Btcpay => (Order { ended_at: None, ..order }, false),
        _ => (order, false),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Plain,
    Paddle,
    Polar,
    Btcpay,
    Stripe,
    File,
}

struct Fresh {
    store: Store,
    _directory: TempDir,
}

async fn fresh() -> Fresh {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&directory.path().join("entitled.db")).await.unwrap();
    Fresh { store, _directory: directory }
}

async fn play(kind: Kind, steps: &[Step]) -> Result<(), TestCaseError> {
    const KEY: &str = "auth: {kind: bearer, token: tok-en-1234}\nrate: 10000";
    let paper = tempfile::tempdir().unwrap();
    let path = paper.path().join("orders.json");
    let rows = async |answers, shape| Box::new(Rows { till: Till::start(answers).await, shape }) as Box<dyn PlanInput>;
    let world: Box<dyn PlanInput> = match kind {
        Kind::Plain => rows(plain as crate::support::till::Answers, PLAIN_ROWS).await,
        Kind::Paddle => rows(paddle, PADDLE_ROWS).await,
        Kind::Polar => rows(polar, POLAR_ROWS).await,
        Kind::Btcpay => rows(btcpay, BTCPAY_ROWS).await,
        Kind::Stripe => Box::new(Pay(Account::start().await)),
        Kind::File => {
            std::fs::write(&path, "[]").unwrap();
            Box::new(Paper(path.clone(), Default::default()))
        }
    };
    let url = world.url();
    let build = || -> Source {
        match kind {
            Kind::Plain => of(&settings(http_source(PLAIN, &url))),
            Kind::Paddle => source(preset_source("paddle", KEY, &url)),
            Kind::Polar => source(preset_source("polar", KEY, &url)),
            Kind::Btcpay => source(preset_source("btcpay", KEY, &url)),
            Kind::Stripe => stripe(&url, ""),
            Kind::File => super::file::file(&path),
        }
    };
    let (shop, fresh_store, day) = (build(), fresh().await, SignedDuration::from_hours(24));
    let store = &fresh_store.store;
    ingest(&shop, store, ReadScope::Everything, day, now()).await.map_err(|stopped| failed(&stopped.error))?;
    for (number, step) in (1..).zip(steps) {
        world.happen(*step, objects::DAY + 2 * objects::HOUR + number);
        let order_id = |order: u8| -> entitled::model::OrderId {
            let (prefix, suffix) = match kind {
                Kind::Stripe => ("cs_", ""),
                Kind::Btcpay => ("", LONG),
                _ => ("", ""),
            };
            format!("{prefix}{}{suffix}", id(order)).as_str().into()
        };
        let only = match step {
            Step::FullRead | Step::Poll => {
                let scope = if matches!(step, Step::Poll) { ReadScope::Changes } else { ReadScope::Everything };
                ingest(&shop, store, scope, day, now()).await.map_err(|stopped| failed(&stopped.error))?;
                None
            }
            Step::Hint(order) => {
                let came =
                    refresh_order(&shop, store, &order_id(*order), now()).await.map_err(|error| failed(&error))?;
                prop_assert!(matches!(came, Refreshed::Read(_)), "{:?}", came);
                Some(order_id(*order))
            }
            Step::Recheck(order) => {
                let there = reread(&shop, store, &order_id(*order), now()).await.unwrap() == Recheck::Confirmed;
                prop_assert_eq!(there, shop.get(&order_id(*order)).await.unwrap() != Lookup::Missing);
                Some(order_id(*order))
            }
            _ => continue,
        };
        let whole = fresh().await;
        // A source of its own: nothing that the first one remembers helps it.
        ingest(&build(), &whole.store, ReadScope::Everything, day, now())
            .await
            .map_err(|stopped| failed(&stopped.error))?;
        for order in (0..3).map(order_id).filter(|id| only.as_ref().is_none_or(|only| only == id)) {
            let stored = store.find_order(shop.name(), &order).await.unwrap();
            let expected = whole.store.find_order(shop.name(), &order).await.unwrap();
            let told = |found: Option<entitled::store::StoredOrder>| found.map(|one| told(one.order, &one.odd, kind));
            prop_assert_eq!(told(stored), told(expected), "{:?} step {} {:?}: {}", kind, number, step, order);
        }
    }
    Ok(())
}

fn failed(error: &dyn std::error::Error) -> TestCaseError {
    TestCaseError::fail(super::chain(error))
}

fn every_way_in(kind: Kind, cases: u32) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut runner = TestRunner::new(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases) });
    runner.run(&steps(), |steps| runtime.block_on(play(kind, &steps))).unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn every_way_in_gives_the_same_order_of_a_shop_with_an_overlay() {
    every_way_in(Kind::Plain, 16);
}

#[test]
fn every_way_in_gives_the_same_order_of_paddle() {
    every_way_in(Kind::Paddle, 12);
}

#[test]
fn every_way_in_gives_the_same_order_of_polar() {
    every_way_in(Kind::Polar, 8);
}

#[test]
fn every_way_in_gives_the_same_order_of_btcpay() {
    every_way_in(Kind::Btcpay, 8);
}

#[test]
fn every_way_in_gives_the_same_order_of_stripe() {
    every_way_in(Kind::Stripe, 8);
}

#[test]
fn every_way_in_gives_the_same_order_of_a_file() {
    every_way_in(Kind::File, 8);
}

#[tokio::test]
async fn the_webhook_of_a_refund_does_not_give_access_back() {
    let till = Till::start(paddle).await;
    let world = Rows { till: till.clone(), shape: PADDLE_ROWS };
    let shop = source(preset_source("paddle", "auth: {kind: bearer, token: tok-en-1234}\nrate: 10000", &till.url));
    let (fresh, day) = (fresh().await, SignedDuration::from_hours(24));
    let standing = async || {
        let found = fresh.store.find_order(shop.name(), &"o1".into()).await.unwrap();
        found.map(|stored| stored.order.standing)
    };
    world.happen(Step::Buy(1), objects::DAY);
    ingest(&shop, &fresh.store, ReadScope::Everything, day, now()).await.unwrap();
    assert_eq!(standing().await, Some(Standing::Paid));
    world.happen(Step::Refund(1), objects::DAY + 1);
    ingest(&shop, &fresh.store, ReadScope::Changes, day, now()).await.unwrap();
    assert_eq!(standing().await, Some(Standing::Refunded), "the poll sees the refund");
    refresh_order(&shop, &fresh.store, &"o1".into(), now()).await.unwrap();
    assert_eq!(standing().await, Some(Standing::Refunded), "and its webhook, which comes later, takes nothing back");
}

#[tokio::test]
async fn the_webhook_of_a_refund_makes_it_faster() {
    for get in [true, false] {
        let till = Till::start(plain).await;
        let world = Rows { till: till.clone(), shape: PLAIN_ROWS };
        let shop = of(&settings(http_source(PLAIN, &till.url)));
        let (fresh, day) = (fresh().await, SignedDuration::from_hours(24));
        world.happen(Step::Buy(1), objects::DAY);
        ingest(&shop, &fresh.store, ReadScope::Everything, day, now()).await.unwrap();
        world.happen(Step::Refund(1), objects::DAY + 1);
        if !get {
            // An order that its own call does not find any more is refunded all the same.
            till.held.lock().unwrap().orders.clear();
        }
        refresh_order(&shop, &fresh.store, &"o1".into(), now()).await.unwrap();
        let found = fresh.store.find_order(shop.name(), &"o1".into()).await.unwrap().unwrap();
        assert_eq!(found.order.standing, Standing::Refunded, "{get}");
    }
}
