//! Orders in the form that the pure core works on.

use entitled::model::{
    Catalog, Item, Order, OrderKey, Policy, ProductIx, Purchase, Resolution, Rule, Standing, Term, UserIx,
};
use entitled::store::{BuyerKey, ProductKey, Scope, Store};
use jiff::{SignedDuration, Timestamp};

use super::{Home, at, changed, paid, shop};

fn rule(product: &str, on_partial_refund: Policy) -> Rule {
    Rule {
        product: product.into(),
        source: None,
        name: product.to_owned(),
        line: 1,
        entitlements: Vec::new(),
        valid_for: None,
        quantity: Default::default(),
        grace: SignedDuration::ZERO,
        on_refund: Policy::Revoke,
        on_partial_refund,
        on_dispute: Policy::Keep,
    }
}

/// `pro` keeps after a partial refund, `lite` does not; no other product is mapped.
fn catalog() -> Catalog {
    Catalog {
        targets: Vec::new(),
        products: vec![rule("pro", Policy::Keep), rule("lite", Policy::Revoke)],
        ..Catalog::default()
    }
}

/// Every buyer but the one who claims `skipped` maps to the number of its key.
async fn purchases(store: &Store, scope: &Scope) -> Vec<Purchase> {
    let products = store.products().await.unwrap();
    let buyers = store.buyers(&Scope::All).await.unwrap();
    let product = |key: ProductKey| {
        let id = products.iter().find(|product| product.key == key)?.id.as_str();
        let at = ["pro", "lite"].iter().position(|mapped| *mapped == id)?;
        Some(ProductIx(u16::try_from(at).unwrap()))
    };
    let user = |key: BuyerKey| {
        let buyer = buyers.iter().find(|buyer| buyer.key == key)?;
        (buyer.buyer.user.as_ref()?.as_str() != "skipped").then_some(UserIx(key.0))
    };
    store.purchases(&catalog(), &product, &user, scope).await.unwrap()
}

/// The only purchase after `order` was read at `now`.
async fn only(store: &Store, order: &Order, now: i64) -> Purchase {
    store.record_orders(&shop(), std::slice::from_ref(order), at(now)).await.unwrap();
    let purchases = purchases(store, &Scope::All).await;
    assert_eq!(purchases.len(), 1);
    purchases[0]
}

#[tokio::test]
async fn what_entitles_counts_from_the_payment_and_what_ended_from_its_end() {
    let home = Home::new();
    let store = home.store().await;
    let order = paid("o1", "u1", "pro");
    let entitles = only(&store, &order, 5_000).await;
    assert_eq!((entitles.at, entitles.seen, entitles.standing), (1_000, 5_000, Standing::Paid));
    let kept = only(&store, &changed(&order, Standing::PartiallyRefunded, 2_000), 5_001).await;
    assert_eq!((kept.at, kept.seen), (1_000, 5_000), "the policy of `pro` keeps it");
    let ended = only(&store, &changed(&order, Standing::Refunded, 3_000), 5_002).await;
    assert_eq!((ended.at, ended.seen), (3_000, 5_000));
    let unknown = only(&store, &changed(&order, Standing::Unknown, 4_000), 5_003).await;
    assert_eq!(unknown.at, 1_000);
}

/// Whatever a source tells of its time: what has happened did not do so in time to come.
#[tokio::test]
async fn what_has_happened_has_done_so_when_it_was_seen() {
    let refunded = |ended: Option<i64>, updated: i64| Order {
        ended_at: ended.map(at),
        ..changed(&paid("o1", "u1", "lite"), Standing::Refunded, updated)
    };
    for (order, since) in [
        (refunded(Some(80_000), 2_000), 5_000),
        (refunded(Some(5_200), 2_000), 5_200),
        (refunded(None, 80_000), 5_000),
        (refunded(None, 5_200), 5_200),
        (refunded(None, 4_000), 4_000),
    ] {
        let home = Home::new();
        let store = home.store().await;
        assert_eq!(only(&store, &order, 5_000).await.at, since, "{order:?}");
        let touched = Order { status: Some("touched".to_owned()), ..order };
        assert_eq!(only(&store, &touched, 6_000).await.at, since, "{touched:?}");
    }
    // A subscription that was cancelled may end in time to come.
    let home = Home::new();
    let store = home.store().await;
    let cancelled = Order { standing: Standing::Expired, ..refunded(Some(80_000), 2_000) };
    store.record_orders(&shop(), &[cancelled], at(5_000)).await.unwrap();
    assert_eq!(store.find_order(&shop(), &"o1".into()).await.unwrap().unwrap().standing_since, at(80_000));
}

