//! The mirror of the orders and the directory of buyers.

use entitled::model::{Buyer, Email, Item, ListMark, Order, OrderKey, Resolution, SourceName, Standing, UserId};
use entitled::store::{Cursor, Recorded, Scope, Store, StoredOrder};
use jiff::Timestamp;
use sqlx::Connection as _;

use super::{Home, at, buyer, changed, paid, shop};

async fn find(store: &Store, id: &str) -> StoredOrder {
    store.find_order(&shop(), &id.into()).await.unwrap().unwrap()
}

#[tokio::test]
async fn an_order_comes_back_as_it_was_said() {
    let home = Home::new();
    let store = home.store().await;
    let full = Order {
        id: "o/1 \"quoted\" \u{0}\u{1f600}".into(),
        buyer: buyer("u1"),
        items: vec![
            Item { quantity: 3, standing: Some(Standing::Refunded), ..Item::one("b".into()) },
            Item::one("a".into()),
            Item { quantity: u32::MAX, ..Item::one("b".into()) },
        ],
        standing: Standing::PartiallyRefunded,
        status: Some("partially refunded".to_owned()),
        paid_at: Some(at(10)),
        updated_at: Some(at(20)),
        ended_at: Some(at(15)),
        period_end: Some(at(16)),
        renewal: Default::default(),
    };
    let bare = Order {
        id: "123".into(),
        buyer: Buyer::default(),
        items: Vec::new(),
        standing: Standing::Unknown,
        status: None,
        paid_at: None,
        updated_at: None,
        ended_at: None,
        period_end: None,
        renewal: Default::default(),
    };
    let recorded = store.record_orders(&shop(), &[full.clone(), bare.clone()], at(100)).await.unwrap();
    assert_eq!((recorded.new, recorded.changed, recorded.unchanged), (2, 0, 0));
    let stored = store.stored_orders(&recorded.touched).await.unwrap();
    assert_eq!(stored.iter().map(|order| &order.order).collect::<Vec<_>>(), [&full, &bare]);
    assert_eq!(stored.iter().map(|order| order.key).collect::<Vec<_>>(), recorded.touched);
    assert!(stored.iter().all(|order| order.source == shop() && order.seen_at == at(100)));
    assert_eq!(find(&store, full.id.as_str()).await, stored[0]);
    assert_eq!(store.stored_orders(&[OrderKey(77)]).await.unwrap(), []);
    assert_eq!(store.find_order(&"other".into(), &full.id).await.unwrap(), None);
}

/// One odd order must not make the whole store unreadable.
#[tokio::test]
async fn the_ends_of_the_calendar_come_back() {
    let home = Home::new();
    let store = home.store().await;
    for edge in [Timestamp::MAX, Timestamp::MIN] {
        let mut order = paid("o1", "u1", "pro");
        (order.period_end, order.ended_at) = (Some(edge), Some(edge));
        store.record_orders(&shop(), &[order], at(100)).await.unwrap();
        let order = find(&store, "o1").await.order;
        let seconds = [order.period_end, order.ended_at].map(|time| time.map(Timestamp::as_second));
        assert_eq!(seconds, [Some(edge.as_second()); 2]);
    }
}

/// An API may date changes to the millisecond in its list, and to the second where it is asked for one order.
#[tokio::test]
async fn a_change_that_is_dated_less_exactly_is_not_older() {
    let listed: Timestamp = "2024-05-06T07:08:09.987Z".parse().unwrap();
    for (again, newer) in [
        ("2024-05-06T07:08:09.987Z", true),
        ("2024-05-06T07:08:09Z", true),
        ("2024-05-06T00:00:00Z", false),
        ("2024-05-06T07:08:09.986Z", false),
        ("2024-05-06T07:08:08Z", false),
        ("2024-05-06T07:08:00Z", false),
        ("2024-05-05T00:00:00Z", false),
    ] {
        let home = Home::new();
        let store = home.store().await;
        let mut order = paid("o1", "u1", "pro");
        order.updated_at = Some(listed);
        store.record_orders(&shop(), &[order.clone()], listed).await.unwrap();
        (order.updated_at, order.standing) = (Some(again.parse().unwrap()), Standing::Refunded);
        let recorded = store.record_orders(&shop(), &[order], listed).await.unwrap();
        assert_eq!(recorded.outdated.is_empty(), newer, "{again}");
    }
}

