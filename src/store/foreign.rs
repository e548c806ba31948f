//! Grants that exist in Logto and that the ledger does not own, and since when they are known.
//!
//! Never decides that a grant is ours; only remembers what a pass saw.

use jiff::Timestamp;
use sqlx::sqlite::SqliteRow;

use super::audit::Verb;
use super::codec::{Sql, grant, int, keys, list, millis, small, time};
use super::ends::End;
use super::error::StoreError;
use super::open::Store;
use crate::model::{Grant, OrderKey, RunId, UserId};

/// A grant that is not ours, and when a pass first saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignGrant {
    /// Who holds what.
    pub grant: Grant,
    /// When the pass began that saw it first.
    pub first_seen: Timestamp,
    /// What orders said of it then.
    pub spoken_of: SpokenOf,
}

/// Whether any order spoke of a grant when it was first seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SpokenOf {
    /// None did: no order that was known then is what gave it.
    No,
    /// One entitled to it, had ended and was in its grace, or stood as nobody knows.
    Yes,
}

/// When an order was paid, at the latest, and since when it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paid {
    /// Which order.
    pub order: OrderKey,
    /// In milliseconds since 1970.
    pub at: i64,
    /// Likewise.
    pub known_since: i64,
}

impl Store {
    /// What is remembered of these users, or of all, by user and target.
    pub async fn foreign(&self, users: Option<&[UserId]>) -> Result<Vec<ForeignGrant>, StoreError> {
        const ALL: &str = "SELECT user, target, first_seen, explained FROM foreign_grants WHERE ?1 IS NULL";
        const SOME: &str = "SELECT user, target, first_seen, explained FROM foreign_grants
                            WHERE user IN (SELECT value FROM json_each(?1))";
        let rows = match users {
            None => sqlx::query(ALL).bind(None::<String>),
            Some(users) => sqlx::query(SOME).bind(list(users)),
        };
        let one = |row: &SqliteRow| {
            let spoken_of = if int(row, 3)? == 0 { SpokenOf::No } else { SpokenOf::Yes };
            Ok(ForeignGrant { grant: grant(row)?, first_seen: time(row, 2)?, spoken_of })
        };
        let rows: Sql<Vec<ForeignGrant>> =
            rows.fetch_all(self.readers()).await.and_then(|rows| rows.iter().map(one).collect());
        let mut rows = rows.map_err(|error| self.fault(error))?;
        rows.sort_unstable_by(|one, other| one.grant.cmp(&other.grant));
        Ok(rows)
    }

