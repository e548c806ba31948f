//! How careful the earlier versions of the file were, and what passes did under each.
//!
//! Flow: each pass that is carried out notes its version, which ends the version noted before. Reads and keeps;
//! `model::safeguards` says which of them still count.

use jiff::{SignedDuration, Timestamp};
use sqlx::sqlite::SqliteRow;

use super::codec::{Sql, grant, millis, text, time, time_or_null};
use super::error::{StoreError, unreadable};
use super::open::Store;
use crate::model::{Grant, Left, Safeguards, Version};

/// What has not counted for so long is forgotten.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

impl Store {
    /// Every version that is kept, the oldest first.
    pub async fn versions(&self) -> Result<Vec<Version>, StoreError> {
        let rows =
            sqlx::query("SELECT body, left_at, until_at FROM safeguards ORDER BY id").fetch_all(self.readers()).await;
        let version = |row: &SqliteRow| -> Sql<Version> {
            let body = text(row, 0)?;
            let safeguards = serde_json::from_str(body).map_err(|_| unreadable("safeguards", body))?;
            let left = time_or_null(row, 1)?.zip(time_or_null(row, 2)?).map(|(at, until)| Left { at, until });
            Ok(Version { safeguards, left })
        };
        rows.and_then(|rows| rows.iter().map(version).collect()).map_err(|error| self.fault(error))
    }

    /// A pass goes by a version that is so careful; it follows the last one, where that was not the same.
    pub async fn enter_version(&self, safeguards: &Safeguards, now: Timestamp) -> Result<(), StoreError> {
        let versions = self.versions().await?;
        let body =
            |safeguards: &Safeguards| serde_json::to_string(safeguards).expect("it holds numbers and texts only");
        let last = versions.iter().find(|version| version.left.is_none());
        let entered = body(safeguards);
        // By what is written: a percentage need not come back from there to the last digit.
        if last.is_some_and(|last| body(&last.safeguards) == entered) {
            return Ok(());
        }
        let left = last.map(|last| last.safeguards.leave(&versions, now));
        let mut transaction = self.begin().await?;
        let outcome: Sql<()> = async {
            if let Some(Left { at, until }) = left {
                sqlx::query("UPDATE safeguards SET left_at = ?1, until_at = ?2 WHERE left_at IS NULL")
                    .bind(millis(at))
                    .bind(millis(until))
                    .execute(&mut *transaction)
                    .await?;
            }
            // Of versions that ask for the same only the last matters.
            sqlx::query("DELETE FROM safeguards WHERE body = ?1 OR until_at < ?2")
                .bind(entered.clone())
                .bind(millis(now - KEPT))
                .execute(&mut *transaction)
                .await?;
            sqlx::query("INSERT INTO safeguards (body) VALUES (?1)")
                .bind(entered)
                .execute(&mut *transaction)
                .await
                .map(drop)
        }
        .await;
        self.end(transaction, outcome).await
    }

    /// What versions of the file gave after `since`, and is as they left it: because of a commit, or for what was sold
    /// by a mapping of theirs that was new. What one of them only gave back is not among it, or it would be theirs to
    /// take.
    pub async fn given_by_file(&self, since: Timestamp, now: Timestamp) -> Result<Vec<(Grant, Timestamp)>, StoreError> {
        let rows = sqlx::query(
            // `+`: by the index of what a version did, which are few, and not by that of what was granted.
            "SELECT user, target, max(at) FROM audit given
             WHERE +verb = 'granted' AND at > ?1 AND at <= ?2 AND author = 'file' AND NOT EXISTS (
                 SELECT 1 FROM audit later WHERE later.user = given.user AND later.target = given.target
                 AND later.id > given.id AND later.verb IN ('granted', 'adopted', 'revoked'))
             GROUP BY user, target",
        )
        .bind(millis(since))
        .bind(millis(now))
        .fetch_all(self.readers())
        .await;
        let row = |row: &SqliteRow| Ok((grant(row)?, time(row, 2)?));
        rows.and_then(|rows| rows.iter().map(row).collect()).map_err(|error| self.fault(error))
    }

    /// Since when passes have gone by the version with this digest and by no other. `None`: none has yet.
    pub async fn entered(&self, digest: &str) -> Result<Option<Timestamp>, StoreError> {
        let row = sqlx::query("SELECT since FROM config_in_force WHERE config = ?1")
            .bind(digest.to_owned())
            .fetch_optional(self.readers())
            .await;
        row.and_then(|row| row.map(|row| time(&row, 0)).transpose()).map_err(|error| self.fault(error))
    }

    /// When the first pass over everything had succeeded.
    pub async fn first_full_pass(&self) -> Result<Option<Timestamp>, StoreError> {
        let row = sqlx::query("SELECT min(finished) FROM runs WHERE kind = 'full' AND outcome = 'succeeded'")
            .fetch_one(self.readers())
            .await;
        row.and_then(|row| time_or_null(&row, 0)).map_err(|error| self.fault(error))
    }

    /// What versions of the file took away after `since`, and nobody has given again. What one of them only took back
    /// is not among it.
    pub async fn taken_by_file(&self, since: Timestamp, now: Timestamp) -> Result<Vec<Grant>, StoreError> {
        let rows = sqlx::query(
            "SELECT DISTINCT user, target FROM audit taken
             WHERE +verb = 'revoked' AND at > ?1 AND at <= ?2 AND author = 'file' AND NOT EXISTS (
                 SELECT 1 FROM audit later WHERE later.user = taken.user AND later.target = taken.target
                 AND later.id > taken.id AND later.verb IN ('granted', 'adopted', 'revoked') AND NOT EXISTS (
                     SELECT 1 FROM audit refused WHERE refused.user = later.user AND refused.target = later.target
                     AND refused.run = later.run AND refused.verb = 'refused' AND refused.id > later.id))",
        )
        .bind(millis(since))
        .bind(millis(now))
        .fetch_all(self.readers())
        .await;
        rows.and_then(|rows| rows.iter().map(grant).collect()).map_err(|error| self.fault(error))
    }
}
