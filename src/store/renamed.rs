//! A source that was renamed: everything known under the old name is carried over to the new one, once.
//!
//! The trail stays as it is, since nobody can change it: looking up an order by the old name there leads to the new
//! one.

use std::path::Path;

use jiff::Timestamp;
use sqlx::{Connection as _, SqliteConnection};

use super::codec::{Sql, count, int, list, millis, text, text_or_null};
use super::connect;
use super::error::StoreError;
use super::keys::source_key;
use super::open::Store;
use crate::model::{OrderId, SourceName};

/// A source that the store has heard of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownSource {
    /// Its name.
    pub name: SourceName,
    /// A name for where it was read last, where that is known.
    pub address: Option<String>,
    /// The settings that it was read with, where that is known.
    pub reading: Option<i64>,
    /// Whether the last full pass went by a file that names it.
    pub presence: Presence,
}

/// Whether a file names a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It does.
    Named,
    /// It does not.
    Absent,
}

/// A source as a store has it that nobody has opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeekedSource {
    /// Its name.
    pub name: SourceName,
    /// A name for where it was read last, where that is known.
    pub address: Option<String>,
    /// How many grants of the ledger rest on its orders.
    pub grants: u64,
}

impl Store {
    /// The sources that the ledger of the store at `path` names, by name; none where there is no such store. Neither
    /// creates nor changes anything.
    pub async fn peek(path: &Path) -> Result<Vec<PeekedSource>, StoreError> {
        if !matches!(path.try_exists(), Ok(true)) {
            return Ok(Vec::new());
        }
        let fault = |error| StoreError::of(path, error);
        let mut connection = connect::unchanged(path).await.map_err(fault)?;
        let rows = sqlx::query(
            "SELECT l.source, s.address, count(*) FROM ledger l LEFT JOIN sources s ON s.name = l.source
             GROUP BY l.source ORDER BY l.source",
        )
        .fetch_all(&mut connection)
        .await;
        connection.close().await.map_err(fault)?;
        let source = |row: &sqlx::sqlite::SqliteRow| -> Sql<PeekedSource> {
            Ok(PeekedSource {
                name: text(row, 0)?.into(),
                address: text_or_null(row, 1)?.map(str::to_owned),
                grants: count(int(row, 2)?),
            })
        };
        rows.and_then(|rows| rows.iter().map(source).collect()).map_err(fault)
    }

    /// Every source that an order or a cursor ever named, by name.
    pub async fn sources(&self) -> Result<Vec<KnownSource>, StoreError> {
        let rows = sqlx::query(
            "SELECT s.name, s.address, c.reading, s.absent FROM sources s LEFT JOIN cursors c ON c.source = s.key
             ORDER BY 1",
        )
        .fetch_all(self.readers())
        .await;
        let source = |row: &sqlx::sqlite::SqliteRow| -> Sql<KnownSource> {
            Ok(KnownSource {
                name: text(row, 0)?.into(),
                address: text_or_null(row, 1)?.map(str::to_owned),
                reading: sqlx::Row::try_get(row, 2)?,
                presence: if int(row, 3)? == 0 { Presence::Named } else { Presence::Absent },
            })
        };
        rows.and_then(|rows| rows.iter().map(source).collect()).map_err(|error| self.fault(error))
    }

    /// How many grants of the ledger rest on orders of each source, by name.
    pub async fn owned_by_source(&self) -> Result<Vec<(SourceName, u64)>, StoreError> {
        let rows = sqlx::query("SELECT source, count(*) FROM ledger GROUP BY source ORDER BY source")
            .fetch_all(self.readers())
            .await;
        rows.and_then(|rows| rows.iter().map(|row| Ok((text(row, 0)?.into(), count(int(row, 1)?)))).collect())
            .map_err(|error| self.fault(error))
    }

    /// Remembers where the sources of the file are read, each by a name for that place; all others are absent.
    pub async fn note_addresses(&self, addresses: &[(SourceName, String)]) -> Result<(), StoreError> {
        let rows: Vec<_> = addresses.iter().map(|(name, address)| (name.as_str(), address)).collect();
        let mut transaction = self.begin().await?;
        let outcome: Sql<()> = async {
            for statement in [
                "UPDATE sources SET address = j.value ->> 1 FROM json_each(?1) j
                 WHERE sources.name = j.value ->> 0 AND address IS NOT j.value ->> 1",
                "UPDATE sources SET absent = NOT absent
                 WHERE absent = (name IN (SELECT value ->> 0 FROM json_each(?1)))",
            ] {
                sqlx::query(statement).bind(list(&rows)).execute(&mut *transaction).await?;
            }
            Ok(())
        }
        .await;
        self.end(transaction, outcome).await
    }

