//! A writer that is killed in the middle leaves nothing half.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use entitled::model::{Order, OrderKey};
use entitled::store::Store;
use sqlx::Row as _;

use super::{Home, at, paid, shop};

const PATH: &str = "ENTITLED_TEST_STORE";

/// The process that is killed: records orders of three lines for as long as it lives.
#[tokio::test]
#[ignore = "the other end of `a_killed_writer_leaves_whole_orders_only`"]
async fn writer() {
    let store = Store::open(&PathBuf::from(std::env::var(PATH).unwrap())).await.unwrap();
    let mut batch = 0;
    loop {
        let orders: Vec<Order> = (0..500)
            .map(|n| {
                let mut order = paid(&format!("o{batch}-{n}"), &format!("u{batch}-{n}"), "pro");
                order.items = vec![order.items[0].clone(); 3];
                order
            })
            .collect();
        store.record_orders(&shop(), &orders, at(1)).await.unwrap();
        batch += 1;
    }
}

#[tokio::test]
async fn a_killed_writer_leaves_whole_orders_only() {
    let home = Home::new();
    let store = home.store().await;
    let mut writer = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "store::killed::writer", "--ignored"])
        .env(PATH, home.path())
        .spawn()
        .unwrap();
    let patience = Instant::now() + Duration::from_secs(60);
    // A reader of another process neither waits for the writer nor sees half of what it does.
    while store.order_count(&shop()).await.unwrap() < 2_000 {
        assert!(Instant::now() < patience, "the writer wrote nothing");
        tokio::task::yield_now().await;
    }
    writer.kill().unwrap();
    writer.wait().unwrap();
    store.close().await;

    let store = home.store().await;
    let count = store.order_count(&shop()).await.unwrap();
    assert!(count >= 2_000);
    assert_eq!(count % 500, 0, "a transaction is there whole, or not at all");
    let keys: Vec<OrderKey> = (1..=u32::try_from(count).unwrap()).map(OrderKey).collect();
    let orders = store.stored_orders(&keys).await.unwrap();
    assert_eq!(orders.len() as u64, count);
    assert!(orders.iter().all(|order| order.order.items.len() == 3));
    store.record_orders(&shop(), &[paid("after", "u", "pro")], at(2)).await.unwrap();
}

#[tokio::test]
async fn a_write_that_is_given_up_leaves_nothing_and_does_not_block_the_next() {
    let home = Home::new();
    let store = home.store().await;
    let orders: Vec<Order> = (0..2_000).map(|n| paid(&format!("o{n}"), &format!("u{n}"), "pro")).collect();
    let (source, now) = (shop(), at(1));
    // Given up at its first wait, then at ever later ones, until it comes through.
    for turns in (0..).map(|power| 1_u64 << power) {
        let came_through = tokio::select! {
            biased;
            recorded = store.record_orders(&source, &orders, now) => { recorded.unwrap(); true }
            () = async { for _ in 0..turns { tokio::task::yield_now().await } } => false,
        };
        let counts = {
            let mut raw = home.raw().await;
            let row = sqlx::query("SELECT (SELECT count(*) FROM orders), (SELECT count(*) FROM items)")
                .fetch_one(&mut raw)
                .await
                .unwrap();
            (row.get::<i64, _>(0), row.get::<i64, _>(1))
        };
        if came_through {
            assert_eq!(counts, (2_000, 2_000));
            assert!(turns > 2, "it was never given up");
            break;
        }
        // Given up between the commit and the word of it, it is whole.
        assert!(counts == (0, 0) || counts == (2_000, 2_000), "{counts:?} after {turns} turns");
    }
}
