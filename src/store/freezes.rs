//! Freezes: a person says that nothing is taken away, or nothing is written at all, until a given time.
//!
//! Never keeps a freeze beyond its end: it ends by itself.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use super::audit::{self, Actor, Verb};
use super::codec::{Sql, millis, text, time};
use super::error::{StoreError, unreadable};
use super::open::Store;

/// What a freeze stops. The later is the stronger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FreezeScope {
    /// Nothing is taken away.
    Revocations,
    /// Nothing is written to Logto.
    All,
}

/// A time in which nothing is taken away, or nothing is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freeze {
    /// What it stops.
    pub scope: FreezeScope,
    /// From then on.
    pub since: Timestamp,
    /// Then it ends by itself.
    pub until: Timestamp,
    /// Why.
    pub reason: String,
    /// Who said so.
    pub who: String,
}

impl FreezeScope {
    /// The word in the store and in every output.
    pub fn word(self) -> &'static str {
        match self {
            Self::Revocations => "revocations",
            Self::All => "all",
        }
    }

    fn from_word(word: &str) -> Sql<Self> {
        [Self::Revocations, Self::All]
            .into_iter()
            .find(|scope| scope.word() == word)
            .ok_or_else(|| unreadable("scope of a freeze", word))
    }
}

impl Store {
    /// Begins a freeze. Others that are in force stay so.
    pub async fn freeze(&self, freeze: &Freeze) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let outcome = begin(&mut transaction, freeze).await;
        self.end(transaction, outcome).await
    }

    /// Ends every freeze that has not ended, and returns how many those were.
    pub async fn unfreeze(&self, who: &str, now: Timestamp) -> Result<usize, StoreError> {
        let mut transaction = self.begin().await?;
        let outcome = end(&mut transaction, who, now).await;
        self.end(transaction, outcome).await
    }

    /// The strongest freeze in force at `now`, and of several that are equal the one that ends last. One that was said
    /// is in force, whatever the clock says of when that was: it may have been ahead then, or be behind now.
    pub async fn frozen(&self, now: Timestamp) -> Result<Option<Freeze>, StoreError> {
        Ok(self.freezes(now).await?.into_iter().max_by_key(|freeze| (freeze.scope, freeze.until)))
    }

    /// Every freeze in force at `now`, the one that ends first at the beginning.
    pub async fn freezes(&self, now: Timestamp) -> Result<Vec<Freeze>, StoreError> {
        let rows = sqlx::query(
            "SELECT scope, since, until, reason, who FROM freezes
             WHERE until > ?1 AND ended_at IS NULL ORDER BY until, id",
        )
        .bind(millis(now))
        .fetch_all(self.readers())
        .await;
        rows.and_then(|rows| rows.iter().map(freeze).collect()).map_err(|error| self.fault(error))
    }
}

async fn begin(connection: &mut SqliteConnection, freeze: &Freeze) -> Sql<()> {
    sqlx::query("INSERT INTO freezes (scope, since, until, reason, who) VALUES (?1, ?2, ?3, ?4, ?5)")
        .bind(freeze.scope.word())
        .bind(millis(freeze.since))
        .bind(millis(freeze.until))
        .bind(freeze.reason.clone())
        .bind(freeze.who.clone())
        .execute(&mut *connection)
        .await?;
    let line = (freeze.scope.word(), Some(freeze.reason.as_str()));
    audit::append(connection, Verb::Frozen, Actor::Person(&freeze.who), &[line], freeze.since).await
}

async fn end(connection: &mut SqliteConnection, who: &str, now: Timestamp) -> Sql<usize> {
    let rows = sqlx::query(
        "UPDATE freezes SET ended_at = ?1, ended_by = ?2 WHERE until > ?1 AND ended_at IS NULL RETURNING scope, reason",
    )
    .bind(millis(now))
    .bind(who.to_owned())
    .fetch_all(&mut *connection)
    .await?;
    let lines: Vec<_> = rows.iter().map(|row| Ok((text(row, 0)?, Some(text(row, 1)?)))).collect::<Sql<_>>()?;
    audit::append(connection, Verb::Unfrozen, Actor::Person(who), &lines, now).await?;
    Ok(rows.len())
}

fn freeze(row: &SqliteRow) -> Sql<Freeze> {
    Ok(Freeze {
        scope: FreezeScope::from_word(text(row, 0)?)?,
        since: time(row, 1)?,
        until: time(row, 2)?,
        reason: text(row, 3)?.to_owned(),
        who: text(row, 4)?.to_owned(),
    })
}
