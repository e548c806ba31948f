//! One writer at a time, over all processes: a row that says who, and until when.
//!
//! Never waits: whoever finds it held decides whether to stand by or to give up.

use jiff::{SignedDuration, Timestamp};

use super::error::StoreError;
use super::open::Store;
use super::rows::{Sql, millis, text, time};

/// Who may write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeaseOutcome {
    /// The one who asked.
    Held,
    /// Somebody else.
    HeldBy {
        /// Who.
        holder: String,
        /// Until when, unless it is renewed.
        until: Timestamp,
    },
}

impl Store {
    /// Takes the lease for `holder` until `now + ttl`, if nobody else has it or the other's has run out.
    pub async fn acquire_lease(
        &self,
        holder: &str,
        ttl: SignedDuration,
        now: Timestamp,
    ) -> Result<LeaseOutcome, StoreError> {
        let until = now.saturating_add(ttl).expect("a duration without calendar units can always be added");
        let mut transaction = self.begin().await?;
        let outcome: Sql<LeaseOutcome> = async {
            sqlx::query(
                "INSERT INTO lease (one, holder, until) VALUES (1, ?1, ?2)
                 ON CONFLICT (one) DO UPDATE SET holder = excluded.holder, until = excluded.until
                 WHERE lease.holder = excluded.holder OR lease.until <= ?3",
            )
            .bind(holder.to_owned())
            .bind(millis(until))
            .bind(millis(now))
            .execute(&mut *transaction)
            .await?;
            let row = sqlx::query("SELECT holder, until FROM lease").fetch_one(&mut *transaction).await?;
            Ok(match text(&row, 0)? {
                has if has == holder => LeaseOutcome::Held,
                other => LeaseOutcome::HeldBy { holder: other.to_owned(), until: time(&row, 1)? },
            })
        }
        .await;
        self.end(transaction, outcome).await
    }

    /// Keeps the lease until `now + ttl`. One that ran out is kept too, unless somebody took it meanwhile:
    /// then whoever asks must stop writing.
    pub async fn renew_lease(
        &self,
        holder: &str,
        ttl: SignedDuration,
        now: Timestamp,
    ) -> Result<LeaseOutcome, StoreError> {
        self.acquire_lease(holder, ttl, now).await
    }

    /// Gives the lease back. Does nothing where somebody else has it.
    pub async fn release_lease(&self, holder: &str) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let outcome =
            sqlx::query("DELETE FROM lease WHERE holder = ?1").bind(holder.to_owned()).execute(&mut *transaction).await;
        self.end(transaction, outcome.map(drop)).await
    }
}