#[tokio::test]
async fn only_what_differs_is_touched() {
    let home = Home::new();
    let store = home.store().await;
    let (one, two) = (paid("o1", "u1", "pro"), paid("o2", "u2", "pro"));
    let first = store.record_orders(&shop(), &[one.clone(), two.clone()], at(1)).await.unwrap();
    let again = store.record_orders(&shop(), &[one.clone(), two.clone()], at(2)).await.unwrap();
    assert_eq!(again, Recorded { unchanged: 2, ..Recorded::default() });
    let refunded = changed(&two, Standing::Refunded, 2_000);
    let third = store.record_orders(&shop(), &[one, refunded.clone()], at(3)).await.unwrap();
    assert_eq!(
        third,
        Recorded { new: 0, changed: 1, unchanged: 1, touched: vec![first.touched[1]], ..Recorded::default() }
    );
    let stored = find(&store, "o2").await;
    assert_eq!((stored.order, stored.seen_at), (refunded, at(1)));
    assert_eq!(
        store.standing_counts(&shop()).await.unwrap(),
        [(Standing::Paid, 1), (Standing::Refunded, 1)],
        "the change replaced the order and added none"
    );
}

#[tokio::test]
async fn an_older_reading_does_not_replace_a_newer_one() {
    let home = Home::new();
    let store = home.store().await;
    let old = paid("o1", "u1", "pro");
    let new = changed(&old, Standing::Refunded, 2_000);
    store.record_orders(&shop(), std::slice::from_ref(&new), at(1)).await.unwrap();
    let recorded = store.record_orders(&shop(), std::slice::from_ref(&old), at(2)).await.unwrap();
    assert_eq!(recorded, Recorded { unchanged: 1, outdated: vec!["o1".into()], ..Recorded::default() });
    assert_eq!(find(&store, "o1").await.order, new);
    // Where one of the two does not tell, the later reading counts.
    let timeless = Order { updated_at: None, ..old };
    store.record_orders(&shop(), std::slice::from_ref(&timeless), at(3)).await.unwrap();
    assert_eq!(find(&store, "o1").await.order, timeless);
}

#[tokio::test]
async fn of_two_readings_in_one_slice_the_last_counts_unless_it_is_older() {
    let home = Home::new();
    let store = home.store().await;
    let paid_one = paid("o1", "u1", "pro");
    let refunded = changed(&paid_one, Standing::Refunded, 2_000);
    let recorded = store.record_orders(&shop(), &[paid_one.clone(), refunded.clone()], at(1)).await.unwrap();
    assert_eq!((recorded.new, recorded.touched.len()), (1, 1));
    assert_eq!(find(&store, "o1").await.order, refunded);
    let later = changed(&paid_one, Standing::Paid, 3_000);
    store.record_orders(&shop(), &[later.clone(), refunded], at(2)).await.unwrap();
    assert_eq!(find(&store, "o1").await.order, later);
}

#[tokio::test]
async fn the_same_id_in_two_sources_is_two_orders() {
    let home = Home::new();
    let store = home.store().await;
    store.record_orders(&shop(), &[paid("o1", "u1", "pro")], at(1)).await.unwrap();
    let recorded = store.record_orders(&"other".into(), &[paid("o1", "u1", "pro")], at(1)).await.unwrap();
    assert_eq!(recorded.new, 1);
    assert_eq!(store.order_count(&shop()).await.unwrap(), 1);
    let products = store.products().await.unwrap();
    assert_eq!(
        products.iter().map(|product| (product.source.as_str(), product.id.as_str())).collect::<Vec<_>>(),
        [("shop", "pro"), ("other", "pro")]
    );
    assert_eq!(store.buyers(&Scope::All).await.unwrap().len(), 1, "the buyer is the same");
}

#[tokio::test]
async fn a_key_is_never_given_out_twice() {
    let home = Home::new();
    let store = home.store().await;
    let first = store.record_orders(&shop(), &[paid("o1", "u1", "pro"), paid("o2", "u2", "pro")], at(1)).await.unwrap();
    store.close().await;
    let mut raw = home.raw().await;
    sqlx::query("DELETE FROM items").execute(&mut raw).await.unwrap();
    sqlx::query("DELETE FROM orders").execute(&mut raw).await.unwrap();
    raw.close().await.unwrap();
    let store = home.store().await;
    let second = store.record_orders(&shop(), &[paid("o3", "u3", "pro")], at(2)).await.unwrap();
    assert!(second.touched[0] > first.touched[1], "{second:?} after {first:?}");
}

