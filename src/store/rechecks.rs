//! When an order was last asked for by its id, so that those behind live grants, and those that wait to be paid, are asked
//! for in turn.
//!
//! Decides only whose turn it is, never what follows from the answer.

use jiff::{SignedDuration, Timestamp};

use super::codec::{Sql, count, millis, text};
use super::error::StoreError;
use super::open::Store;
use crate::model::{OrderId, SourceName};

/// For so long an order that waits to be paid is asked for: nobody pays later.
const PENDING_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);

impl Store {
    /// Orders of `source` whose turn it is: of those that back grants, to be asked for within `backing`, and of those that
    /// wait to be paid, within `pending`.
    pub async fn due(
        &self,
        source: &SourceName,
        backing: Option<SignedDuration>,
        pending: Option<SignedDuration>,
        poll: SignedDuration,
        now: Timestamp,
    ) -> Result<Vec<OrderId>, StoreError> {
        let mut due = Vec::new();
        if let Some(every) = backing {
            due.extend(self.due_checks(source, every, poll, now).await?);
        }
        if let Some(every) = pending {
            due.extend(self.due_pending(source, every, poll, now).await?);
        }
        Ok(due)
    }

    /// Orders of `source` that back grants of the ledger and were not asked for within `every`, whoever waits
    /// longest first: of all that there are, as many as fall to one of the polls `poll` apart, so that all of
    /// them come round within `every` and never at once.
    pub async fn due_checks(
        &self,
        source: &SourceName,
        every: SignedDuration,
        poll: SignedDuration,
        now: Timestamp,
    ) -> Result<Vec<OrderId>, StoreError> {
        let read: Sql<Vec<OrderId>> = async {
            let backing: Option<i64> = sqlx::query_scalar("SELECT backing FROM sources WHERE name = ?1")
                .bind(source.as_str().to_owned())
                .fetch_optional(self.readers())
                .await?;
            let share = poll.as_secs_f64() / every.as_secs_f64().max(f64::MIN_POSITIVE);
            let turn = (backing.map_or(0, count) as f64 * share.clamp(0.0, 1.0)).ceil() as i64;
            // Each end of the row by itself, so that nothing between them is looked at.
            let rows = sqlx::query(
                "SELECT o.id FROM (
                     SELECT * FROM (SELECT order_key, asked_at FROM backing
                                    WHERE source = (SELECT key FROM sources WHERE name = ?1) AND asked_at <= ?2
                                    ORDER BY asked_at, order_key LIMIT ?3)
                     UNION ALL
                     SELECT * FROM (SELECT order_key, asked_at FROM backing
                                    WHERE source = (SELECT key FROM sources WHERE name = ?1) AND asked_at > ?4
                                    ORDER BY asked_at, order_key LIMIT ?3)
                 ) b CROSS JOIN orders o ON o.key = b.order_key
                 ORDER BY b.asked_at, b.order_key LIMIT ?3",
            )
            .bind(source.as_str().to_owned())
            .bind(millis(now.checked_sub(every).unwrap_or(Timestamp::MIN)))
            .bind(turn)
            // By a clock that was ahead.
            .bind(millis(now.checked_add(SignedDuration::from_secs(1)).unwrap_or(Timestamp::MAX)))
            .fetch_all(self.readers())
            .await?;
            rows.iter().map(|row| Ok(text(row, 0)?.into())).collect()
        }
        .await;
        read.map_err(|error| self.fault(error))
    }

    /// Orders of `source` that wait to be paid and were not asked for within `every`, in the same way. One that has
    /// waited for 30 days is left to the full reads.
    async fn due_pending(
        &self,
        source: &SourceName,
        every: SignedDuration,
        poll: SignedDuration,
        now: Timestamp,
    ) -> Result<Vec<OrderId>, StoreError> {
        let read: Sql<Vec<OrderId>> = async {
            let since = millis(now.checked_sub(PENDING_FOR).unwrap_or(Timestamp::MIN));
            // The number of `pending` is written out, or the index of those that are would not serve.
            let waiting: i64 = sqlx::query_scalar(
                "SELECT count(*) FROM orders WHERE source = (SELECT key FROM sources WHERE name = ?1)
                     AND standing = 0 AND standing_since > ?2",
            )
            .bind(source.as_str().to_owned())
            .bind(since)
            .fetch_one(self.readers())
            .await?;
            let share = poll.as_secs_f64() / every.as_secs_f64().max(f64::MIN_POSITIVE);
            let turn = (count(waiting) as f64 * share.clamp(0.0, 1.0)).ceil() as i64;
            let rows = sqlx::query(
                "SELECT o.id FROM orders o LEFT JOIN checks c ON c.order_key = o.key
                 WHERE o.source = (SELECT key FROM sources WHERE name = ?1)
                     AND o.standing = 0 AND o.standing_since > ?2 AND coalesce(c.asked_at, o.seen_at) <= ?3
                 ORDER BY coalesce(c.asked_at, o.seen_at), o.key LIMIT ?4",
            )
            .bind(source.as_str().to_owned())
            .bind(since)
            .bind(millis(now.checked_sub(every).unwrap_or(Timestamp::MIN)))
            .bind(turn)
            .fetch_all(self.readers())
            .await?;
            rows.iter().map(|row| Ok(text(row, 0)?.into())).collect()
        }
        .await;
        read.map_err(|error| self.fault(error))
    }

    /// An order was asked for by its id, and the payment API gave it or did not.
    pub async fn note_check(
        &self,
        source: &SourceName,
        id: &OrderId,
        confirmed: Confirmed,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let outcome = sqlx::query(
            "INSERT INTO checks (order_key, asked_at, confirmed_at)
             SELECT o.key, ?3, iif(?4, ?3, NULL) FROM orders o
             WHERE o.source = (SELECT key FROM sources WHERE name = ?1) AND o.id = ?2
             ON CONFLICT (order_key) DO UPDATE SET
                 asked_at = excluded.asked_at, confirmed_at = coalesce(excluded.confirmed_at, confirmed_at)",
        )
        .bind(source.as_str().to_owned())
        .bind(id.as_str().to_owned())
        .bind(millis(now))
        .bind(confirmed == Confirmed::Yes)
        .execute(&mut *transaction)
        .await;
        self.end(transaction, outcome.map(drop)).await
    }
}

/// Whether the payment API gave the order that it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmed {
    /// It did.
    Yes,
    /// It did not, or could not be asked.
    No,
}
