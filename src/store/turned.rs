//! The orders behind the ledger as they are now: whose, and for what.
//!
//! Keeps no history: what an order was when it caused a grant is what the row of the ledger says. Decides nothing.

use std::collections::BTreeMap;

use sqlx::sqlite::SqliteRow;

use super::codec::{self, Sql, list, small, text, text_or_null};
use super::error::StoreError;
use super::keys::{BuyerKey, ProductKey};
use super::open::Store;
use crate::model::{OrderKey, ProductId, Standing, UserId};

/// What an order says now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderNow {
    /// Where it stands.
    pub standing: Standing,
    /// Whom the payment API names.
    pub buyer: BuyerKey,
    /// Who that is. `None`: nobody yet, or more than one.
    pub user: Option<UserId>,
    /// The user whom the same identity was before a commit said otherwise.
    pub was: Option<UserId>,
    /// What it is for.
    pub lines: Vec<LineNow>,
}

/// A line of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineNow {
    /// The row of the product.
    pub key: ProductKey,
    /// The product.
    pub product: ProductId,
    /// Where the line stands.
    pub standing: Standing,
}

impl Store {
    /// What these orders say now; one that is not in the store is left out.
    pub async fn orders_now(&self, orders: &[OrderKey]) -> Result<BTreeMap<OrderKey, OrderNow>, StoreError> {
        self.read_now(orders).await.map_err(|error| self.fault(error))
    }

    async fn read_now(&self, orders: &[OrderKey]) -> Sql<BTreeMap<OrderKey, OrderNow>> {
        let keys: Vec<u32> = orders.iter().map(|order| order.0).collect();
        let keys = list(&keys);
        // One snapshot: the lines of an order belong to the same reading as its head.
        let mut snapshot = self.readers().begin().await?;
        let heads = sqlx::query(
            "SELECT o.key, o.standing, b.key, b.user, b.was FROM orders o JOIN buyers b ON b.key = o.buyer
             WHERE o.key IN (SELECT value FROM json_each(?1))",
        )
        .bind(keys.clone())
        .fetch_all(&mut *snapshot)
        .await?;
        let lines = sqlx::query(
            "SELECT i.order_key, p.id, i.standing, p.key FROM items i JOIN products p ON p.key = i.product
             WHERE i.order_key IN (SELECT value FROM json_each(?1)) ORDER BY i.order_key, i.line",
        )
        .bind(keys)
        .fetch_all(&mut *snapshot)
        .await?;
        let mut now = BTreeMap::new();
        for row in &heads {
            let one = OrderNow {
                standing: codec::standing(row, 1)?,
                buyer: BuyerKey(small(row, 2)?),
                user: text_or_null(row, 3)?.map(UserId::from),
                was: text_or_null(row, 4)?.map(UserId::from),
                lines: Vec::new(),
            };
            now.insert(OrderKey(small(row, 0)?), one);
        }
        for row in &lines {
            if let Some(order) = now.get_mut(&OrderKey(small(row, 0)?)) {
                order.lines.push(LineNow {
                    key: ProductKey(small(row, 3)?),
                    product: text(row, 1)?.into(),
                    standing: codec::standing(row, 2)?,
                });
            }
        }
        Ok(now)
    }

    /// Everybody who holds something of ours because of one of these orders, ascending.
    pub async fn owners_by(&self, orders: &[OrderKey]) -> Result<Vec<UserId>, StoreError> {
        let orders: Vec<u32> = orders.iter().map(|order| order.0).collect();
        let rows = sqlx::query(
            "SELECT DISTINCT l.user FROM orders o CROSS JOIN sources s ON s.key = o.source
             CROSS JOIN ledger l ON l.source = s.name AND l.order_id = o.id
             WHERE o.key IN (SELECT value FROM json_each(?1)) ORDER BY l.user",
        )
        .bind(list(&orders))
        .fetch_all(self.readers())
        .await;
        rows.and_then(|rows| rows.iter().map(|row| Ok(text(row, 0)?.into())).collect())
            .map_err(|error| self.fault(error))
    }

    /// Orders whose buyer is nobody now, or more than one, each with the last user to whom something was given
    /// for it; but for what was there before a binding that is gone said so. `users`: only orders behind something of theirs.
    pub async fn last_buyers(&self, users: Option<&[UserId]>) -> Result<BTreeMap<OrderKey, UserId>, StoreError> {
        let rows = match users {
            None => sqlx::query(
                "SELECT o.key, l.user FROM buyers b CROSS JOIN orders o ON o.buyer = b.key
                 CROSS JOIN sources s ON s.key = o.source CROSS JOIN ledger l ON l.source = s.name AND l.order_id = o.id
                 WHERE b.user IS NULL AND NOT (l.ownership IS 'adopted' AND l.cause IS 'commit' AND b.was IS l.user)
                 ORDER BY l.since, l.user",
            ),
            Some(users) => sqlx::query(
                "SELECT o.key, l.user FROM ledger mine CROSS JOIN sources s ON s.name = mine.source
                 CROSS JOIN orders o ON o.source = s.key AND o.id = mine.order_id
                 CROSS JOIN buyers b ON b.key = o.buyer AND b.user IS NULL
                 CROSS JOIN ledger l ON l.source = mine.source AND l.order_id = mine.order_id
                 WHERE mine.user IN (SELECT value FROM json_each(?1))
                 AND NOT (l.ownership IS 'adopted' AND l.cause IS 'commit' AND b.was IS l.user)
                 ORDER BY l.since, l.user",
            )
            .bind(list(users)),
        };
        let rows = rows.fetch_all(self.readers()).await;
        let pair =
            |row: &SqliteRow| -> Sql<(OrderKey, UserId)> { Ok((OrderKey(small(row, 0)?), text(row, 1)?.into())) };
        // Of several, the last one stays.
        rows.and_then(|rows| rows.iter().map(pair).collect()).map_err(|error| self.fault(error))
    }

    /// What was bought before its buyer became another user than before: a commit gives what that gives. What the shop
    /// puts into such an order later is a sale. `among`: only of these orders.
    pub async fn moved_lines(&self, among: Option<&[OrderKey]>) -> Result<Vec<(OrderKey, ProductKey)>, StoreError> {
        let rows = match among {
            None => sqlx::query(
                "SELECT o.key, i.product FROM buyers b CROSS JOIN orders o ON o.buyer = b.key
                 CROSS JOIN items i ON i.order_key = o.key
                 WHERE b.moved_at IS NOT NULL AND o.entitled_seen_at < b.moved_at AND i.since < b.moved_at
                 ORDER BY o.key, i.product",
            ),
            Some(orders) => sqlx::query(
                "SELECT o.key, i.product FROM orders o CROSS JOIN buyers b ON b.key = o.buyer
                 CROSS JOIN items i ON i.order_key = o.key
                 WHERE o.key IN (SELECT value FROM json_each(?1))
                 AND b.moved_at IS NOT NULL AND o.entitled_seen_at < b.moved_at AND i.since < b.moved_at
                 ORDER BY o.key, i.product",
            )
            .bind(list(&orders.iter().map(|order| order.0).collect::<Vec<_>>())),
        };
        let rows = rows.fetch_all(self.readers()).await;
        let line = |row: &SqliteRow| -> Sql<_> { Ok((OrderKey(small(row, 0)?), ProductKey(small(row, 1)?))) };
        rows.and_then(|rows| rows.iter().map(line).collect()).map_err(|error| self.fault(error))
    }
}