#[tokio::test]
async fn a_long_slice_is_recorded_whole() {
    let home = Home::new();
    let store = home.store().await;
    let mut orders: Vec<Order> = (0..12_345).map(|n| paid(&format!("o{n}"), &format!("u{}", n % 100), "pro")).collect();
    // Once more in another transaction than the first time.
    orders.push(changed(&orders[0], Standing::Refunded, 2_000));
    let recorded = store.record_orders(&shop(), &orders, at(1)).await.unwrap();
    assert_eq!((recorded.new, recorded.changed, recorded.touched.len()), (12_345, 1, 12_345));
    assert_eq!(store.order_count(&shop()).await.unwrap(), 12_345);
    assert_eq!(store.buyers(&Scope::All).await.unwrap().len(), 100);
    let stored = store.stored_orders(&recorded.touched).await.unwrap();
    assert!(stored.iter().all(|order| order.order.items.len() == 1));
    let buyers = store.buyers_of_orders(&recorded.touched[..1]).await.unwrap();
    assert_eq!(store.orders_of_buyers(&buyers).await.unwrap().len(), 124);
}

#[tokio::test]
async fn a_standing_counts_from_when_it_changed() {
    let home = Home::new();
    let store = home.store().await;
    let since = async |order: &Order, now: i64| {
        store.record_orders(&shop(), std::slice::from_ref(order), at(now)).await.unwrap();
        find(&store, order.id.as_str()).await.standing_since
    };
    let order = paid("o1", "u1", "pro");
    assert_eq!(since(&order, 5_000).await, at(1_000), "as the source says");
    let refunded = changed(&order, Standing::Refunded, 2_000);
    assert_eq!(since(&refunded, 5_001).await, at(2_000));
    let touched = Order { status: Some("archived".to_owned()), ..changed(&order, Standing::Refunded, 3_000) };
    assert_eq!(since(&touched, 5_002).await, at(2_000), "another change does not restart it");
    let told = Order { ended_at: Some(at(1_500)), ..changed(&order, Standing::Refunded, 4_000) };
    assert_eq!(since(&told, 5_003).await, at(1_500), "the source knows best");
    let silent = Order { updated_at: None, ..order.clone() };
    assert_eq!(since(&silent, 5_004).await, at(5_004), "else when we saw it");
}

#[tokio::test]
async fn a_buyer_is_resolved_once_and_remembered() {
    let home = Home::new();
    let store = home.store().await;
    let nobody = Order { buyer: Buyer::default(), ..paid("o3", "-", "pro") };
    let by_email = Buyer { user: None, email: Email::parse("Two@Example.com") };
    let by_email = Order { buyer: by_email, ..paid("o2", "-", "pro") };
    let by_user = Order { buyer: Buyer { user: Some("u9".into()), email: None }, ..paid("o4", "-", "pro") };
    let orders = [paid("o1", "u1", "pro"), by_email, nobody, by_user];
    store.record_orders(&shop(), &orders, at(1)).await.unwrap();

    let buyers = store.buyers(&Scope::All).await.unwrap();
    assert!(buyers.iter().all(|buyer| buyer.resolution.is_none() && buyer.checked_at.is_none()));
    let key = |order: &Order| buyers.iter().find(|buyer| buyer.buyer == order.buyer).unwrap().key;
    let keys = [0, 1, 2, 3].map(|n| key(&orders[n]));
    let resolutions = [
        Resolution::User("u1".into()),
        Resolution::Ambiguous(vec!["u2".into(), "u3".into()]),
        Resolution::NoIdentity,
        Resolution::NoAccount,
    ];
    let pairs: Vec<_> = keys.into_iter().zip(resolutions.clone()).collect();
    store.resolve_buyers(&pairs, at(50)).await.unwrap();
    // A changed order of the same buyer does not take it back.
    store.record_orders(&shop(), &[changed(&orders[0], Standing::Refunded, 2_000)], at(60)).await.unwrap();
    for (key, resolution) in keys.into_iter().zip(resolutions) {
        let stored = store.buyers(&Scope::Buyers(vec![key])).await.unwrap();
        assert_eq!(stored.len(), 1);
        assert_eq!((stored[0].resolution.as_ref(), stored[0].checked_at), (Some(&resolution), Some(at(50))));
    }
    let users: Vec<UserId> = vec!["u1".into(), "u2".into()];
    assert_eq!(store.buyers_of_users(&users).await.unwrap(), [keys[0]]);
    store.resolve_buyers(&[(keys[0], Resolution::NoAccount)], at(70)).await.unwrap();
    assert_eq!(store.buyers_of_users(&users).await.unwrap(), []);
}

