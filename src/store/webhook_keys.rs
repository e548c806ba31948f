//! The webhook that was set up in Logto.
//!
//! Its key is a secret: it leaves the store as one, and only to verify a delivery.

use jiff::Timestamp;

use super::codec::{Sql, millis, text};
use super::error::StoreError;
use super::open::Store;
use crate::secret::Secret;

/// A webhook of Logto.
#[derive(Clone, Debug)]
pub struct LogtoHook {
    /// Its id in Logto.
    pub id: String,
    /// Where it sends to.
    pub url: String,
    /// What it signs with.
    pub key: Secret,
}

impl Store {
    /// The webhook that was set up last; `None` where none was.
    pub async fn logto_hook(&self) -> Result<Option<LogtoHook>, StoreError> {
        let row = sqlx::query("SELECT id, url, signing_key FROM logto_hook").fetch_optional(self.readers()).await;
        row.and_then(|row| {
            row.map(|row| -> Sql<LogtoHook> {
                let key = Secret::new(text(&row, 2)?.to_owned());
                Ok(LogtoHook { id: text(&row, 0)?.to_owned(), url: text(&row, 1)?.to_owned(), key })
            })
            .transpose()
        })
        .map_err(|error| self.fault(error))
    }

    /// Remembers a webhook instead of any before it.
    pub async fn keep_logto_hook(&self, hook: &LogtoHook, now: Timestamp) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let outcome = sqlx::query(
            "INSERT INTO logto_hook (one, id, url, signing_key, since) VALUES (1, ?1, ?2, ?3, ?4)
             ON CONFLICT (one) DO UPDATE SET id = excluded.id, url = excluded.url,
                 signing_key = excluded.signing_key, since = excluded.since",
        )
        .bind(hook.id.clone())
        .bind(hook.url.clone())
        .bind(hook.key.expose().to_owned())
        .bind(millis(now))
        .execute(&mut *transaction)
        .await;
        self.end(transaction, outcome.map(drop)).await
    }
}