/// Or whoever stops telling when an order was paid, or touches it, gives its buyer another `valid_for`.
#[tokio::test]
async fn the_time_from_which_a_purchase_counts_never_moves() {
    let untold = |order: &Order| Order { paid_at: None, ..order.clone() };
    let dateless =
        |updated_at: Option<i64>| Order { paid_at: None, updated_at: updated_at.map(at), ..paid("o1", "u1", "pro") };
    let order = paid("o1", "u1", "pro");
    let pending = Order { standing: Standing::Pending, ..dateless(Some(900)) };
    let cases: [(&[Order], i64); 7] = [
        (&[order.clone(), untold(&changed(&order, Standing::Paid, 2_000))], 1_000),
        (
            &[
                order.clone(),
                untold(&changed(&order, Standing::Unknown, 2_000)),
                changed(&order, Standing::Paid, 3_000),
            ],
            1_000,
        ),
        (&[dateless(Some(1_100)), dateless(Some(2_000)), dateless(Some(3_000))], 1_100),
        (&[pending.clone(), dateless(Some(1_200)), dateless(Some(2_000))], 1_200),
        (&[dateless(None), dateless(Some(6_000)), dateless(Some(7_000))], 5_000),
        // A time that is told at last, or corrected, is the one.
        (&[dateless(Some(1_100)), changed(&order, Standing::Paid, 2_000)], 1_000),
        (&[order.clone(), Order { paid_at: Some(at(1_500)), ..changed(&order, Standing::Paid, 2_000) }], 1_500),
    ];
    for (number, (readings, counts)) in cases.into_iter().enumerate() {
        let home = Home::new();
        let store = home.store().await;
        let mut last = None;
        for (order, second) in readings.iter().zip(5_000..) {
            last = Some(only(&store, order, second).await.at);
        }
        assert_eq!(last, Some(counts), "case {number}");
    }
}

#[tokio::test]
async fn nor_does_it_move_where_a_source_is_renamed() {
    let home = Home::new();
    let store = home.store().await;
    let told = |paid_at: Option<i64>, updated: i64| Order {
        paid_at: paid_at.map(at),
        updated_at: Some(at(updated)),
        ..paid("o1", "u1", "pro")
    };
    for (number, (old, new, counts)) in [
        (told(Some(1_000), 1_000), told(None, 2_000), 1_000),
        (told(None, 2_000), told(Some(1_000), 1_000), 1_000),
        (told(None, 1_100), told(None, 2_000), 1_100),
        (told(None, 2_000), told(None, 1_100), 1_100),
    ]
    .into_iter()
    .enumerate()
    {
        let (was, is) = (format!("was-{number}").as_str().into(), format!("is-{number}").as_str().into());
        store.record_orders(&was, &[old], at(5_000)).await.unwrap();
        store.record_orders(&is, &[new], at(5_001)).await.unwrap();
        store.rename_source(&was, &is, at(5_002)).await.unwrap();
        let last = purchases(&store, &Scope::All).await.into_iter().next_back().unwrap();
        assert_eq!(last.at, counts, "case {number}");
    }
}

#[tokio::test]
async fn a_subscription_counts_to_the_end_of_its_paid_period() {
    let home = Home::new();
    let store = home.store().await;
    let order = paid("o1", "u1", "pro");
    let runs = |end, moved| Order { period_end: Some(at(end)), ..changed(&order, Standing::Subscribed, moved) };
    let first = only(&store, &runs(9_000, 2_000), 5_000).await;
    assert_eq!((first.at, first.seen, first.standing), (9_000, 5_000, Standing::Subscribed));
    let renewed = only(&store, &runs(18_000, 3_000), 5_001).await;
    assert_eq!((renewed.at, renewed.seen), (18_000, 5_000));
    let partly = Order { standing: Standing::PartiallyRefunded, ..runs(18_000, 3_500) };
    let kept = only(&store, &partly, 5_002).await;
    assert_eq!((kept.at, kept.standing), (18_000, Standing::Subscribed), "kept, but not for ever");
    let open = Order { period_end: None, ..runs(0, 4_000) };
    let nobody_knows = only(&store, &open, 5_002).await;
    assert_eq!(nobody_knows.standing, Standing::Unknown);
}

