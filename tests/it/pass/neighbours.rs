//! Neighbours of what was seen: a clock that was wrong once, a binding that a commit made
//! explain something, a look at an order that contradicts its list, a refund without an id of its own.

use std::collections::BTreeMap;

use entitled::model::UserId;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::set;
use crate::support::stage::{NO_LIMITS, PRODUCTS, Stage, file};
use crate::support::till::{Held, Till};

/// Fay, to whom somebody gave the role.
fn given(stage: &Stage) -> UserId {
    let fay = stage.logto.add_user("fay@example.com");
    stage.logto.grant(&fay, &stage.logto.role("paid-tier").unwrap());
    fay
}

#[tokio::test]
async fn what_was_seen_by_a_clock_that_was_ahead_was_seen_all_the_same() {
    let mut stage = Stage::usual().await;
    let fay = given(&stage);
    stage.ahead = SignedDuration::from_hours(24 * 40);
    stage.pass().await;
    stage.ahead = SignedDuration::ZERO;
    stage.pass().await;
    let order = stage.shop.buy(&"prd_pro".into(), "fay@example.com");
    assert_eq!(stage.pass().await.report.adopted, 0);
    stage.shop.set_status(&order, "refunded");
    stage.pass().await;
    assert_eq!(stage.holders("paid-tier"), set([&fay]));
}

#[tokio::test]
async fn what_a_binding_made_adopted_its_correction_releases() {
    let bound = |user: Option<&UserId>| {
        let list = user.map_or_else(String::new, |user| format!("{{email: payer@example.net, user: {user}}}"));
        file("owned", &format!("{NO_LIMITS}\nbuyers: {{bindings: [{list}]}}"), PRODUCTS)
    };
    let mut stage = Stage::of(&bound(None)).await;
    let ben = stage.logto.add_user("ben@example.com");
    stage.shop.buy(&"prd_pro".into(), "payer@example.net");
    stage.pass().await;
    let fay = given(&stage);
    stage.ahead = SignedDuration::from_secs(2);
    stage.commit(&bound(Some(&fay))).await.unwrap();
    stage.pass().await;
    stage.ahead = SignedDuration::from_secs(4);
    stage.commit(&bound(Some(&ben))).await.unwrap();
    stage.pass().await;
    assert_eq!(stage.holders("paid-tier"), set([&ben, &fay]), "what a commit made adopted is not revoked");
}

/// The list says what `claims` has, a look at one order what `orders` has.
fn apart(held: &Held, path: &str, _: &BTreeMap<String, String>) -> Option<Value> {
    match path {
        "/orders" => Some(json!(held.claims.values().collect::<Vec<_>>())),
        "/refunds" => Some(json!([{"order": "o1"}])),
        _ => held.orders.get(path.strip_prefix("/orders/")?).cloned(),
    }
}

fn till_file(url: &str, further: &str) -> String {
    file("owned", NO_LIMITS, PRODUCTS).replace(
        "{shop: {kind: sandbox}}",
        &format!(
            "\n  till:\n    kind: http\n    url: {url}\n    auth: {{kind: none}}\n    list: {{path: /orders, items: $, paging: {{kind: none}}}}\n    \
             incremental: {{kind: snapshot}}\n    get: {{path: \"/orders/{{id}}\", item: $}}\n    \
             map: {{id: $.id, updated_at: $.updated, products: $.product, email: $.email}}\n    \
             status: [{{when: \"@.status == 'refunded'\", as: refunded}}, {{when: \"@.status == 'paid'\", as: paid}}]\n{further}"
        ),
    )
}

fn row(status: &str, updated: &str) -> Value {
    json!({"id": "o1", "product": "prd_pro", "email": "ann@example.com", "status": status, "updated": updated})
}

#[tokio::test]
async fn an_order_that_says_otherwise_when_it_is_read_again_confirms_nothing() {
    let till = Till::start(apart).await;
    let mut stage = Stage::of(&till_file(&till.url, "")).await;
    let ann = stage.logto.add_user("ann@example.com");
    for _ in 0..2 {
        till.claim("o1", row("paid", "2026-01-01T00:00:00Z"));
        till.put("o1", row("paid", "2026-01-01T00:00:00Z"));
        stage.pass().await;
    }
    assert_eq!(stage.holders("paid-tier"), set([&ann]));
    till.claim("o1", row("refunded", &(Timestamp::now() - SignedDuration::from_hours(1)).to_string()));
    assert_eq!(stage.pass().await.changes(), [], "by its id it is paid");
    assert_eq!(stage.holders("paid-tier"), set([&ann]));
}

#[tokio::test]
async fn a_refund_without_an_id_of_its_own_is_a_refund_or_an_error() {
    let till = Till::start(apart).await;
    let over = "    overlays: [{path: /refunds, items: $, paging: {kind: none}, order_id: $.order, rules: [{when: \"@.order\", as: refunded}]}]\n";
    let mut stage = Stage::of(&till_file(&till.url, over)).await;
    stage.logto.add_user("ann@example.com");
    till.claim("o1", row("paid", "2026-01-01T00:00:00Z"));
    till.put("o1", row("paid", "2026-01-01T00:00:00Z"));
    if stage.poll().await.is_ok() {
        stage.full().await;
        assert_eq!(stage.holders("paid-tier"), set([]), "the refund of the order is in the list of refunds");
    }
}
