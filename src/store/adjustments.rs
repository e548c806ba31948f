//! What overlays say of orders, kept until a later state of the same item says otherwise.
//!
//! Never touches an order: recording one asks what is said of it, and closes the note, in its own transaction.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use sqlx::SqliteConnection;

use super::codec::{Sql, list, millis, of_json, standing, text, text_or_null, time};
use super::error::StoreError;
use super::keys::source_key;
use super::open::Store;
use crate::model::{Adjustment, OrderId, Override, Part, SourceName};

/// What is said of some orders.
#[derive(Debug, Default)]
pub(super) struct Adjusted {
    /// What is forced on each, in no order. An end that no item tells is when its standing was first read.
    pub(super) overrides: HashMap<OrderId, Vec<Override>>,
    /// Those of them that were not recorded yet since what is said of them changed.
    pub(super) open: HashSet<OrderId>,
}

impl Store {
    /// Keeps a page of marks, as read with the settings that `reading` stands for. The orders of those that are
    /// new or say something else are open from now on.
    pub async fn keep_adjustments(
        &self,
        source: &SourceName,
        adjustments: &[Adjustment],
        reading: i64,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let rows: Vec<_> = adjustments
            .iter()
            .map(|Adjustment { overlay, item, order, overrides }| {
                let overrides = overrides.as_ref();
                let standing = overrides.map(|overrides| overrides.standing as i64);
                let ended_at = overrides.and_then(|overrides| overrides.ended_at).map(millis);
                let part = overrides.map(|overrides| &overrides.part).filter(|part| **part != Part::Whole);
                let part = part.map(|part| serde_json::to_string(part).expect("texts and numbers are always JSON"));
                (overlay, item, order.as_str(), standing, ended_at, part)
            })
            .collect();
        let mut transaction = self.begin().await?;
        let outcome: Sql<()> = async {
            let source = source_key(&mut transaction, source).await?;
            // An item that forces nothing is of interest only where it did before.
            sqlx::query(
                "INSERT INTO marks (source, overlay, item, order_id, standing, ended_at, part, since, reading, open)
                 SELECT ?1, j.value ->> 0, j.value ->> 1, j.value ->> 2, j.value ->> 3, j.value ->> 4, j.value ->> 5, ?3,
                        ?4, 1
                 FROM json_each(?2) j
                 WHERE j.value ->> 3 IS NOT NULL OR EXISTS (
                     SELECT 1 FROM marks m
                     WHERE m.source = ?1 AND m.overlay = j.value ->> 0 AND m.item = j.value ->> 1)
                 ON CONFLICT (source, overlay, item) DO UPDATE SET
                     since = iif(standing IS excluded.standing, since, excluded.since),
                     open = iif(standing IS excluded.standing AND ended_at IS excluded.ended_at
                                AND part IS excluded.part AND order_id = excluded.order_id, open, 1),
                     order_id = excluded.order_id, standing = excluded.standing, ended_at = excluded.ended_at,
                     part = excluded.part, reading = excluded.reading
                 WHERE standing IS NOT excluded.standing OR ended_at IS NOT excluded.ended_at
                     OR part IS NOT excluded.part OR order_id <> excluded.order_id OR reading <> excluded.reading",
            )
            .bind(source)
            .bind(list(&rows))
            .bind(millis(now))
            .bind(reading)
            .execute(&mut *transaction)
            .await
            .map(drop)
        }
        .await;
        self.end(transaction, outcome).await
    }

    /// Drops the marks of `source` that were read with other settings than `reading` stands for, by overlays that are
    /// not among `overlays` any more. What one of these said before is true still: its list may be too short by now to
    /// say it again.
    pub async fn drop_other_adjustments(
        &self,
        source: &SourceName,
        reading: i64,
        overlays: &[i64],
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let outcome = sqlx::query(
            "DELETE FROM marks WHERE source = (SELECT key FROM sources WHERE name = ?1) AND reading <> ?2
             AND overlay NOT IN (SELECT value FROM json_each(?3))",
        )
        .bind(source.as_str().to_owned())
        .bind(reading)
        .bind(list(overlays))
        .execute(&mut *transaction)
        .await;
        self.end(transaction, outcome.map(drop)).await
    }