#[tokio::test]
async fn the_policy_of_the_product_decides_what_a_partial_refund_ends() {
    let home = Home::new();
    let store = home.store().await;
    let order = paid("o1", "u1", "lite");
    only(&store, &order, 5_000).await;
    let ended = only(&store, &changed(&order, Standing::PartiallyRefunded, 2_000), 5_001).await;
    assert_eq!((ended.at, ended.product), (2_000, ProductIx(1)));
}

#[tokio::test]
async fn an_unpaid_order_was_never_seen_to_entitle() {
    let home = Home::new();
    let store = home.store().await;
    let pending = Order { standing: Standing::Pending, paid_at: None, ..paid("o1", "u1", "pro") };
    let before = only(&store, &pending, 5_000).await;
    assert_eq!((before.at, before.seen), (1_000, 0), "without a payment, the last change");
    let after = only(&store, &paid("o1", "u1", "pro"), 6_000).await;
    assert_eq!((after.at, after.seen), (1_000, 6_000));
}

#[tokio::test]
async fn without_any_time_of_its_own_an_order_counts_from_when_it_was_seen() {
    let home = Home::new();
    let store = home.store().await;
    let order = Order { paid_at: None, updated_at: None, ..paid("o1", "u1", "pro") };
    assert_eq!(only(&store, &order, 5_000).await.at, 5_000);
}

#[tokio::test]
async fn each_line_ends_when_it_ended_and_not_with_the_first() {
    let home = Home::new();
    let store = home.store().await;
    let line = |product: &str, standing| Item { standing, ..Item::one(product.into()) };
    let order = |second, pro, lite| Order {
        items: vec![line("pro", pro), line("lite", lite)],
        ..changed(&paid("o1", "u1", "pro"), Standing::PartiallyRefunded, second)
    };
    let (gone, kept) = (Some(Standing::Refunded), Some(Standing::Paid));
    store.record_orders(&shop(), &[order(2_000, gone, kept)], at(5_000)).await.unwrap();
    store.record_orders(&shop(), &[order(3_000, gone, gone)], at(5_001)).await.unwrap();
    let ends: Vec<i64> = purchases(&store, &Scope::All).await.iter().map(|purchase| purchase.at).collect();
    assert_eq!(ends, [2_000, 3_000]);
}

#[tokio::test]
async fn of_two_lines_for_one_product_the_second_ends_when_it_ends_and_not_with_the_first() {
    let home = Home::new();
    let store = home.store().await;
    let line = |standing| Item { standing: Some(standing), ..Item::one("pro".into()) };
    let order = |second, one, other| Order {
        items: vec![line(one), line(other)],
        ..changed(&paid("o1", "u1", "pro"), Standing::PartiallyRefunded, second)
    };
    let (gone, kept) = (Standing::Refunded, Standing::Paid);
    store.record_orders(&shop(), &[order(2_000, gone, kept)], at(5_000)).await.unwrap();
    store.record_orders(&shop(), &[order(3_000, gone, gone)], at(5_001)).await.unwrap();
    let ends: Vec<i64> = purchases(&store, &Scope::All).await.iter().map(|purchase| purchase.at).collect();
    assert_eq!(ends, [3_000], "the later end of the two, so that no grace is cut short");
}

