//! The store: real files in a directory that vanishes with the test.

mod adjustments;
mod care;
mod costs;
mod file;
mod identity;
mod killed;
mod ledger;
mod manual;
mod orders;
mod own;
mod purchases;
mod runs;
mod upgrade;

use std::path::PathBuf;

use entitled::model::{Buyer, Email, Item, Order, OrderId, SourceName, Standing};
use entitled::store::Store;
use jiff::Timestamp;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, SqliteConnection};
use tempfile::TempDir;

/// A store of its own for one test.
struct Home {
    directory: TempDir,
}

impl Home {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("entitled.db")
    }

    async fn store(&self) -> Store {
        Store::open(&self.path()).await.unwrap()
    }

    /// The file as somebody with the SQLite shell would open it.
    async fn raw(&self) -> SqliteConnection {
        SqliteConnectOptions::new().filename(self.path()).create_if_missing(true).connect().await.unwrap()
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn shop() -> SourceName {
    "shop".into()
}

fn buyer(user: &str) -> Buyer {
    Buyer { user: Some(user.into()), email: Email::parse(&format!("{user}@example.com")) }
}

/// A paid order of one product, paid and changed at second 1,000.
fn paid(id: &str, user: &str, product: &str) -> Order {
    Order {
        id: OrderId::from(id),
        buyer: buyer(user),
        items: vec![Item::one(product.into())],
        standing: Standing::Paid,
        status: Some("completed".to_owned()),
        paid_at: Some(at(1_000)),
        updated_at: Some(at(1_000)),
        ended_at: None,
        period_end: None,
        renewal: Default::default(),
    }
}

/// `order` as the source tells it after a change at `second`.
fn changed(order: &Order, standing: Standing, second: i64) -> Order {
    Order { standing, updated_at: Some(at(second)), ..order.clone() }
}