    /// Whether something is still known under this name.
    pub async fn knows(&self, source: &SourceName) -> Result<bool, StoreError> {
        sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM sources WHERE name = ?1) OR EXISTS (SELECT 1 FROM ledger WHERE source = ?1)",
        )
        .bind(source.as_str().to_owned())
        .fetch_one(self.readers())
        .await
        .map_err(|error| self.fault(error))
    }

    /// Carries over what is known of `was` to `source`: orders, how far they were read, what overlays say of
    /// them, when they were asked for, what is ours because of them, and which mappings are settled. Of two
    /// copies of an order the newer reading stays: see [`Store::same_id`]. One transaction; where nothing is known of
    /// `was`, nothing.
    pub async fn rename_source(&self, was: &SourceName, source: &SourceName, now: Timestamp) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let outcome = rename(&mut transaction, was.as_str(), source, millis(now)).await;
        self.end(transaction, outcome).await
    }

    /// An id that stands for one order here and for another one there. They can only be one where both were paid at the
    /// same moment, as exactly as the coarser of the two times tells it, and have a product or the buyer in common;
    /// where one of them tells no time, both. Who corrects an address or exchanges a product does not pay anew.
    pub async fn same_id(&self, one: &SourceName, other: &SourceName) -> Result<Option<OrderId>, StoreError> {
        let id: Sql<Option<String>> = sqlx::query_scalar(
            "SELECT id FROM (
                 SELECT old.key, old.id, old.paid_at AS paid, new.paid_at AS also_paid,
                     CASE WHEN 0 IN (old.paid_at % 86400000, new.paid_at % 86400000) THEN 86400000
                          WHEN 0 IN (old.paid_at % 1000, new.paid_at % 1000) THEN 1000 ELSE 1 END AS step,
                     a.key = b.key AS same_row,
                     (a.email <> '' AND a.email = b.email)
                     OR (a.claimed <> '' AND a.claimed IN (b.claimed, coalesce(b.user, b.claimed)))
                     OR coalesce(a.user IN (b.claimed, b.user), 0) AS buyer,
                     EXISTS (
                         SELECT 1 FROM items i JOIN products p ON p.key = i.product
                         JOIN items j ON j.order_key = new.key JOIN products q ON q.key = j.product
                         WHERE i.order_key = old.key AND q.id = p.id)
                     OR NOT EXISTS (SELECT 1 FROM items i WHERE i.order_key IN (old.key, new.key)) AS product
                 FROM sources was CROSS JOIN orders old ON old.source = was.key
                 CROSS JOIN sources now ON now.name = ?2
                 CROSS JOIN orders new ON new.source = now.key AND new.id = old.id
                 CROSS JOIN buyers a ON a.key = old.buyer CROSS JOIN buyers b ON b.key = new.buyer
                 WHERE was.name = ?1)
             WHERE NOT iif(paid IS NULL OR also_paid IS NULL, (buyer OR same_row) AND product,
                           paid / step = also_paid / step AND (buyer OR product))
             ORDER BY key LIMIT 1",
        )
        .bind(one.as_str().to_owned())
        .bind(other.as_str().to_owned())
        .fetch_optional(self.readers())
        .await;
        Ok(id.map_err(|error| self.fault(error))?.map(OrderId::from))
    }
}

