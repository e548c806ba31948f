//! A store of an earlier version: nothing of it is lost on the way.

use entitled::model::{Grant, Order, OrderKey, Renewal, Standing, Target};
use entitled::store::{Confirmed, Run, RunKind, Store, Verb};
use sha2::{Digest as _, Sha256};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{Connection as _, Row as _, SqlStr, SqliteConnection};

use super::{Home, at, changed, paid, shop};

const STEPS: [(i64, &str, &str); 11] = [
    (1, "orders", include_str!("../../../src/store/migrations/0001_orders.sql")),
    (2, "ledger", include_str!("../../../src/store/migrations/0002_ledger.sql")),
    (3, "runs", include_str!("../../../src/store/migrations/0003_runs.sql")),
    (4, "safety", include_str!("../../../src/store/migrations/0004_safety.sql")),
    (5, "subscriptions", include_str!("../../../src/store/migrations/0005_subscriptions.sql")),
    (6, "marks", include_str!("../../../src/store/migrations/0006_marks.sql")),
    (7, "hooks", include_str!("../../../src/store/migrations/0007_hooks.sql")),
    (8, "odd", include_str!("../../../src/store/migrations/0008_odd.sql")),
    (9, "turned", include_str!("../../../src/store/migrations/0009_turned.sql")),
    (10, "renamed", include_str!("../../../src/store/migrations/0010_renamed.sql")),
    (11, "foreign", include_str!("../../../src/store/migrations/0011_foreign.sql")),
];

/// Makes the store of the version that knew only the first `known` steps.
async fn older(raw: &mut SqliteConnection, known: usize) {
    let steps = STEPS[..known].iter().map(|&(version, name, sql)| {
        Migration::new(version, name.into(), MigrationType::Simple, SqlStr::from_static(sql), false)
    });
    Migrator::with_migrations(steps.collect()).run(raw).await.unwrap();
}

#[tokio::test]
async fn orders_of_an_older_store_keep_their_keys_and_lines() {
    let home = Home::new();
    let mut raw = home.raw().await;
    older(&mut raw, 4).await;
    for statement in [
        "INSERT INTO sources (key, name) VALUES (1, 'shop')",
        "INSERT INTO products (key, source, id) VALUES (4, 1, 'pro')",
        "INSERT INTO buyers (key, claimed, email) VALUES (2, 'u1', '')",
        "INSERT INTO orders (key, source, id, buyer, standing, paid_at, seen_at, entitled_seen_at, standing_since, digest)
         VALUES (7, 1, 'o1', 2, 1, 10000, 11000, 12000, 13000, 5), (9, 1, 'o2', 2, 3, 10000, 11000, 12000, 13000, 6)",
        "INSERT INTO items (order_key, line, product, quantity, standing, since) VALUES (7, 0, 4, 3, 1, 13000)",
        "DELETE FROM orders WHERE key = 9",
    ] {
        sqlx::query(statement).execute(&mut raw).await.unwrap();
    }
    raw.close().await.unwrap();

    let store = home.store().await;
    let [kept] = &store.stored_orders(&[OrderKey(7)]).await.unwrap()[..] else { panic!("it is gone") };
    assert_eq!((kept.seen_at, kept.standing_since, kept.order.paid_at), (at(11), at(13), Some(at(10))));
    assert_eq!((kept.order.standing, kept.order.period_end), (Standing::Paid, None));
    assert_eq!((kept.order.items[0].product.as_str(), kept.order.items[0].quantity), ("pro", 3));

    let runs = Order {
        period_end: Some(at(90)),
        items: kept.order.items.clone(),
        ..changed(&paid("o3", "u1", "pro"), Standing::Subscribed, 20)
    };
    let recorded = store.record_orders(&shop(), std::slice::from_ref(&runs), at(30)).await.unwrap();
    assert_eq!(recorded.touched, [OrderKey(10)], "a key that was handed out is never handed out again");
    let stored = store.stored_orders(&recorded.touched).await.unwrap();
    assert_eq!((stored[0].order.standing, stored[0].order.period_end), (Standing::Subscribed, Some(at(90))));
    let verified = Store::verify(&home.path()).await.unwrap();
    assert_eq!(verified.orders, 2, "every reference still leads somewhere");
}

