//! What was known before a commit is no sale by it, whatever its source is called by now.

use std::collections::BTreeMap;

use entitled::model::OrderId;
use entitled::sandbox::Rule;

use crate::support::stage::{Passed, Stage, file};

const TIGHT: &str = "limits: {revocations: {per_day: 0%, floor: 2}, config_grants: {per_day: 0%, floor: 2}}";
const SOLD: &str = "products: {prd_pro: {entitlements: [role: paid-tier]}}";
const NOTHING_SOLD: &str = "products: {prd_other: {entitlements: [role: beta]}}";
const KNOWN: usize = 9;

fn with(sources: &str, products: &str) -> String {
    file("owned", TIGHT, products).replace("{shop: {kind: sandbox}}", sources)
}

/// So many orders of a product that the file does not sell, seen by a whole pass.
async fn known(sources: &str) -> Stage {
    let mut stage = Stage::of(&with(sources, NOTHING_SOLD)).await;
    for number in 0..KNOWN {
        stage.buyer(&format!("buyer-{number}@example.com"), "prd_pro");
    }
    stage.pass().await;
    stage.ahead = jiff::SignedDuration::from_secs(5);
    stage
}

/// How many grants are made, and how many held by the limit.
fn figures(passed: &Passed) -> BTreeMap<&str, usize> {
    let mut figures = BTreeMap::new();
    passed.changes().iter().for_each(|_| *figures.entry("granted").or_default() += 1);
    passed.held().iter().for_each(|held| *figures.entry(held.0).or_default() += 1);
    figures
}

#[tokio::test]
async fn a_source_that_is_renamed_by_the_commit_that_maps_a_product_makes_no_sales() {
    let mut stage = known("{shop: {kind: sandbox}}").await;
    let sources = "{store: {kind: sandbox}}";
    stage.commit(&with(sources, SOLD)).await.unwrap();
    // It is read after the mapping was seen, so that by its new name all of it is younger.
    stage.shop.faults().add(Rule::refuse(500));
    stage.poll().await.unwrap_err();
    stage.full().await;
    stage.shop.faults().clear();
    stage.ahead += jiff::SignedDuration::from_secs(5);
    assert_eq!(figures(&stage.pass().await), [("OverLimit", KNOWN)].into());
    // What is sold from now on is a sale, in spite of what is held.
    stage.ahead += jiff::SignedDuration::from_secs(5);
    stage.buyer("late@example.com", "prd_pro");
    assert_eq!(figures(&stage.quick().await), [("granted", 1)].into());
    // And `was:` that comes later makes none of the others either.
    stage.commit(&with("{store: {kind: sandbox, was: shop}}", SOLD)).await.unwrap();
    assert_eq!(figures(&stage.pass().await), [("OverLimit", KNOWN)].into());
}

/// The orders as a file, with this in the place of each buyer.
fn write(stage: &Stage, path: &str, buyer: impl Fn(usize) -> String) {
    let orders: Vec<String> = (0..KNOWN)
        .map(|number| format!("{{id: o{number}, productId: prd_pro, user: {{{}}}, status: paid}}", buyer(number)))
        .collect();
    std::fs::write(stage.folder.path().join(path), format!("[{}]", orders.join(", "))).unwrap();
}

#[tokio::test]
async fn nor_where_it_is_read_elsewhere_or_names_its_buyers_otherwise() {
    let of = |name: &str, path: &str| format!("{name}: {{kind: file, path: \"$FOLDER/{path}\"}}");
    let (before, after) = (of("shop", "a.yaml"), of("store", "b.yaml"));
    for (by, beside) in [("email", false), ("id", false), ("both", false), ("email", true)] {
        let mut stage = Stage::of(&with(&format!("{{{before}}}"), NOTHING_SOLD)).await;
        let users: Vec<_> =
            (0..KNOWN).map(|number| stage.logto.add_user(&format!("buyer-{number}@example.com"))).collect();
        let email = |number: usize| format!("email: buyer-{number}@example.com");
        write(&stage, "a.yaml", email);
        stage.pass().await;
        stage.ahead = jiff::SignedDuration::from_secs(5);
        // Renamed, or split in two; what is read at first is nothing, so that the mapping has settled before.
        let sources = if beside { format!("{{{before}, {after}}}") } else { format!("{{{after}}}") };
        std::fs::write(stage.folder.path().join("none.yaml"), "[]").unwrap();
        stage.commit(&with(&sources.replace("b.yaml", "none.yaml"), SOLD)).await.unwrap();
        stage.pass().await;
        stage.commit(&with(&sources, SOLD)).await.unwrap();
        stage.ahead += jiff::SignedDuration::from_secs(5);
        write(&stage, "b.yaml", |number| match by {
            "email" => email(number),
            "id" => format!("id: {}", users[number]),
            _ => format!("id: {}, {}", users[number], email(number)),
        });
        assert_eq!(figures(&stage.pass().await), [("OverLimit", KNOWN)].into(), "{by} {sources}");
    }
}

#[tokio::test]
async fn what_comes_back_into_the_file_makes_no_sales_by_a_mapping_that_came_meanwhile() {
    for back in ["{shop: {kind: sandbox}}", "{store: {kind: sandbox, was: shop}}", "{store: {kind: sandbox}}"] {
        let mut stage = known("{shop: {kind: sandbox}}").await;
        std::fs::write(stage.folder.path().join("none.yaml"), "[]").unwrap();
        let without = "{other: {kind: file, path: \"$FOLDER/none.yaml\"}}";
        stage.commit(&with(without, SOLD)).await.unwrap();
        assert_eq!(figures(&stage.pass().await), BTreeMap::new());
        stage.ahead += jiff::SignedDuration::from_secs(5);
        stage.commit(&with(back, SOLD)).await.unwrap();
        for _ in 0..2 {
            assert_eq!(figures(&stage.pass().await), [("OverLimit", KNOWN)].into(), "{back}");
        }
    }
}

/// Two shops may number their orders alike.
#[tokio::test]
async fn an_order_of_another_product_or_of_somebody_else_is_another_one() {
    let of = |name: &str, path: &str| format!("{name}: {{kind: file, path: \"$FOLDER/{path}\"}}");
    let first = format!("{{{}}}", of("shop", "a.yaml"));
    let both = format!("{{{}, {}}}", of("shop", "a.yaml"), of("store", "b.yaml"));
    let mut stage = Stage::of(&with(&first, NOTHING_SOLD)).await;
    for number in 0..KNOWN {
        stage.logto.add_user(&format!("buyer-{number}@example.com"));
        stage.logto.add_user(&format!("other-{number}@example.com"));
    }
    write(&stage, "a.yaml", |number| format!("email: buyer-{number}@example.com"));
    stage.pass().await;
    stage.ahead = jiff::SignedDuration::from_secs(5);
    stage.commit(&with(&both, SOLD)).await.unwrap();
    std::fs::write(stage.folder.path().join("b.yaml"), "[]").unwrap();
    assert_eq!(figures(&stage.pass().await), [("OverLimit", KNOWN)].into());
    write(&stage, "b.yaml", |number| format!("email: other-{number}@example.com"));
    stage.ahead = jiff::SignedDuration::from_secs(10);
    assert_eq!(figures(&stage.pass().await), [("OverLimit", KNOWN), ("granted", KNOWN)].into());
    let seen = async |source: &str| {
        let order = stage.store.find_order(&source.into(), &OrderId::from("o0")).await.unwrap();
        order.unwrap().seen_at
    };
    assert!(seen("shop").await < seen("store").await);
}
