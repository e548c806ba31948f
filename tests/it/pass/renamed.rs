//! Sources that the file has no more: their orders entitle to nothing, what ends by that is a commit's doing, and
//! `was:` carries all of it over to another name.

use entitled::model::{Buyer, Email, Item, Odd, OddPart, Oddity, Order, OrderId, ReadOrder, Renewal, Standing, UserId};
use entitled::pass::PassScope;
use entitled::store::{Store, StoredOrder};
use jiff::SignedDuration;

use super::set;
use crate::support::stage::{NO_LIMITS, PRODUCTS, Stage, file, usual};

/// The file of most tests with other sources.
fn with(sources: &str, further: &str, products: &str) -> String {
    file("owned", further, products).replace("{shop: {kind: sandbox}}", sources)
}

/// So many buyers of Pro through the source `shop`, granted, on a ledger that has seen a whole pass.
async fn sold(yaml: &str, buyers: usize) -> (Stage, Vec<UserId>, Vec<OrderId>) {
    let mut stage = Stage::of(yaml).await;
    let made = (0..buyers).map(|number| stage.buyer(&format!("buyer-{number}@example.com"), "prd_pro"));
    let (users, orders) = made.unzip();
    stage.pass().await;
    assert_eq!(stage.holders("paid-tier").len(), buyers);
    stage.ahead = SignedDuration::from_hours(25);
    (stage, users, orders)
}

/// A shop that sells other things, so that the file has a source.
const OTHER: &str = "{other: {kind: file, path: \"$FOLDER/orders.yaml\"}}";

fn no_orders(stage: &Stage) {
    std::fs::write(stage.folder.path().join("orders.yaml"), "[]").unwrap();
}

#[tokio::test]
async fn what_rests_on_a_source_that_is_gone_ends_by_a_commit() {
    let (mut stage, ann, _) = sold(&usual(), 1).await;
    no_orders(&stage);
    stage.commit(&with(OTHER, NO_LIMITS, PRODUCTS)).await.unwrap();
    let passed = stage.pass().await;
    assert_eq!(passed.changes(), [("revoke", "role paid-tier", &ann[0])]);
    let change = &passed.planned.view.changes[0];
    assert!(change.because.contains("`shop`, which the file no longer has"), "{}", change.because);
    assert_eq!(change.cause, "source_gone");
    let [dropped] = &passed.planned.view.dropped[..] else { panic!("{:?}", passed.planned.view.dropped) };
    assert_eq!(dropped.sentence, "1 grant rests on orders of `shop`, which the file no longer has");
    assert!(entitled::report::text(&passed.planned.view, entitled::text::Color::Plain).contains(&dropped.sentence));
    assert!(entitled::report::markdown(&passed.planned.view).contains("which the file no longer has"));
    stage.is_settled().await;
}

#[tokio::test]
async fn what_ends_by_a_source_that_is_gone_is_limited() {
    let limits = "limits: {revocations: {per_day: 10%, floor: 5}}";
    let (mut stage, users, _) = sold(&file("owned", limits, PRODUCTS), 12).await;
    no_orders(&stage);
    stage.commit(&with(OTHER, limits, PRODUCTS)).await.unwrap();
    for _ in 0..2 {
        let passed = stage.pass().await;
        assert_eq!(passed.changes(), []);
        assert_eq!(passed.held().len(), users.len());
        assert!(passed.held().iter().all(|held| held.0 == "OverLimit"), "{:?}", passed.held());
        assert_eq!(passed.planned.view.dropped[0].grants, 12);
    }
}

#[tokio::test]
async fn an_order_of_a_source_that_is_gone_gives_nothing_new() {
    let (mut stage, users, _) = sold(&usual(), 1).await;
    no_orders(&stage);
    stage.commit(&with(OTHER, NO_LIMITS, "products: {prd_pro: {entitlements: [role: beta]}}")).await.unwrap();
    let passed = stage.pass().await;
    assert_eq!(passed.changes(), [("revoke", "role paid-tier", &users[0])]);
    assert_eq!(stage.holders("beta"), set([]));
    stage.is_settled().await;
}