    /// Earlier versions told overlays apart by their places in the file. Marks that were read with these very settings
    /// become those of the overlay that stands there.
    pub async fn name_overlays(&self, source: &SourceName, reading: i64, overlays: &[i64]) -> Result<(), StoreError> {
        let old: Sql<bool> = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM marks WHERE source = (SELECT key FROM sources WHERE name = ?1)
                            AND overlay BETWEEN 0 AND 65535)",
        )
        .bind(source.as_str().to_owned())
        .fetch_one(self.readers())
        .await;
        if !old.map_err(|error| self.fault(error))? {
            return Ok(());
        }
        let mut transaction = self.begin().await?;
        let outcome = sqlx::query(
            "UPDATE OR REPLACE marks SET overlay = j.value FROM json_each(?3) j
             WHERE source = (SELECT key FROM sources WHERE name = ?1) AND reading = ?2 AND overlay = j.key",
        )
        .bind(source.as_str().to_owned())
        .bind(reading)
        .bind(list(overlays))
        .execute(&mut *transaction)
        .await;
        self.end(transaction, outcome.map(drop)).await
    }

    /// Orders that the store has and that are not recorded yet with what is said of them, by id.
    pub async fn open_adjustments(&self, source: &SourceName) -> Result<Vec<OrderId>, StoreError> {
        let rows = sqlx::query(
            "SELECT DISTINCT m.order_id FROM marks m JOIN orders o ON o.source = m.source AND o.id = m.order_id
             WHERE m.open AND m.source = (SELECT key FROM sources WHERE name = ?1) ORDER BY m.order_id",
        )
        .bind(source.as_str().to_owned())
        .fetch_all(self.readers())
        .await;
        rows.and_then(|rows| rows.iter().map(|row| Ok(text(row, 0)?.into())).collect())
            .map_err(|error| self.fault(error))
    }
}

/// What overlays of a source say of these orders.
pub(super) async fn said_of(connection: &mut SqliteConnection, source: i64, orders: &[&str]) -> Sql<Adjusted> {
    let any: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM marks WHERE source = ?1)")
        .bind(source)
        .fetch_one(&mut *connection)
        .await?;
    let mut adjusted = Adjusted::default();
    if !any {
        return Ok(adjusted);
    }
    let rows = sqlx::query(
        "SELECT m.order_id, m.standing IS NOT NULL, coalesce(m.standing, 0), coalesce(m.ended_at, m.since), m.open, m.part
         FROM json_each(?2) j CROSS JOIN marks m ON m.order_id = j.value
         WHERE m.source = ?1",
    )
    .bind(source)
    .bind(list(orders))
    .fetch_all(connection)
    .await?;
    for row in &rows {
        let order = OrderId::from(text(row, 0)?);
        if sqlx::Row::try_get(row, 4)? {
            adjusted.open.insert(order.clone());
        }
        if sqlx::Row::try_get(row, 1)? {
            let part = text_or_null(row, 5)?.map(of_json).transpose()?.unwrap_or_default();
            let overrides = Override { standing: standing(row, 2)?, ended_at: Some(time(row, 3)?), part };
            adjusted.overrides.entry(order).or_default().push(overrides);
        }
    }
    Ok(adjusted)
}

/// These orders are recorded with all that is said of them.
pub(super) async fn close(connection: &mut SqliteConnection, source: i64, orders: &[&str]) -> Sql<()> {
    sqlx::query(
        "UPDATE marks SET open = 0
         WHERE source = ?1 AND open AND order_id IN (SELECT value FROM json_each(?2))",
    )
    .bind(source)
    .bind(list(orders))
    .execute(connection)
    .await
    .map(drop)
}
