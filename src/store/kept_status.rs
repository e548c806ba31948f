//! What the last passes withheld, and what did not work: for commands that ask while no daemon answers.
//!
//! Stores each document as it is given, and never interprets it.

use jiff::Timestamp;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use super::codec::{Sql, list, millis, text, time};
use super::error::StoreError;
use super::open::Store;
use crate::model::{RunId, UserId};

/// A change that was withheld.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldRow {
    /// `grant` or `revoke`.
    pub verb: String,
    /// The key of the target.
    pub target: String,
    /// The id of the user.
    pub user: String,
    /// The whole of it.
    pub document: String,
}

/// Something that does not work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TroubleRow {
    /// What it is about: there is one trouble about one thing.
    pub about: String,
    /// When it began.
    pub since: Timestamp,
    /// The whole of it.
    pub document: String,
}

/// Of whom what is withheld is said.
#[derive(Clone, Copy, Debug)]
pub enum HeldOf<'a> {
    /// Of everybody but these, by a full pass.
    AllBut(&'a [UserId]),
    /// Of these users, by a quick pass.
    Users(&'a [UserId]),
    /// Of everybody, by taking a run back. What taking another one back withheld is forgotten.
    Undoing(&'a RunId),
}

impl Store {
    /// Remembers what is withheld now. What was said before of the same and is not said again is forgotten, and
    /// nothing is written that stands there already.
    pub async fn note_held(&self, of: HeldOf<'_>, rows: &[HeldRow]) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let outcome = note_held(&mut transaction, of, rows).await;
        self.end(transaction, outcome).await
    }

    /// The documents of what the last passes withheld, or of what taking a run back did.
    pub async fn held(&self, undoes: Option<&RunId>) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query("SELECT document FROM held_changes WHERE undoes = ?1 ORDER BY user, target, verb")
            .bind(undoes.map_or_else(String::new, |run| run.as_str().to_owned()))
            .fetch_all(self.readers())
            .await;
        let document = |row: &SqliteRow| text(row, 0).map(str::to_owned);
        rows.and_then(|rows| rows.iter().map(document).collect()).map_err(|error| self.fault(error))
    }

    /// Remembers everything that does not work now. A trouble that is known keeps its beginning.
    pub async fn note_troubles(&self, rows: &[TroubleRow]) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let outcome = note_troubles(&mut transaction, rows).await;
        self.end(transaction, outcome).await
    }

    /// What did not work when that was last said.
    pub async fn troubles(&self) -> Result<Vec<TroubleRow>, StoreError> {
        let rows = sqlx::query("SELECT about, since, document FROM troubles ORDER BY about");
        let rows = rows.fetch_all(self.readers()).await;
        rows.and_then(|rows| rows.iter().map(trouble).collect()).map_err(|error| self.fault(error))
    }
}

async fn note_held(connection: &mut SqliteConnection, of: HeldOf<'_>, rows: &[HeldRow]) -> Sql<()> {
    let keys: Vec<[&str; 4]> = rows.iter().map(|row| [&*row.user, &*row.target, &*row.verb, &*row.document]).collect();
    let keys = list(&keys);
    let undoes = match of {
        HeldOf::Undoing(run) => run.as_str().to_owned(),
        HeldOf::AllBut(_) | HeldOf::Users(_) => String::new(),
    };
    if let HeldOf::Undoing(_) = of {
        sqlx::query("DELETE FROM held_changes WHERE undoes NOT IN ('', ?1)")
            .bind(undoes.clone())
            .execute(&mut *connection)
            .await?;
    }
    let ids = |users: &[UserId]| list(&users.iter().map(UserId::as_str).collect::<Vec<_>>());
    let (users, but) = match of {
        HeldOf::Users(users) => (Some(ids(users)), ids(&[])),
        HeldOf::AllBut(users) => (None, ids(users)),
        HeldOf::Undoing(_) => (None, ids(&[])),
    };
    sqlx::query(
        "DELETE FROM held_changes WHERE undoes = ?1
         AND (?3 IS NULL OR user IN (SELECT value FROM json_each(?3)))
         AND user NOT IN (SELECT value FROM json_each(?4))
         AND (user, target, verb) NOT IN (SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?2))",
    )
    .bind(undoes.clone())
    .bind(keys.clone())
    .bind(users)
    .bind(but)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "INSERT INTO held_changes (undoes, user, target, verb, document)
         SELECT ?1, value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?2) WHERE true
         ON CONFLICT (undoes, user, target, verb) DO UPDATE SET document = excluded.document
         WHERE document <> excluded.document",
    )
    .bind(undoes)
    .bind(keys)
    .execute(&mut *connection)
    .await
    .map(drop)
}

async fn note_troubles(connection: &mut SqliteConnection, rows: &[TroubleRow]) -> Sql<()> {
    let rows: Vec<(&str, i64, &str)> =
        rows.iter().map(|row| (&*row.about, millis(row.since), &*row.document)).collect();
    let rows = list(&rows);
    sqlx::query("DELETE FROM troubles WHERE about NOT IN (SELECT value ->> 0 FROM json_each(?1))")
        .bind(rows.clone())
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "INSERT INTO troubles (about, since, document)
         SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?1) WHERE true
         ON CONFLICT (about) DO UPDATE SET document = excluded.document WHERE document <> excluded.document",
    )
    .bind(rows)
    .execute(connection)
    .await
    .map(drop)
}

fn trouble(row: &SqliteRow) -> Sql<TroubleRow> {
    Ok(TroubleRow { about: text(row, 0)?.to_owned(), since: time(row, 1)?, document: text(row, 2)?.to_owned() })
}
