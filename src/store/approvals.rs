//! Held sets that a person let through: each by its digest, until it expires.
//!
//! Which of its actions are let through and used: see `approved`. What a digest stands for is decided by the planner,
//! never here.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::SqliteConnection;

use super::audit::{self, Actor, Verb};
use super::codec::{Sql, millis};
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
    /// The run that is taken back thereby; no pass may use such an approval up.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub undoes: Option<RunId>,
}

/// Writes down that a set is let through. One that was let through before, used or not, is let through anew.
pub(super) async fn approve(connection: &mut SqliteConnection, approval: &Approval) -> Sql<()> {
    sqlx::query(
        "INSERT INTO approvals (digest, created, expires, who, note, undoes) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (digest) DO UPDATE SET created = excluded.created, expires = excluded.expires,
             who = excluded.who, note = excluded.note, undoes = excluded.undoes, used_at = NULL, run = NULL",
    )
    .bind(approval.digest.clone())
    .bind(millis(approval.created))
    .bind(millis(approval.expires))
    .bind(approval.who.clone())
    .bind(approval.note.clone())
    .bind(approval.undoes.as_ref().map(|run| run.as_str().to_owned()))
    .execute(&mut *connection)
    .await?;
    let line = (approval.digest.as_str(), approval.note.as_deref());
    audit::append(connection, Verb::Approved, Actor::Person(&approval.who), &[line], approval.created).await
}