/// One order may hold what is bought once, what is paid as long as the order says, and what has a period of its own.
#[tokio::test]
async fn each_line_is_paid_as_long_as_it_says_itself() {
    let home = Home::new();
    let store = home.store().await;
    let until = |second: i64| Timestamp::from_second(second).unwrap();
    let line = |product: &str, standing, term| Item { standing, term, ..Item::one(product.into()) };
    let (paid_once, monthly) = (Some(Standing::Paid), Some(Standing::Subscribed));
    let order = |period_end| Order {
        items: vec![
            line("pro", paid_once, Term::Once),
            line("lite", monthly, Term::OfOrder),
            line("pro", monthly, Term::Until(until(9_000))),
        ],
        standing: Standing::Paid,
        paid_at: Some(until(1_000)),
        period_end,
        ..paid("o1", "u1", "pro")
    };
    store.record_orders(&shop(), &[order(Some(until(7_000)))], at(5_000)).await.unwrap();
    let said = |all: Vec<Purchase>| all.iter().map(|one| (one.standing, one.at)).collect::<Vec<_>>();
    let (once, monthly) = (Standing::Paid, Standing::Subscribed);
    assert_eq!(said(purchases(&store, &Scope::All).await), [(once, 1_000), (monthly, 7_000), (monthly, 9_000)]);
    let stored = store.stored_orders(&[OrderKey(1)]).await.unwrap();
    assert_eq!(stored[0].order, order(Some(until(7_000))), "as it was read");
    // What has a period of its own needs none of the order; what has neither is unknown.
    store.record_orders(&shop(), &[order(None)], at(5_001)).await.unwrap();
    let said = said(purchases(&store, &Scope::All).await);
    assert_eq!(said, [(once, 1_000), (Standing::Unknown, 1_000), (monthly, 9_000)]);
}

#[tokio::test]
async fn equal_lines_of_an_order_are_one_purchase() {
    let home = Home::new();
    let store = home.store().await;
    let line = |product: &str, quantity, standing| Item { quantity, standing, ..Item::one(product.into()) };
    let order = Order {
        items: vec![
            line("pro", 2, None),
            line("lite", 1, None),
            line("pro", 3, None),
            line("pro", 1, Some(Standing::Refunded)),
            line("other", 1, None),
            line("lite", 70_000, None),
        ],
        ..paid("o1", "u1", "pro")
    };
    store.record_orders(&shop(), &[order, paid("o2", "u1", "pro")], at(1)).await.unwrap();
    let found: Vec<_> = purchases(&store, &Scope::All)
        .await
        .iter()
        .map(|purchase| (purchase.order.0, purchase.product.0, purchase.standing, purchase.quantity))
        .collect();
    let expected = [
        (1, 0, Standing::Paid, 5),
        (1, 1, Standing::Paid, 255),
        (1, 0, Standing::Refunded, 1),
        (2, 0, Standing::Paid, 1),
    ];
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_scope_has_exactly_the_purchases_of_its_buyers() {
    let home = Home::new();
    let store = home.store().await;
    let orders: Vec<Order> = (0..20_000)
        .map(|n| paid(&format!("o{n}"), &format!("u{}", n % 1_000), if n % 3 == 0 { "other" } else { "pro" }))
        .chain([paid("skipped", "skipped", "pro")])
        .collect();
    store.record_orders(&shop(), &orders, at(1)).await.unwrap();
    let all = purchases(&store, &Scope::All).await;
    assert_eq!(all.len(), orders.iter().filter(|order| order.items[0].product.as_str() == "pro").count() - 1);
    assert!(all.is_sorted_by_key(|purchase| purchase.order));

    let buyers = store.buyers(&Scope::All).await.unwrap();
    let two: Vec<BuyerKey> = buyers.iter().map(|buyer| buyer.key).take(2).collect();
    let expected: Vec<Purchase> = all.into_iter().filter(|purchase| two.contains(&BuyerKey(purchase.user.0))).collect();
    assert!(expected.len() > 20);
    assert_eq!(purchases(&store, &Scope::Buyers(two)).await, expected);
    assert_eq!(purchases(&store, &Scope::Buyers(Vec::new())).await, []);
}

/// The futures of the store run on any thread.
#[tokio::test]
async fn a_scan_can_be_spawned() {
    let home = Home::new();
    let store = home.store().await;
    store.record_orders(&shop(), &[paid("o1", "u1", "pro")], at(1)).await.unwrap();
    let key = store.buyers(&Scope::All).await.unwrap()[0].key;
    let scan = tokio::spawn(async move {
        store.resolve_buyers(&[(key, Resolution::User("u1".into()))], at(2)).await.unwrap();
        store.journal_grants(&"r1".into(), &[]).await.unwrap();
        store.journal_revocations(&"r1".into(), &[], at(2)).await.unwrap();
        store.purchases(&catalog(), &|_| Some(ProductIx(0)), &|_| Some(UserIx(0)), &Scope::All).await.unwrap()
    });
    assert_eq!(scan.await.unwrap().len(), 1);
}
