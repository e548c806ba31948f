//! A product that the shop has deleted: its lines name none any more, in every old order at once.

use std::collections::BTreeMap;

use entitled::model::UserId;
use serde_json::{Value, json};

use super::set;
use crate::support::stage::{NO_LIMITS, PRODUCTS, Stage, file};
use crate::support::till::{Held, Till};

fn answers(held: &Held, path: &str, _: &BTreeMap<String, String>) -> Option<Value> {
    match path {
        "/orders" => Some(held.orders.values().cloned().collect()),
        path => held.orders.get(path.strip_prefix("/orders/")?).cloned(),
    }
}

const BY_LINE: &str = "lines: {each: $.lines, product: [$.variant, $.product]}";
const LISTED: &str = "products: '$.lines[*].product'";

async fn stage(till: &Till, map: &str, prune: &str) -> Stage {
    let sources = format!(
        "{{till: {{kind: http, url: '{}', list: {{path: /orders, items: $, paging: {{kind: none}}}}, \
         incremental: {{kind: snapshot}}, get: {{path: '/orders/{{id}}'}}, map: {{id: $.id, email: $.email, {map}}}, \
         status: [{{when: \"@.status == 'paid'\", as: paid}}, {{when: \"@.status == 'refunded'\", as: refunded}}], \
         expect: {{total: ignored}}}}}}",
        till.url
    );
    Stage::of(&file(prune, NO_LIMITS, PRODUCTS).replace("{shop: {kind: sandbox}}", &sources)).await
}

/// An order of Ann's with one line for each of `products`.
fn sold(till: &Till, status: &str, products: &[Value]) {
    let lines: Vec<Value> = products.iter().map(|product| json!({"product": product})).collect();
    till.put("o1", json!({"id": "o1", "email": "ann@example.com", "status": status, "lines": lines}));
}

/// Whether Ann has what both products give.
fn has_all(stage: &Stage, ann: &UserId) -> bool {
    stage.holders("paid-tier") == set([ann]) && stage.acme().contains_key(ann)
}

#[tokio::test]
async fn a_product_that_is_deleted_takes_nothing_from_who_bought_it() {
    for map in [BY_LINE, LISTED] {
        for (shipping, gone) in
            [(false, json!(null)), (true, json!(null)), (false, json!(0)), (true, json!(0)), (false, json!(""))]
        {
            let till = Till::start(answers).await;
            let mut stage = stage(&till, map, "owned").await;
            let ann = stage.logto.add_user("ann@example.com");
            let order = |first: &Value, second: &str| {
                let lines = [first.clone(), json!(second), json!(null)];
                lines[..if shipping { 3 } else { 2 }].to_vec()
            };
            sold(&till, "paid", &order(&json!("prd_pro"), "prd_team"));
            stage.pass().await;
            assert!(has_all(&stage, &ann));
            assert!(stage.store.unclear_sources().await.unwrap().is_empty(), "what never had a product is nothing odd");
            sold(&till, "paid", &order(&gone, "prd_team"));
            for _ in 0..2 {
                let passed = stage.quick().await;
                assert_eq!(passed.changes(), [], "{map}, {gone}");
                let passed = stage.pass().await;
                assert_eq!((passed.changes(), passed.held()), (vec![], vec![]), "{map}, {gone}");
                assert!(has_all(&stage, &ann));
                let odd = stage.store.odd_orders(&"till".into(), 5).await.unwrap();
                assert_eq!((odd.orders, odd.some[0].1.len()), (1, 1), "{odd:?}");
                assert!(stage.store.unclear_sources().await.unwrap().contains("till"));
            }
            // A refund of all of it needs no product to be understood.
            sold(&till, "refunded", &order(&gone, "prd_team"));
            assert_eq!(stage.pass().await.changes().len(), 3);
            assert_eq!(stage.holders("paid-tier"), set([]));
            stage.is_settled().await;
        }
    }
}

#[tokio::test]
async fn a_product_that_comes_back_is_as_if_it_had_never_gone() {
    let till = Till::start(answers).await;
    let mut stage = stage(&till, BY_LINE, "owned").await;
    let ann = stage.logto.add_user("ann@example.com");
    let whole = [json!("prd_pro"), json!("prd_team")];
    sold(&till, "paid", &whole);
    stage.pass().await;
    sold(&till, "paid", &[json!(null), json!("prd_team")]);
    stage.pass().await;
    sold(&till, "paid", &whole);
    stage.pass().await;
    assert!(has_all(&stage, &ann));
    assert_eq!(stage.store.odd_orders(&"till".into(), 5).await.unwrap().orders, 0);
    // And what is taken off the order then, with nothing left in its place, has ended.
    sold(&till, "paid", &[json!("prd_team")]);
    assert_eq!(stage.pass().await.changes(), [("revoke", "role paid-tier", &ann)]);
    stage.is_settled().await;
}

#[tokio::test]
async fn exclusive_waits_for_a_product_that_is_gone() {
    let till = Till::start(answers).await;
    let mut stage = stage(&till, BY_LINE, "exclusive").await;
    let (ann, eve) = (stage.logto.add_user("ann@example.com"), stage.logto.add_user("eve@example.com"));
    sold(&till, "paid", &[json!("prd_pro"), json!("prd_team")]);
    stage.pass().await;
    sold(&till, "paid", &[json!(null), json!("prd_team")]);
    stage.logto.grant(&eve, &stage.logto.role("paid-tier").unwrap());
    let passed = stage.pass().await;
    assert_eq!(passed.changes(), []);
    assert_eq!(stage.holders("paid-tier"), set([&ann, &eve]));
}
