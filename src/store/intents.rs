//! Intents: our writes whose outcome is not known yet. The rule is in [`store`](super): this is how they are kept and
//! closed.
//!
//! A grant is an intent from the moment it is in the ledger until it has been seen in Logto. A revocation is kept here
//! with the reason it ends, so that its line in the trail is the same whether the pass that took it sees that it is
//! gone, or the next one after a crash.

use jiff::Timestamp;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use super::audit::{Actor, Verb};
use super::codec::{Sql, grant, keys, millis, small};
use super::ends::{self, End};
use super::error::StoreError;
use super::ledger;
use super::open::Store;
use crate::model::{Grant, RunId};
use crate::planner::{Intent, TRIES};

/// What has become of writes that nobody had heard back of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClosedIntents {
    /// These grants are there.
    pub granted: Vec<Grant>,
    /// These are gone.
    pub revoked: Vec<Grant>,
    /// These were to be taken, are there, and are to stay.
    pub kept: Vec<Grant>,
    /// These were to be taken, are there, and are not tried again for now: they count for no day.
    pub waiting: Vec<Grant>,
}

impl Store {
    /// Every open one.
    pub async fn intents(&self) -> Result<Vec<(Grant, Intent)>, StoreError> {
        let rows = sqlx::query(
            "SELECT user, target, in_vain FROM open_revocations
             UNION ALL
             SELECT user, target, NULL FROM ledger l WHERE confirmed_at IS NULL AND NOT EXISTS (
                 SELECT 1 FROM open_revocations o WHERE o.user = l.user AND o.target = l.target)",
        )
        .fetch_all(self.readers())
        .await;
        rows.and_then(|rows| rows.iter().map(intent).collect()).map_err(|error| self.fault(error))
    }

    /// Revocations that were asked for at `since` or later, of which nobody has seen that they were made, and that
    /// count for a limit. One that is held because it was made in vain was seen not to be made, and does not.
    pub async fn revocations_asked_since(&self, since: Timestamp) -> Result<Vec<Grant>, StoreError> {
        let rows = sqlx::query(
            "SELECT user, target FROM open_revocations WHERE at >= ?1 AND in_vain < ?2 AND author IS NOT 'undo'",
        )
        .bind(millis(since))
        .bind(TRIES)
        .fetch_all(self.readers())
        .await;
        rows.and_then(|rows| rows.iter().map(grant).collect()).map_err(|error| self.fault(error))
    }

    /// Writes down revocations **before** Logto is asked for them, each with what ends it. One that is tried again
    /// is one of that instant: it may be made by the last of the tries, however often it was made in vain.
    pub async fn begin_ends(&self, ends: &[End], now: Timestamp) -> Result<(), StoreError> {
        let rows = ends::rows(ends);
        let mut transaction = self.begin().await?;
        let outcome = sqlx::query(
            "INSERT INTO open_revocations (user, target, at, because, source, order_id, product, line, config, author)
             SELECT value ->> 0, value ->> 1, ?2, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6,
                    value ->> 7, value ->> 8
             FROM json_each(?1) WHERE true
             ON CONFLICT (user, target) DO UPDATE SET at = excluded.at, because = excluded.because, source = excluded.source,
                 order_id = excluded.order_id, product = excluded.product, line = excluded.line,
                 config = excluded.config, author = excluded.author, in_vain = min(in_vain, ?3 - 1)",
        )
        .bind(rows)
        .bind(millis(now))
        .bind(TRIES)
        .execute(&mut *transaction)
        .await;
        self.end(transaction, outcome.map(drop)).await
    }

    /// Logto said that these were taken, and they are still held.
    pub async fn note_in_vain(&self, grants: &[Grant]) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let outcome = sqlx::query(
            "UPDATE open_revocations SET in_vain = in_vain + 1
             WHERE (user, target) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?1))",
        )
        .bind(keys(grants))
        .execute(&mut *transaction)
        .await;
        self.end(transaction, outcome.map(drop)).await
    }

    /// Writes down what has become of open ones: a grant that is there is confirmed, one that is gone ends for what
    /// was to end it.
    pub async fn close_intents(&self, run: &RunId, closed: &ClosedIntents, now: Timestamp) -> Result<(), StoreError> {
        let ClosedIntents { granted, revoked, kept, waiting } = closed;
        if [granted, revoked, kept, waiting].into_iter().all(Vec::is_empty) {
            return Ok(());
        }
        let mut transaction = self.begin().await?;
        let outcome: Sql<()> = async {
            ledger::confirm(&mut transaction, granted, now).await?;
            let ends = ends(&mut transaction, revoked).await?;
            ledger::remove(&mut transaction, Verb::Revoked, Actor::Pass(run), &ends, millis(now)).await?;
            ledger::drop_open(&mut transaction, &keys(kept)).await?;
            sqlx::query(
                "UPDATE open_revocations SET at = 0
                 WHERE at > 0 AND (user, target) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?1))",
            )
            .bind(keys(waiting))
            .execute(&mut *transaction)
            .await
            .map(drop)
        }
        .await;
        self.end(transaction, outcome).await
    }
}

/// What was written down of open revocations, as [`ledger::remove`] takes it.
async fn ends(connection: &mut SqliteConnection, grants: &[Grant]) -> Sql<String> {
    sqlx::query_scalar(
        "SELECT json_group_array(json_array(user, target, because, source, order_id, product, line, config, author))
         FROM open_revocations WHERE (user, target) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?1))",
    )
    .bind(keys(grants))
    .fetch_one(connection)
    .await
}

fn intent(row: &SqliteRow) -> Sql<(Grant, Intent)> {
    let in_vain: Option<i64> = sqlx::Row::try_get(row, 2)?;
    let intent = match in_vain {
        Some(_) => Intent::Revocation { in_vain: small(row, 2)? },
        None => Intent::Grant,
    };
    Ok((grant(row)?, intent))
}