/// In the order in which one row may lean on another. `?1` is the key of the old source, `?2` that of the new one.
///
/// The pairs of copies are looked for by every statement anew: each leaves the next one what it needs.
const STEPS: [&str; 19] = [
    // What was first seen under the old name was first seen then, and what it told of the payment is still true.
    "UPDATE orders SET seen_at = min(orders.seen_at, old.seen_at),
         paid_at = coalesce(orders.paid_at, old.paid_at,
                            iif(orders.entitled_seen_at IS NOT NULL AND old.entitled_seen_at IS NOT NULL,
                                min(orders.updated_at, old.updated_at), NULL)),
         entitled_seen_at = coalesce(min(orders.entitled_seen_at, old.entitled_seen_at), orders.entitled_seen_at,
                                     old.entitled_seen_at)
     FROM orders old WHERE old.source = ?1 AND orders.source = ?2 AND orders.id = old.id",
    "UPDATE orders SET seen_at = min(orders.seen_at, new.seen_at),
         paid_at = coalesce(orders.paid_at, new.paid_at),
         entitled_seen_at = coalesce(min(orders.entitled_seen_at, new.entitled_seen_at), orders.entitled_seen_at,
                                     new.entitled_seen_at)
     FROM orders new WHERE new.source = ?2 AND orders.source = ?1 AND orders.id = new.id",
    // The copy that is older goes; the old one too where nobody can say.
    "CREATE TEMP TABLE outdated AS
     SELECT iif(old.updated_at > new.updated_at, new.key, old.key) AS key
     FROM orders old JOIN orders new ON new.id = old.id AND new.source = ?2 WHERE old.source = ?1",
    "DELETE FROM items WHERE order_key IN (SELECT key FROM temp.outdated)",
    "DELETE FROM checks WHERE order_key IN (SELECT key FROM temp.outdated)",
    "DELETE FROM odd WHERE order_key IN (SELECT key FROM temp.outdated)",
    "DELETE FROM orders WHERE key IN (SELECT key FROM temp.outdated)",
    // Products that both know are one.
    "UPDATE items SET product = new.key FROM products old JOIN products new ON new.id = old.id AND new.source = ?2
     WHERE old.source = ?1 AND items.product = old.key",
    "DELETE FROM products WHERE source = ?1 AND id IN (SELECT id FROM products WHERE source = ?2)",
    "UPDATE products SET source = ?2 WHERE source = ?1",
    // What overlays say of an order that was read without them is still to be put on it.
    "UPDATE marks SET open = 1 WHERE source = ?1 AND EXISTS (
         SELECT 1 FROM temp.outdated) AND order_id IN (SELECT id FROM orders WHERE source = ?2)",
    "UPDATE orders SET source = ?2 WHERE source = ?1",
    "UPDATE OR IGNORE marks SET source = ?2 WHERE source = ?1",
    "DELETE FROM marks WHERE source = ?1",
    "UPDATE OR IGNORE cursors SET source = ?2 WHERE source = ?1",
    "DELETE FROM cursors WHERE source = ?1",
    "UPDATE odd SET source = ?2 WHERE source = ?1",
    // Where the file went without the old one for a while, what comes back with it is new.
    "UPDATE sources SET address = coalesce(sources.address, old.address), absent = max(sources.absent, old.absent)
     FROM sources old WHERE old.key = ?1 AND sources.key = ?2",
    "DELETE FROM sources WHERE key = ?1 AND ?2 IS NOT NULL",
];

async fn rename(connection: &mut SqliteConnection, was: &str, source: &SourceName, now: i64) -> Sql<()> {
    let old: Option<i64> = sqlx::query_scalar("SELECT key FROM sources WHERE name = ?1")
        .bind(was.to_owned())
        .fetch_optional(&mut *connection)
        .await?;
    if let Some(old) = old {
        let new = source_key(connection, source).await?;
        for step in STEPS {
            sqlx::query(step).bind(old).bind(new).execute(&mut *connection).await?;
        }
        sqlx::query("DROP TABLE temp.outdated").execute(&mut *connection).await?;
    }
    for statement in
        ["UPDATE ledger SET source = ?2 WHERE source = ?1", "UPDATE open_revocations SET source = ?2 WHERE source = ?1"]
    {
        sqlx::query(statement).bind(was.to_owned()).bind(source.as_str().to_owned()).execute(&mut *connection).await?;
    }
    // A product that counts in one source only is named after it.
    for statement in [
        "UPDATE OR IGNORE mappings SET product = ?2 || substr(product, length(?1) + 1)
         WHERE substr(product, 1, length(?1) + 1) = ?1 || '/'",
        "DELETE FROM mappings WHERE substr(product, 1, length(?1) + 1) = ?1 || '/' AND ?2 <> ?1",
        "INSERT INTO renamed (was, source, since) VALUES (?1, ?2, ?3)
         ON CONFLICT (was) DO UPDATE SET source = excluded.source, since = excluded.since",
        "UPDATE renamed SET source = ?2 WHERE source = ?1 AND was <> ?2",
    ] {
        sqlx::query(statement)
            .bind(was.to_owned())
            .bind(source.as_str().to_owned())
            .bind(now)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_table_that_leans_on_orders_or_sources_comes_along() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("entitled.db")).await.unwrap();
        let references: Vec<(String, String, String)> = sqlx::query_as(
            "SELECT t.name, f.\"from\", f.\"table\" FROM sqlite_schema t JOIN pragma_foreign_key_list(t.name) f
             WHERE t.type = 'table' AND f.\"table\" IN ('orders', 'sources') ORDER BY 1, 2",
        )
        .fetch_all(store.readers())
        .await
        .unwrap();
        assert!(references.len() >= 7, "{references:?}");
        for (table, column, to) in references {
            let starts = match to.as_str() {
                "orders" => vec![format!("DELETE FROM {table} WHERE {column} IN (SELECT key FROM temp.outdated)")],
                _ => vec![
                    format!("UPDATE {table} SET {column} = ?2 WHERE {column} = ?1"),
                    format!("UPDATE OR IGNORE {table} SET {column} = ?2 WHERE {column} = ?1"),
                ],
            };
            let named = STEPS.iter().any(|step| starts.iter().any(|start| step.starts_with(start)));
            assert!(named, "`{table}.{column}` leans on {to}, and no step carries it over");
        }
    }
}