#[tokio::test]
async fn the_trail_of_an_older_store_keeps_every_line_and_its_id() {
    let home = Home::new();
    let mut raw = home.raw().await;
    older(&mut raw, 3).await;
    for statement in [
        "INSERT INTO audit (id, at, run, verb, user, target, cause, source, order_id, product, line, config, note)
         VALUES (3, 10000, 'r1', 'granted', 'u1', 'role/a', 'order', 'shop', 'o1', 'pro', 7, '4f2a91c', NULL),
                (9, 20000, 'r2', 'revoked', 'u2', 'role/b', NULL, NULL, NULL, NULL, NULL, NULL, 'refunded')",
        "INSERT INTO ledger (user, target, ownership, cause, source, order_id, product, line, config, since, run)
         VALUES ('u1', 'role/a', 'granted', 'order', 'shop', 'o1', 'pro', 7, '4f2a91c', 10000, 'r1')",
        "INSERT INTO lease (one, holder, until) VALUES (1, 'a', 1)",
    ] {
        sqlx::query(statement).execute(&mut raw).await.unwrap();
    }
    raw.close().await.unwrap();
    assert_eq!(Store::verify(&home.path()).await.unwrap().audit, 2, "an older store can be looked at");

    let store = home.store().await;
    let trail = store.audit_trail(10).await.unwrap();
    let [revoked, granted] = &trail[..] else { panic!("{trail:?}") };
    assert_eq!((revoked.at, revoked.verb, revoked.note.as_deref()), (at(20), Verb::Revoked, Some("refunded")));
    assert_eq!((granted.at, granted.run.clone(), granted.line), (at(10), Some("r1".into()), Some(7)));
    let origin = (&granted.source, &granted.order, &granted.product, granted.commit.as_deref());
    assert_eq!(origin, (&Some("shop".into()), &Some("o1".into()), &Some("pro".into()), Some("4f2a91c")));
    assert_eq!(granted.grant.as_ref().unwrap().user.as_str(), "u1");
    assert_eq!(store.ledger(None).await.unwrap()[0].undone, 0);

    store.release("ada", &[granted.grant.clone().unwrap()], "a gift", at(30)).await.unwrap();
    let mut raw = home.raw().await;
    let ids: Vec<i64> = sqlx::query("SELECT id FROM audit ORDER BY id")
        .fetch_all(&mut raw)
        .await
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!(ids, [3, 9, 10], "it goes on counting where it stopped");
    for statement in ["UPDATE audit SET note = 'nothing happened'", "DELETE FROM audit"] {
        let error = sqlx::query(statement).execute(&mut raw).await.unwrap_err();
        assert!(error.to_string().contains("append-only"), "{statement}: {error}");
    }
    let lease: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema WHERE name = 'lease'")
        .fetch_one(&mut raw)
        .await
        .unwrap();
    assert_eq!(lease, 0);
}

#[tokio::test]
async fn a_subscription_of_an_older_store_renews_once_it_was_read_again() {
    let home = Home::new();
    let mut raw = home.raw().await;
    older(&mut raw, 11).await;
    let said = Order { period_end: Some(at(90)), ..changed(&paid("o1", "u1", "pro"), Standing::Subscribed, 20) };
    let hash = Sha256::digest(serde_json::to_vec(&said).unwrap());
    let digest = i64::from_le_bytes(hash[..8].try_into().unwrap());
    for statement in [
        "INSERT INTO sources (key, name) VALUES (1, 'shop')".to_owned(),
        "INSERT INTO products (key, source, id) VALUES (4, 1, 'pro')".to_owned(),
        "INSERT INTO buyers (key, claimed, email) VALUES (2, 'u1', '')".to_owned(),
        format!(
            "INSERT INTO orders (key, source, id, buyer, standing, period_end, seen_at, standing_since, digest)
             VALUES (7, 1, 'o1', 2, 8, 90000, 11000, 13000, {digest})"
        ),
        "INSERT INTO items (order_key, line, product, quantity, standing, since) VALUES (7, 0, 4, 1, 8, 13000)"
            .to_owned(),
    ] {
        sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut raw).await.unwrap();
    }
    raw.close().await.unwrap();

    let store = home.store().await;
    let renewal = async || store.stored_orders(&[OrderKey(7)]).await.unwrap()[0].order.renewal;
    assert_eq!(renewal().await, Renewal::Off, "nobody has asked whether it goes on");
    let again = store.record_orders(&shop(), std::slice::from_ref(&said), at(30)).await.unwrap();
    assert_eq!((again.touched, renewal().await), (vec![OrderKey(7)], Renewal::Expected));
    let kept = &store.stored_orders(&[OrderKey(7)]).await.unwrap()[0];
    assert_eq!(kept.standing_since, at(13), "it stands as it stood");
    assert_eq!(store.record_orders(&shop(), &[said], at(40)).await.unwrap().touched, []);
}

