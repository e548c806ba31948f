//! Reads the mirror of the orders.
//!
//! Never writes: `import` does.

use std::collections::HashMap;

use jiff::Timestamp;
use sqlx::SqliteConnection;

use super::buyers::buyer;
use super::codec::{self, Sql, bundle, count, int, list, small, text, text_or_null, time, time_or_null};
use super::error::StoreError;
use super::keys::{BuyerKey, ProductKey};
use super::open::Store;
use crate::model::{Item, Odd, Order, OrderId, OrderKey, ProductId, ReadOrder, Renewal, SourceName, Standing};

/// An order as the store has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredOrder {
    /// Its row. Stable, and never reused.
    pub key: OrderKey,
    /// Where it was read.
    pub source: SourceName,
    /// What the source said last, times to the millisecond.
    pub order: Order,
    /// When it was first read.
    pub seen_at: Timestamp,
    /// When its standing came to hold: what the source says, else when we saw it change.
    pub standing_since: Timestamp,
    /// What of it could not be read.
    pub odd: Vec<Odd>,
}

impl StoredOrder {
    /// The order as it was read last.
    pub fn into_read(self) -> ReadOrder {
        ReadOrder { order: self.order, odd: self.odd, productless: 0 }
    }
}

/// A product that some order names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredProduct {
    /// Its row. Stable, and never reused.
    pub key: ProductKey,
    /// Where it is sold.
    pub source: SourceName,
    /// Its id there.
    pub id: ProductId,
}

impl Store {
    /// These orders, by key; one that is not in the store is left out.
    pub async fn stored_orders(&self, keys: &[OrderKey]) -> Result<Vec<StoredOrder>, StoreError> {
        let keys: Vec<u32> = keys.iter().map(|key| key.0).collect();
        let read = async {
            let mut snapshot = self.readers().begin().await?;
            whole_orders(&mut snapshot, &keys).await
        };
        read.await.map_err(|error| self.fault(error))
    }

    /// The order that `source` calls `id`, also where that source goes by another name now.
    pub async fn find_order(&self, source: &SourceName, id: &OrderId) -> Result<Option<StoredOrder>, StoreError> {
        let key = sqlx::query(
            "SELECT o.key FROM orders o WHERE o.id = ?2 AND o.source = (
                 SELECT key FROM sources WHERE name = ?1
                 UNION ALL SELECT key FROM sources WHERE name = (SELECT source FROM renamed WHERE was = ?1) LIMIT 1)",
        )
        .bind(source.as_str().to_owned())
        .bind(id.as_str().to_owned())
        .fetch_optional(self.readers())
        .await
        .and_then(|row| row.map(|row| small(&row, 0)).transpose())
        .map_err(|error| self.fault(error))?;
        match key {
            Some(key) => Ok(self.stored_orders(&[OrderKey(key)]).await?.pop()),
            None => Ok(None),
        }
    }

    /// How many orders of `source` are known.
    pub async fn order_count(&self, source: &SourceName) -> Result<u64, StoreError> {
        sqlx::query_scalar("SELECT orders FROM sources WHERE name = ?1")
            .bind(source.as_str().to_owned())
            .fetch_optional(self.readers())
            .await
            .map(|orders| orders.map_or(0, count))
            .map_err(|error| self.fault(error))
    }

    /// How many orders of `source` stand how, in the order of [`Standing::ALL`], without those that none does.
    pub async fn standing_counts(&self, source: &SourceName) -> Result<Vec<(Standing, u64)>, StoreError> {
        sqlx::query(
            "SELECT standing, count(*) FROM orders WHERE source = (SELECT key FROM sources WHERE name = ?1)
             GROUP BY standing ORDER BY standing",
        )
        .bind(source.as_str().to_owned())
        .fetch_all(self.readers())
        .await
        .and_then(|rows| rows.iter().map(|row| Ok((codec::standing(row, 0)?, count(int(row, 1)?)))).collect())
        .map_err(|error| self.fault(error))
    }

    /// Every order of these buyers, by key.
    pub async fn orders_of_buyers(&self, buyers: &[BuyerKey]) -> Result<Vec<OrderKey>, StoreError> {
        let buyers: Vec<u32> = buyers.iter().map(|buyer| buyer.0).collect();
        sqlx::query("SELECT key FROM orders WHERE buyer IN (SELECT value FROM json_each(?1)) ORDER BY key")
            .bind(list(&buyers))
            .fetch_all(self.readers())
            .await
            .and_then(|rows| rows.iter().map(|row| Ok(OrderKey(small(row, 0)?))).collect())
            .map_err(|error| self.fault(error))
    }

    /// Every product that an order ever named, by key.
    pub async fn products(&self) -> Result<Vec<StoredProduct>, StoreError> {
        let rows =
            sqlx::query("SELECT p.key, s.name, p.id FROM products p JOIN sources s ON s.key = p.source ORDER BY 1")
                .fetch_all(self.readers())
                .await;
        rows.and_then(|rows| {
            let product = |row| -> Sql<StoredProduct> {
                Ok(StoredProduct {
                    key: ProductKey(small(row, 0)?),
                    source: text(row, 1)?.into(),
                    id: text(row, 2)?.into(),
                })
            };
            rows.iter().map(product).collect()
        })
        .map_err(|error| self.fault(error))
    }

    /// The source of each of these orders.
    pub async fn sources_of_orders(&self, orders: &[OrderKey]) -> Result<Vec<(OrderKey, SourceName)>, StoreError> {
        let orders: Vec<u32> = orders.iter().map(|order| order.0).collect();
        let rows = sqlx::query(
            "SELECT o.key, s.name FROM orders o JOIN sources s ON s.key = o.source
             WHERE o.key IN (SELECT value FROM json_each(?1))",
        )
        .bind(list(&orders))
        .fetch_all(self.readers())
        .await;
        rows.and_then(|rows| rows.iter().map(|row| Ok((OrderKey(small(row, 0)?), text(row, 1)?.into()))).collect())
            .map_err(|error| self.fault(error))
    }
}