#[tokio::test]
async fn what_another_source_entitles_to_stays_and_nothing_ends_while_one_is_unread() {
    let (mut stage, users, _) = sold(&usual(), 2).await;
    let orders =
        "[{id: o1, productId: prd_pro, user: {email: buyer-0@example.com}, status: paid, paidAt: \"2024-05-06\"}]";
    stage.commit(&with(OTHER, NO_LIMITS, PRODUCTS)).await.unwrap();
    stage.poll().await.unwrap_err();
    let passed = stage.full().await;
    assert_eq!(passed.changes(), []);
    assert_eq!(passed.held().iter().filter(|held| held.0 == "Incomplete").count(), 2, "{:?}", passed.held());
    std::fs::write(stage.folder.path().join("orders.yaml"), orders).unwrap();
    assert_eq!(stage.pass().await.changes(), [("revoke", "role paid-tier", &users[1])]);
    stage.is_settled().await;
    // And the order that entitles now is the one whose end counts.
    std::fs::write(stage.folder.path().join("orders.yaml"), orders.replace("paid,", "refunded,")).unwrap();
    assert_eq!(stage.quick().await.changes(), [("revoke", "role paid-tier", &users[0])]);
    stage.is_settled().await;
}

#[tokio::test]
async fn a_source_under_another_name_counts_no_order_twice() {
    let products = "products: {prd_pro: {entitlements: [role: paid-tier], valid_for: 30d}}";
    let (mut stage, users, orders) = sold(&file("owned", NO_LIMITS, products), 1).await;
    stage.commit(&with("{store: {kind: sandbox}}", NO_LIMITS, products)).await.unwrap();
    let passed = stage.pass().await;
    assert_eq!((passed.changes(), passed.held()), (vec![], vec![]));
    let [dropped] = &passed.planned.view.dropped[..] else { panic!("{:?}", passed.planned.view.dropped) };
    assert_eq!(dropped.sentence, "1 grant rests on orders of `shop`, which the file no longer has");
    assert_eq!(dropped.hint, "`store` is read where `shop` was; if it is the same, write `was: shop` there");
    let ends = passed.planned.next_change.unwrap();
    assert!(ends.duration_since(stage.now()) < SignedDuration::from_hours(30 * 24), "{ends}");
    // Its refunds are seen.
    stage.shop.set_status(&orders[0], "refunded");
    assert_eq!(stage.quick().await.changes(), [("revoke", "role paid-tier", &users[0])]);
    stage.is_settled().await;
}

#[tokio::test]
async fn the_plan_says_which_source_may_be_the_one_that_is_gone() {
    let yaml = with("{shop: {kind: file, path: \"$FOLDER/orders.yaml\"}}", NO_LIMITS, PRODUCTS);
    let mut stage = Stage::of(&yaml).await;
    stage.logto.add_user("ann@example.com");
    let order = "[{id: o1, productId: prd_pro, user: {email: ann@example.com}, status: paid}]";
    std::fs::write(stage.folder.path().join("orders.yaml"), order).unwrap();
    stage.pass().await;
    stage.commit(&yaml.replace("{shop:", "{store:")).await.unwrap();
    // Not read yet under its new name.
    let planned = stage.plan_pass(&PassScope::Full).await.unwrap();
    let [dropped] = &planned.view.dropped[..] else { panic!("{:?}", planned.view.dropped) };
    assert_eq!(dropped.hint, "`store` is read where `shop` was; if it is the same, write `was: shop` there");
}

/// Takes an order in as it is by now, with something odd about it that does not keep it from being evidence.
async fn make_odd(stage: &Stage, source: &str, id: &OrderId) {
    let source = source.into();
    let known = stage.store.find_order(&source, id).await.unwrap().map(StoredOrder::into_read);
    let part = OddPart::Quantity;
    let odd = Odd { part, what: Oddity::NoQuantity, path: "quantity".to_owned(), value: "many".to_owned() };
    let read = ReadOrder::new(known.unwrap().order, vec![odd]);
    stage.store.record_orders(&source, &[read], stage.now()).await.unwrap();
    assert_eq!(stage.store.odd_orders(&source, 0).await.unwrap().orders, 1);
}

