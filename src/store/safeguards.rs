//! How careful the versions of the file were that passes went by, and what those versions did.
//!
//! Flow: a pass that is carried out notes its version; what was noted before it has then been left. Reads and keeps;
//! what still counts is the model's to say.

use jiff::{SignedDuration, Timestamp};
use sqlx::sqlite::SqliteRow;

use super::codec::{Sql, millis, text, time_or_null};
use super::error::{StoreError, unreadable};
use super::ledger::grant;
use super::open::Store;
use crate::model::{Grant, Safeguards, Version};

/// What has been left for longer is forgotten. No delay is that long.
const KEPT: SignedDuration = SignedDuration::from_hours(60 * 24);

impl Store {
    /// Every version that is kept, the oldest first.
    pub async fn versions(&self) -> Result<Vec<Version>, StoreError> {
        let rows = sqlx::query("SELECT body, left_at FROM safeguards ORDER BY id").fetch_all(self.readers()).await;
        let version = |row: &SqliteRow| -> Sql<Version> {
            let body = text(row, 0)?;
            let safeguards = serde_json::from_str(body).map_err(|_| unreadable("safeguards", body))?;
            Ok(Version { safeguards, left: time_or_null(row, 1)? })
        };
        rows.and_then(|rows| rows.iter().map(version).collect()).map_err(|error| self.fault(error))
    }

    /// A pass goes by a version that is so careful; it follows the last one, where that was not the same.
    pub async fn enter_version(&self, safeguards: &Safeguards, now: Timestamp) -> Result<(), StoreError> {
        if self.versions().await?.last().is_some_and(|last| last.safeguards == *safeguards) {
            return Ok(());
        }
        let body = serde_json::to_string(safeguards).expect("it holds numbers and texts only");
        let mut transaction = self.begin().await?;
        let outcome: Sql<()> = async {
            sqlx::query("UPDATE safeguards SET left_at = ?1 WHERE left_at IS NULL")
                .bind(millis(now))
                .execute(&mut *transaction)
                .await?;
            sqlx::query("INSERT INTO safeguards (body) VALUES (?1)").bind(body).execute(&mut *transaction).await?;
            sqlx::query("DELETE FROM safeguards WHERE left_at < ?1")
                .bind(millis(now - KEPT))
                .execute(&mut *transaction)
                .await
                .map(drop)
        }
        .await;
        self.end(transaction, outcome).await
    }

    /// What versions of the file took away after `since`, and nobody has given again.
    pub async fn taken_by_file(&self, since: Timestamp) -> Result<Vec<Grant>, StoreError> {
        let rows = sqlx::query(
            "SELECT DISTINCT user, target FROM audit taken
             WHERE verb = 'revoked' AND at > ?1 AND author IS NOT NULL AND NOT EXISTS (
                 SELECT 1 FROM audit later WHERE later.user = taken.user AND later.target = taken.target
                 AND later.id > taken.id AND later.verb IN ('granted', 'adopted', 'revoked'))",
        )
        .bind(millis(since))
        .fetch_all(self.readers())
        .await;
        rows.and_then(|rows| rows.iter().map(grant).collect()).map_err(|error| self.fault(error))
    }
}