/// What every turn asks for is kept counted; that is what one would count, from the upgrade on.
#[tokio::test]
async fn what_is_counted_is_what_there_is() {
    let home = Home::new();
    let mut raw = home.raw().await;
    older(&mut raw, 11).await;
    for statement in [
        "INSERT INTO sources (key, name) VALUES (1, 'shop'), (2, 'old')",
        "INSERT INTO buyers (key, claimed, email) VALUES (2, 'u1', '')",
        "INSERT INTO orders (key, source, id, buyer, standing, seen_at, standing_since, digest, updated_at)
         VALUES (7, 1, 'o1', 2, 1, 11000, 13000, 5, NULL), (8, 2, 'o8', 2, 1, 11000, 13000, 6, NULL),
                (9, 2, 'o1', 2, 1, 11000, 13000, 7, 3000000)",
        "INSERT INTO odd (order_key, source, says, unknown, since) VALUES (8, 2, '[]', 1, 1)",
        "INSERT INTO ledger (user, target, ownership, cause, source, order_id, product, line, config, since, run)
         VALUES ('u1', 'role/a', 'granted', 'order', 'shop', 'o1', 'pro', 7, 'v2', 10000, 'r1')",
        "INSERT INTO runs (id, kind, config, started) VALUES
         ('r1', 'full', 'v2', 10000), ('r2', 'full', 'v1', 20000), ('r3', 'quick', 'v2', 30000), ('r4', 'full', 'v2', 40000)",
    ] {
        sqlx::query(statement).execute(&mut raw).await.unwrap();
    }
    raw.close().await.unwrap();

    let store = home.store().await;
    // What is kept, and beside it what one would find by looking at everything.
    let all = "
        SELECT (SELECT json_group_array(json_array(name, orders, odd)) FROM (SELECT * FROM sources ORDER BY name)),
               (SELECT json_group_array(json_array(name, orders, odd)) FROM (
                   SELECT name, (SELECT count(*) FROM orders WHERE source = sources.key) orders,
                          (SELECT count(*) FROM odd WHERE source = sources.key) odd FROM sources ORDER BY name)),
               (SELECT total FROM ledger_size), (SELECT count(*) FROM ledger),
               (SELECT json_group_array(json_array(order_key, source, asked_at)) FROM (
                   SELECT * FROM backing ORDER BY order_key)),
               (SELECT json_group_array(json_array(key, source, at)) FROM (
                   SELECT DISTINCT o.key, o.source, coalesce(c.asked_at, o.seen_at) at
                   FROM ledger l JOIN sources s ON s.name = l.source
                       JOIN orders o ON o.source = s.key AND o.id = l.order_id
                       LEFT JOIN checks c ON c.order_key = o.key ORDER BY o.key)),
               (SELECT sum(backing) FROM sources), (SELECT count(*) FROM backing)";
    let counted = async || {
        let mut raw = home.raw().await;
        let row = sqlx::query(all).fetch_one(&mut raw).await.unwrap();
        raw.close().await.unwrap();
        let text = |at: usize| row.get::<String, _>(at);
        let number = |at: usize| row.get::<i64, _>(at);
        assert_eq!((text(0), number(2), text(4), number(6)), (text(1), number(3), text(5), number(7)));
        (text(0), number(2))
    };
    assert_eq!(counted().await, (r#"[["old",2,1],["shop",1,0]]"#.to_owned(), 1));
    assert_eq!(store.entered("v2").await.unwrap(), Some(at(30)), "by no other version since then");
    assert_eq!(store.entered("v1").await.unwrap(), None);

    // Asked for, and asked for again.
    for second in [40, 45] {
        store.note_check(&shop(), &"o1".into(), Confirmed::Yes, at(second)).await.unwrap();
        counted().await;
    }

    // New, changed, and one copy of two that goes.
    let orders =
        [paid("o1", "u1", "pro"), paid("o2", "u2", "pro"), changed(&paid("o1", "u1", "pro"), Standing::Void, 2_000)];
    store.record_orders(&shop(), &orders, at(50)).await.unwrap();
    assert_eq!(counted().await.0, r#"[["old",2,1],["shop",2,0]]"#);
    store.rename_source(&"old".into(), &shop(), at(60)).await.unwrap();
    assert_eq!(counted().await.0, r#"[["shop",3,1]]"#);
    assert_eq!(store.order_count(&shop()).await.unwrap(), 3);
    assert_eq!(store.order_count(&"old".into()).await.unwrap(), 0);

    let grants = [Grant { user: "u1".into(), target: Target::from_key("role/a").unwrap() }];
    store.forget(&"r5".into(), &grants, "nobody has it", at(70)).await.unwrap();
    assert_eq!(counted().await.1, 0);
    assert_eq!(store.size().await.unwrap().0, 0);

    let run = |id: &str, config: &str, second| Run {
        id: id.into(),
        kind: RunKind::Quick,
        config: config.to_owned(),
        commit: None,
        started: at(second),
    };
    for one in [run("r5", "v2", 80), run("r6", "v3", 90), run("r7", "v3", 100)] {
        store.begin_run(&one).await.unwrap();
    }
    assert_eq!((store.entered("v2").await.unwrap(), store.entered("v3").await.unwrap()), (None, Some(at(90))));
}