/// All that a store knows of a source, but for keys.
async fn known(store: &Store, source: &str, orders: &[OrderId]) -> String {
    let source = source.into();
    let mut known = format!("{:?}\n", store.cursor(&source).await.unwrap());
    for id in orders {
        let order = store.find_order(&source, id).await.unwrap();
        known.push_str(&format!("{:?}\n", order.map(|order| (order.order, order.seen_at, order.standing_since))));
    }
    for row in store.ledger(None).await.unwrap() {
        known.push_str(&format!("{:?} {:?} {:?}\n", row.grant, (row.source == source), row.order_key.is_some()));
    }
    known
}

#[tokio::test]
async fn was_carries_everything_over_once() {
    for was in ["shop", "[shop, older]"] {
        let (mut stage, users, orders) = sold(&usual(), 2).await;
        let (_, odd) = stage.buyer("odd@example.com", "prd_pro");
        stage.shop.set_status(&odd, "refunded");
        stage.poll().await.unwrap();
        make_odd(&stage, "shop", &odd).await;
        let orders = [orders, vec![odd]].concat();
        let before = known(&stage.store, "shop", &orders).await;
        let keys: Vec<_> = stage.store.ledger(None).await.unwrap().into_iter().map(|row| row.order_key).collect();
        stage.commit(&with(&format!("{{store: {{kind: sandbox, was: {was}}}}}"), NO_LIMITS, PRODUCTS)).await.unwrap();
        for _ in 0..2 {
            stage.active.carry_over(&stage.store, stage.now()).await.unwrap();
            assert_eq!(known(&stage.store, "store", &orders).await, before);
            assert_eq!(stage.store.order_count(&"shop".into()).await.unwrap(), 0);
            assert!(!stage.store.knows(&"shop".into()).await.unwrap());
        }
        let after: Vec<_> = stage.store.ledger(None).await.unwrap().into_iter().map(|row| row.order_key).collect();
        assert_eq!(after, keys, "orders keep their rows");
        // Who looks up what stands in the trail is led on.
        let old = stage.store.find_order(&"shop".into(), &orders[0]).await.unwrap().unwrap();
        assert_eq!(old.source.as_str(), "store");
        stage.shop.clear_requests();
        stage.is_settled().await;
        assert_eq!(stage.shop.counts().lists, 1, "what was read is not read again");
        stage.shop.set_status(&orders[1], "refunded");
        assert_eq!(stage.quick().await.changes(), [("revoke", "role paid-tier", &users[1])]);
        stage.is_settled().await;
        assert!(Store::verify(stage.store.path()).await.is_ok());
    }
}

#[tokio::test]
async fn of_two_copies_of_an_order_the_newer_reading_stays() {
    let (mut stage, users, orders) = sold(&usual(), 2).await;
    let first_seen = stage.store.find_order(&"shop".into(), &orders[0]).await.unwrap().unwrap().seen_at;
    make_odd(&stage, "shop", &orders[0]).await;
    // Read under the new name without `was` first; one of them was refunded by then, and one is new.
    stage.shop.set_status(&orders[0], "refunded");
    let (new, _) = stage.buyer("new@example.com", "prd_pro");
    stage.commit(&with("{store: {kind: sandbox}}", NO_LIMITS, PRODUCTS)).await.unwrap();
    stage.poll().await.unwrap();
    stage.commit(&with("{store: {kind: sandbox, was: shop}}", NO_LIMITS, PRODUCTS)).await.unwrap();
    stage.active.carry_over(&stage.store, stage.now()).await.unwrap();
    assert_eq!(stage.store.order_count(&"store".into()).await.unwrap(), 3);
    let copy = stage.store.find_order(&"store".into(), &orders[0]).await.unwrap().unwrap();
    assert_eq!((copy.order.standing, copy.seen_at), (Standing::Refunded, first_seen));
    let passed = stage.pass().await;
    assert_eq!(passed.changes(), [("grant", "role paid-tier", &new), ("revoke", "role paid-tier", &users[0])]);
    stage.is_settled().await;
    assert!(Store::verify(stage.store.path()).await.is_ok());
}

