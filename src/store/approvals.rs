//! Held sets that a person let through: each by its digest, once, until it expires.
//!
//! Never decides what a digest stands for: that is `plan`'s.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use super::audit::{self, Actor, Verb};
use super::codec::{Sql, list, millis, text, text_or_null, time};
use super::error::StoreError;
use super::open::Store;
use crate::model::RunId;

/// A held set that a person let through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Names exactly the set that was held.
    pub digest: String,
    /// Who let it through.
    pub who: String,
    /// When.
    pub created: Timestamp,
    /// From then on it lets nothing through.
    pub expires: Timestamp,
    /// Why.
    pub note: Option<String>,
}

impl Store {
    /// Lets a held set through. One that was let through before, used or not, is let through anew.
    pub async fn approve(&self, approval: &Approval) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let outcome = approve(&mut transaction, approval).await;
        self.end(transaction, outcome).await
    }

    /// What is let through at `now`: neither used nor expired. By digest.
    pub async fn open_approvals(&self, now: Timestamp) -> Result<Vec<Approval>, StoreError> {
        let rows = sqlx::query(
            "SELECT digest, who, created, expires, note FROM approvals
             WHERE used_at IS NULL AND expires > ?1 ORDER BY digest",
        )
        .bind(millis(now))
        .fetch_all(self.readers())
        .await;
        rows.and_then(|rows| rows.iter().map(approval).collect()).map_err(|error| self.fault(error))
    }

    /// Uses approvals up, and returns the digests of those that were open still, ascending. To be called
    /// **before** what they let through is carried out, and only for what is returned: else a crash would
    /// let a set through twice.
    pub async fn use_approvals(
        &self,
        run: &RunId,
        digests: &[String],
        now: Timestamp,
    ) -> Result<Vec<String>, StoreError> {
        let mut transaction = self.begin().await?;
        let outcome = use_up(&mut transaction, run, digests, now).await;
        self.end(transaction, outcome).await
    }
}

pub(super) async fn approve(connection: &mut SqliteConnection, approval: &Approval) -> Sql<()> {
    sqlx::query(
        "INSERT INTO approvals (digest, created, expires, who, note) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (digest) DO UPDATE SET created = excluded.created, expires = excluded.expires,
             who = excluded.who, note = excluded.note, used_at = NULL, run = NULL",
    )
    .bind(approval.digest.clone())
    .bind(millis(approval.created))
    .bind(millis(approval.expires))
    .bind(approval.who.clone())
    .bind(approval.note.clone())
    .execute(&mut *connection)
    .await?;
    let line = (approval.digest.as_str(), approval.note.as_deref());
    audit::append(connection, Verb::Approved, Actor::Person(&approval.who), &[line], approval.created).await
}

async fn use_up(
    connection: &mut SqliteConnection,
    run: &RunId,
    digests: &[String],
    now: Timestamp,
) -> Sql<Vec<String>> {
    let rows = sqlx::query(
        "UPDATE approvals SET used_at = ?2, run = ?3
         WHERE digest IN (SELECT value FROM json_each(?1)) AND used_at IS NULL AND expires > ?2 RETURNING digest",
    )
    .bind(list(digests))
    .bind(millis(now))
    .bind(run.as_str().to_owned())
    .fetch_all(&mut *connection)
    .await?;
    let mut used: Vec<String> = rows.iter().map(|row| Ok(text(row, 0)?.to_owned())).collect::<Sql<_>>()?;
    used.sort_unstable();
    let lines: Vec<_> = used.iter().map(|digest| (digest.as_str(), None)).collect();
    audit::append(connection, Verb::ApprovalUsed, Actor::Pass(run), &lines, now).await?;
    Ok(used)
}

fn approval(row: &SqliteRow) -> Sql<Approval> {
    Ok(Approval {
        digest: text(row, 0)?.to_owned(),
        who: text(row, 1)?.to_owned(),
        created: time(row, 2)?,
        expires: time(row, 3)?,
        note: text_or_null(row, 4)?.map(str::to_owned),
    })
}
