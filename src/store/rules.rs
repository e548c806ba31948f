//! Which version of the rules the last full pass settled this store by. A program with newer rules can so tell what
//! ends only because of them.
//!
//! Knows the number of the rules and nothing of what they say.

use jiff::Timestamp;

use super::codec::millis;
use super::error::StoreError;
use super::open::Store;

impl Store {
    /// The newest rules by which a full pass has settled this store. `None`: it has seen none that said so.
    pub async fn rules(&self) -> Result<Option<i64>, StoreError> {
        let version = sqlx::query_scalar("SELECT version FROM rules").fetch_optional(self.readers()).await;
        version.map_err(|error| self.fault(error))
    }

    /// A full pass by these rules has left nothing of what they end. Older rules than those known change nothing.
    pub async fn settle_rules(&self, version: i64, now: Timestamp) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let outcome = sqlx::query(
            "INSERT INTO rules (one, version, settled_at) VALUES (1, ?1, ?2)
             ON CONFLICT (one) DO UPDATE SET version = excluded.version, settled_at = excluded.settled_at
             WHERE version < excluded.version",
        )
        .bind(version)
        .bind(millis(now))
        .execute(&mut *transaction)
        .await;
        self.end(transaction, outcome.map(drop)).await
    }
}