    /// Remembers grants that a pass saw at `at`, and forgets those that it proved to be gone. What is known
    /// already keeps its time, and what is ours is not remembered.
    pub async fn note_foreign(
        &self,
        seen: &[(Grant, SpokenOf)],
        gone: &[Grant],
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let row = |(grant, spoken_of): &(Grant, SpokenOf)| {
            (grant.user.as_str().to_owned(), grant.target.key(), i64::from(*spoken_of == SpokenOf::Yes))
        };
        let (seen, gone) = (list(&seen.iter().map(row).collect::<Vec<_>>()), keys(gone));
        let mut transaction = self.begin().await?;
        let outcome: Sql<()> = async {
            // What a clock that was ahead dated later than now was there by now.
            sqlx::query("UPDATE foreign_grants SET first_seen = ?1 WHERE first_seen > ?1")
                .bind(millis(at))
                .execute(&mut *transaction)
                .await?;
            sqlx::query(
                "DELETE FROM foreign_grants
                 WHERE (user, target) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?1))",
            )
            .bind(gone)
            .execute(&mut *transaction)
            .await?;
            sqlx::query(
                "INSERT INTO foreign_grants (user, target, first_seen, explained)
                 SELECT j.value ->> 0, j.value ->> 1, ?2, j.value ->> 2 FROM json_each(?1) j
                 WHERE NOT EXISTS (SELECT 1 FROM ledger l WHERE l.user = j.value ->> 0 AND l.target = j.value ->> 1)
                 ON CONFLICT DO NOTHING",
            )
            .bind(seen)
            .bind(millis(at))
            .execute(&mut *transaction)
            .await
            .map(drop)
        }
        .await;
        self.end(transaction, outcome).await
    }

    /// Grants of ours that a pass saw to be gone and that were not made again since, ascending.
    pub async fn lost(&self) -> Result<Vec<Grant>, StoreError> {
        let rows =
            sqlx::query("SELECT user, target FROM ledger WHERE lost_at IS NOT NULL").fetch_all(self.readers()).await;
        let mut grants: Vec<Grant> =
            rows.and_then(|rows| rows.iter().map(grant).collect()).map_err(|error| self.fault(error))?;
        grants.sort_unstable();
        Ok(grants)
    }

    /// A pass saw at `at` that these grants of ours are gone.
    pub async fn note_lost(&self, grants: &[Grant], at: Timestamp) -> Result<(), StoreError> {
        if grants.is_empty() {
            return Ok(());
        }
        let mut transaction = self.begin().await?;
        let outcome = sqlx::query(
            "UPDATE ledger SET lost_at = ?2
             WHERE lost_at IS NULL AND (user, target) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?1))",
        )
        .bind(keys(grants))
        .bind(millis(at))
        .execute(&mut *transaction)
        .await;
        self.end(transaction, outcome.map(drop)).await
    }

    /// Gives grants up without taking them from anybody, each for a reason. Unlike what a person
    /// [releases](Self::release), an order may explain them anew.
    pub async fn let_go(&self, run: &RunId, ends: &[End], now: Timestamp) -> Result<(), StoreError> {
        if ends.is_empty() {
            return Ok(());
        }
        self.end_rows(Verb::Released, run, ends, now).await
    }

    /// Remembers how targets are called, as key and name.
    pub async fn note_target_names(&self, names: &[(String, &str)]) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let outcome = sqlx::query(
            "INSERT INTO target_names (target, name) SELECT value ->> 0, value ->> 1 FROM json_each(?1) WHERE true
             ON CONFLICT (target) DO UPDATE SET name = excluded.name WHERE name <> excluded.name",
        )
        .bind(list(names))
        .execute(&mut *transaction)
        .await;
        self.end(transaction, outcome.map(drop)).await
    }

    /// When each of these orders was paid, at the latest. Where the payment API does not tell, the earliest time by
    /// which it must have been; where it tells the day or the second alone, the end of that, or when the order was
    /// first read.
    pub async fn paid_by(&self, orders: &[OrderKey]) -> Result<Vec<Paid>, StoreError> {
        let orders: Vec<u32> = orders.iter().map(|order| order.0).collect();
        let rows = sqlx::query(
            "SELECT key, coalesce(paid_at, min(coalesce(updated_at, entitled_seen_at),
                                               coalesce(entitled_seen_at, updated_at)), seen_at), seen_at
             FROM orders WHERE key IN (SELECT value FROM json_each(?1))",
        )
        .bind(list(&orders))
        .fetch_all(self.readers())
        .await;
        let one = |row: &SqliteRow| {
            let (paid, known_since) = (int(row, 1)?, int(row, 2)?);
            let at = match paid {
                day if day.rem_euclid(DAY) == 0 => (day + DAY - 1).min(known_since.max(day)),
                second if second.rem_euclid(SECOND) == 0 => (second + SECOND - 1).min(known_since.max(second)),
                exact => exact,
            };
            Ok(Paid { order: OrderKey(small(row, 0)?), at, known_since })
        };
        rows.and_then(|rows| rows.iter().map(one).collect()).map_err(|error| self.fault(error))
    }
}

/// Milliseconds.
const DAY: i64 = 86_400_000;
/// Likewise.
const SECOND: i64 = 1_000;
