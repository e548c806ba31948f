//! The file that was in force last, with its commit: a daemon that is started on a broken file goes on with it.
//!
//! Keeps the text as it was written, references and all; never what they stand for.

use std::path::Path;

use jiff::Timestamp;
use sqlx::Connection as _;

use super::codec::{Sql, millis, text, text_or_null, time};
use super::connect;
use super::error::StoreError;
use super::open::Store;
use super::own::{self, Found};

/// A file that was in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidFile {
    /// As it was written.
    pub text: String,
    /// Its commit, where it lay in one.
    pub commit: Option<String>,
    /// When it entered into force.
    pub entered: Timestamp,
}

impl Store {
    /// Keeps the file that is in force now, in place of the one before.
    pub async fn keep_valid_file(&self, text: &str, commit: Option<&str>, now: Timestamp) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let outcome = sqlx::query(
            "INSERT INTO valid_file (one, text, commit_id, entered_at) VALUES (1, ?1, ?2, ?3)
             ON CONFLICT (one) DO UPDATE SET text = excluded.text, commit_id = excluded.commit_id,
                 entered_at = iif(text = excluded.text, entered_at, excluded.entered_at)
             WHERE text <> excluded.text OR commit_id IS NOT excluded.commit_id",
        )
        .bind(text.to_owned())
        .bind(commit.map(str::to_owned))
        .bind(millis(now))
        .execute(&mut *transaction)
        .await;
        self.end(transaction, outcome.map(drop)).await
    }

    /// The file that was in force last, by the store at `path`; none where there is no such store, or one of an
    /// earlier version. Neither creates nor changes anything.
    pub async fn valid_file(path: &Path) -> Result<Option<ValidFile>, StoreError> {
        let path = &own::real(path);
        if own::look(path)? == Found::Nothing {
            return Ok(None);
        }
        let fault = |error| StoreError::of(path, error);
        let mut connection = connect::unchanged(path).await.map_err(fault)?;
        let look = async {
            let known: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema WHERE name = 'valid_file'")
                .fetch_one(&mut connection)
                .await?;
            if known == 0 {
                return Ok(None);
            }
            let row = sqlx::query("SELECT text, commit_id, entered_at FROM valid_file")
                .fetch_optional(&mut connection)
                .await?;
            row.map(|row| -> Sql<ValidFile> {
                Ok(ValidFile {
                    text: text(&row, 0)?.to_owned(),
                    commit: text_or_null(&row, 1)?.map(str::to_owned),
                    entered: time(&row, 2)?,
                })
            })
            .transpose()
        };
        let found: Sql<Option<ValidFile>> = look.await;
        connection.close().await.map_err(fault)?;
        found.map_err(fault)
    }
}