#[tokio::test]
async fn a_cursor_is_kept_for_each_source() {
    let home = Home::new();
    let store = home.store().await;
    let cursor = Cursor {
        watermark: Some(at(5)),
        last_full_read: Some(at(4)),
        last_full_count: Some(3),
        reading: Some(-2),
        nameless: 7,
        lists: [("subscriptions".to_owned(), ListMark { watermark: None, orders: 3 })].into(),
    };
    store.set_cursor(&shop(), &Cursor::default()).await.unwrap();
    store.set_cursor(&shop(), &cursor).await.unwrap();
    assert_eq!(store.cursor(&shop()).await.unwrap(), Some(cursor));
    assert_eq!(store.cursor(&"other".into()).await.unwrap(), None);
}

/// Shops number their orders from one: what two of them call alike is two orders, and merging them would take from
/// one buyer what the other one paid for. They are one where they can be: paid at the same moment, as exactly as
/// both tell it, with the product or the buyer in common; with both in common where one of them tells no time.
#[tokio::test]
async fn two_shops_that_number_their_orders_alike_do_not_become_one() {
    const NOON: i64 = 1_700_049_600;
    const DATE: i64 = NOON - 43_200;
    let home = Home::new();
    let store = home.store().await;
    let order = |user: &str, product: &str, paid_at: Option<i64>| Order {
        paid_at: paid_at.map(at),
        ..paid("1", user, product)
    };
    let millis = |millis: i64| Order { paid_at: Timestamp::from_millisecond(millis).ok(), ..order("ann", "pro", None) };
    let known = order("ann", "pro", Some(NOON + 5));
    let dateless = order("ann", "pro", None);
    for (number, (one, two, same)) in [
        (&known, order("ann", "pro", Some(NOON + 5)), true),
        (&known, order("ben", "pro", Some(NOON + 5)), true),
        (&known, order("ann", "lite", Some(NOON + 5)), true),
        (&known, order("ben", "lite", Some(NOON + 5)), false),
        (&known, order("ben", "pro", Some(NOON + 6)), false),
        (&known, order("ben", "lite", Some(NOON + 600)), false),
        (&known, order("ann", "pro", Some(NOON + 6)), false),
        (&known, order("ann", "pro", Some(DATE)), true),
        (&known, order("ben", "pro", Some(DATE)), true),
        (&known, order("ben", "lite", Some(DATE)), false),
        (&known, order("ann", "pro", Some(DATE - 86_400)), false),
        (&known, millis((NOON + 5) * 1_000 + 987), true),
        (&millis((NOON + 5) * 1_000 + 986), millis((NOON + 5) * 1_000 + 987), false),
        (&known, dateless.clone(), true),
        (&dateless, known.clone(), true),
        (&dateless, dateless.clone(), true),
        (&known, order("ben", "pro", None), false),
        (&known, order("ann", "lite", None), false),
        (&dateless, order("ann", "lite", None), false),
    ]
    .into_iter()
    .enumerate()
    {
        let names = ["one", "two"].map(|name| SourceName::from(format!("{name}-{number}").as_str()));
        for (name, order) in names.iter().zip([one, &two]) {
            store.record_orders(name, std::slice::from_ref(order), at(NOON + 1_000)).await.unwrap();
        }
        let expected = (!same).then(|| "1".into());
        assert_eq!(store.same_id(&names[0], &names[1]).await.unwrap(), expected, "{one:?} and {two:?}");
        assert_eq!(store.same_id(&names[1], &names[0]).await.unwrap(), expected, "{two:?} and {one:?}");
    }
}