/// Whole orders, by key. Asked within one snapshot: the lines of an order belong to the same reading as its head.
pub(super) async fn whole_orders(connection: &mut SqliteConnection, keys: &[u32]) -> Sql<Vec<StoredOrder>> {
    let keys = list(keys);
    let heads = sqlx::query(
        "SELECT o.key, s.name, o.id, b.claimed, b.email, o.standing, o.status, o.paid_at, o.updated_at, o.ended_at,
                o.period_end, o.seen_at, o.standing_since, odd.says, o.renews
         FROM orders o JOIN sources s ON s.key = o.source JOIN buyers b ON b.key = o.buyer
             LEFT JOIN odd ON odd.order_key = o.key
         WHERE o.key IN (SELECT value FROM json_each(?1)) ORDER BY o.key",
    )
    .bind(keys.clone())
    .fetch_all(&mut *connection)
    .await?;
    let lines = sqlx::query(
        "SELECT i.order_key, p.id, i.quantity, i.said, i.until, i.id FROM items i JOIN products p ON p.key = i.product
         WHERE i.order_key IN (SELECT value FROM json_each(?1)) ORDER BY i.order_key, i.line",
    )
    .bind(keys)
    .fetch_all(&mut *connection)
    .await?;
    let mut items: HashMap<u32, Vec<Item>> = HashMap::with_capacity(heads.len());
    for row in &lines {
        items.entry(small(row, 0)?).or_default().push(Item {
            product: text(row, 1)?.into(),
            quantity: small(row, 2)?,
            standing: codec::standing_or_null(row, 3)?,
            term: codec::term(row, 4)?,
            id: text_or_null(row, 5)?.map(str::to_owned),
        });
    }
    heads
        .iter()
        .map(|row| {
            let key = small(row, 0)?;
            Ok(StoredOrder {
                key: OrderKey(key),
                source: text(row, 1)?.into(),
                order: Order {
                    id: text(row, 2)?.into(),
                    buyer: buyer(text(row, 3)?, text(row, 4)?)?,
                    items: items.remove(&key).unwrap_or_default(),
                    standing: codec::standing(row, 5)?,
                    status: text_or_null(row, 6)?.map(str::to_owned),
                    paid_at: time_or_null(row, 7)?,
                    updated_at: time_or_null(row, 8)?,
                    ended_at: time_or_null(row, 9)?,
                    period_end: time_or_null(row, 10)?,
                    renewal: if int(row, 14)? == 0 { Renewal::Off } else { Renewal::Expected },
                },
                seen_at: time(row, 11)?,
                standing_since: time(row, 12)?,
                odd: text_or_null(row, 13)?.map(bundle).transpose()?.unwrap_or_default(),
            })
        })
        .collect()
}
