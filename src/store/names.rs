//! Which id in Logto each name of the file last stood for.
//!
//! Forgets none: a name that comes back into the file stands for the same id as before.

use sqlx::sqlite::SqliteRow;

use super::codec::{Sql, list, text};
use super::error::StoreError;
use super::open::Store;
use crate::model::KnownNames;

impl Store {
    /// Every name that was ever resolved, with its last id.
    pub async fn known_names(&self) -> Result<KnownNames, StoreError> {
        let rows = sqlx::query("SELECT kind, name, id FROM names").fetch_all(self.readers()).await;
        rows.and_then(|rows| rows.iter().map(name).collect()).map_err(|error| self.fault(error))
    }

    /// What names stood for when the mappings were noted last, where that was something else.
    pub async fn former_names(&self) -> Result<KnownNames, StoreError> {
        let rows = sqlx::query("SELECT kind, name, before FROM names WHERE before IS NOT NULL");
        let rows = rows.fetch_all(self.readers()).await;
        rows.and_then(|rows| rows.iter().map(name).collect()).map_err(|error| self.fault(error))
    }

    /// Remembers what names stand for now.
    pub async fn note_names(&self, names: &KnownNames) -> Result<(), StoreError> {
        if names.is_empty() {
            return Ok(());
        }
        let rows: Vec<[&str; 3]> = names.iter().map(|((kind, name), id)| [kind.as_str(), name, id]).collect();
        let mut transaction = self.begin().await?;
        let outcome = sqlx::query(
            "INSERT INTO names (kind, name, id)
             SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?1) WHERE true
             ON CONFLICT (kind, name) DO UPDATE SET before = coalesce(before, id), id = excluded.id WHERE id <> excluded.id",
        )
        .bind(list(&rows))
        .execute(&mut *transaction)
        .await;
        self.end(transaction, outcome.map(drop)).await
    }
}

fn name(row: &SqliteRow) -> Sql<((String, String), String)> {
    Ok(((text(row, 0)?.to_owned(), text(row, 1)?.to_owned()), text(row, 2)?.to_owned()))
}