/// Of several shops that number their orders alike none is carried over, whichever of them comes first.
#[tokio::test]
async fn shops_that_number_their_orders_alike_do_not_become_one() {
    let (mut stage, users, _) = sold(&usual(), 1).await;
    let other = ReadOrder::from(Order {
        id: stage.shop.orders()[0].clone(),
        buyer: Buyer { user: None, email: Email::parse("ben@example.com") },
        items: vec![Item::one("prd_pro".into())],
        standing: Standing::Paid,
        status: None,
        paid_at: Some(stage.now() - SignedDuration::from_hours(72)),
        updated_at: None,
        ended_at: None,
        period_end: None,
        renewal: Renewal::Expected,
    });
    stage.store.record_orders(&"till".into(), &[other], stage.now()).await.unwrap();
    stage.commit(&with("{store: {kind: sandbox, was: [shop, till]}}", NO_LIMITS, PRODUCTS)).await.unwrap();
    let refused = stage.active.carry_over(&stage.store, stage.now()).await.unwrap_err();
    assert!(refused.to_string().contains("are different orders"), "{refused}");
    assert!(refused.hint().unwrap().contains("nothing was carried over"), "{refused:?}");
    assert_eq!(stage.store.order_count(&"shop".into()).await.unwrap(), 1);
    assert_eq!(stage.holders("paid-tier"), set([&users[0]]));
}

#[tokio::test]
async fn a_name_that_is_used_again_is_another_source() {
    let (mut stage, _, orders) = sold(&usual(), 1).await;
    stage.commit(&with("{store: {kind: sandbox, was: shop}}", NO_LIMITS, PRODUCTS)).await.unwrap();
    stage.active.carry_over(&stage.store, stage.now()).await.unwrap();
    stage.pass().await;
    no_orders(&stage);
    let both = OTHER.replace("{other:", "{store: {kind: sandbox}, shop:");
    stage.commit(&with(&both, NO_LIMITS, PRODUCTS)).await.unwrap();
    stage.is_settled().await;
    assert_eq!(stage.store.find_order(&"shop".into(), &orders[0]).await.unwrap(), None);
}

#[tokio::test]
async fn what_ends_by_a_new_version_says_so_until_it_is_settled() {
    let limits = "limits: {revocations: {per_day: 0%, floor: 1}}";
    let (mut stage, _, _) = sold(&file("owned", limits, PRODUCTS), 2).await;
    // A store that no pass of this version has seen, and a file that had dropped the source before.
    stage.forget_rules().await;
    no_orders(&stage);
    stage.commit(&with(OTHER, limits, PRODUCTS)).await.unwrap();
    for _ in 0..2 {
        let passed = stage.pass().await;
        assert_eq!(passed.held().len(), 2);
        assert!(passed.held().iter().all(|held| held.0 == "OverLimit"), "{:?}", passed.held());
        assert!(
            passed.planned.view.held.iter().all(|held| held.change.cause == "upgrade"),
            "{:?}",
            passed.planned.view.held
        );
        assert_eq!(stage.store.rules().await.unwrap(), None);
    }
    stage.commit(&with(OTHER, NO_LIMITS, PRODUCTS)).await.unwrap();
    let passed = stage.pass().await;
    assert_eq!(passed.changes().len(), 2);
    let because = &passed.planned.view.changes[0].because;
    assert!(because.contains("this version of entitled"), "{because}");
    assert_eq!(stage.store.rules().await.unwrap(), Some(entitled::planner::input::Rules::SETTLED.0));
    stage.is_settled().await;
}
