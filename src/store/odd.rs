//! Orders that could not be read completely: what is odd about each, and how many there are by source.
//!
//! Written with their orders, in the transaction of `import`.

use std::collections::{BTreeSet, HashMap};

use sqlx::SqliteConnection;

use super::codec::{Sql, bundle, count, int, list, text};
use super::error::StoreError;
use super::open::Store;
use crate::model::{Odd, OrderId, SourceName};

/// The odd orders of one source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OddOrders {
    /// How many there are.
    pub orders: u64,
    /// Rows of which not even the id could be read, as the last reads had them.
    pub nameless: u64,
    /// Some of them, the newest first, each with all that is odd about it.
    pub some: Vec<(OrderId, Vec<Odd>)>,
}

impl Store {
    /// The odd orders of `source`, of which at the most `show` are named.
    pub async fn odd_orders(&self, source: &SourceName, show: u32) -> Result<OddOrders, StoreError> {
        let read: Sql<OddOrders> = async {
            let totals = sqlx::query(
                "SELECT s.odd,
                        coalesce((SELECT nameless FROM cursors WHERE source = s.key), 0)
                 FROM sources s WHERE s.name = ?1",
            )
            .bind(source.as_str().to_owned())
            .fetch_optional(self.readers())
            .await?;
            let Some(totals) = totals else { return Ok(OddOrders::default()) };
            let rows = sqlx::query(
                "SELECT o.id, odd.says FROM odd JOIN orders o ON o.key = odd.order_key
                 WHERE odd.source = (SELECT key FROM sources WHERE name = ?1)
                 ORDER BY odd.unknown DESC, odd.since DESC, odd.order_key DESC LIMIT ?2",
            )
            .bind(source.as_str().to_owned())
            .bind(i64::from(show))
            .fetch_all(self.readers())
            .await?;
            let some: Sql<Vec<(OrderId, Vec<Odd>)>> =
                rows.iter().map(|row| Ok((text(row, 0)?.into(), bundle(text(row, 1)?)?))).collect();
            Ok(OddOrders { orders: count(int(&totals, 0)?), nameless: count(int(&totals, 1)?), some: some? })
        }
        .await;
        read.map_err(|error| self.fault(error))
    }

    /// Sources of which an order stands `unknown` because it could not be read, or a row has no id: a buyer may
    /// be among those.
    pub async fn unclear_sources(&self) -> Result<BTreeSet<SourceName>, StoreError> {
        let rows = sqlx::query(
            "SELECT s.name FROM sources s
             WHERE EXISTS (SELECT 1 FROM odd WHERE odd.source = s.key AND odd.unknown = 1)
                 OR EXISTS (SELECT 1 FROM cursors c WHERE c.source = s.key AND c.nameless > 0)",
        )
        .fetch_all(self.readers())
        .await;
        rows.and_then(|rows| rows.iter().map(|row| Ok(text(row, 0)?.into())).collect())
            .map_err(|error| self.fault(error))
    }
}

/// Writes what is odd about orders that were just recorded; `changed` are those that were known before. Gives those
/// back about which something else is odd than before.
pub(super) async fn write(
    connection: &mut SqliteConnection,
    source: i64,
    orders: &[(i64, &OrderId, &[Odd])],
    changed: &[i64],
    now: i64,
) -> Sql<Vec<(OrderId, Vec<Odd>)>> {
    let mut before = HashMap::new();
    if !changed.is_empty() {
        let rows = sqlx::query(
            "DELETE FROM odd WHERE order_key IN (SELECT value FROM json_each(?1)) RETURNING order_key, says, since",
        )
        .bind(list(changed))
        .fetch_all(&mut *connection)
        .await?;
        for row in &rows {
            before.insert(int(row, 0)?, (bundle::<Odd>(text(row, 1)?)?, int(row, 2)?));
        }
    }
    let mut news = Vec::new();
    for (key, id, odd) in orders.iter().filter(|(.., odd)| !odd.is_empty()) {
        let known = before.get(key).filter(|(said, _)| said.as_slice() == *odd);
        sqlx::query("INSERT INTO odd (order_key, source, says, unknown, since) VALUES (?1, ?2, ?3, ?4, ?5)")
            .bind(*key)
            .bind(source)
            .bind(list(odd))
            .bind(odd.iter().any(Odd::makes_unknown))
            .bind(known.map_or(now, |(_, since)| *since))
            .execute(&mut *connection)
            .await?;
        if known.is_none() {
            news.push(((*id).clone(), odd.to_vec()));
        }
    }
    Ok(news)
}
