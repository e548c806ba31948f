//! Which store a file is.
//!
//! Two files are never the same store, whatever they hold: what is written into one is not seen by a process that works
//! on the other. Never reveals a path.

#![expect(clippy::disallowed_methods, reason = "the store is a file")]

use std::fmt;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use sha2::{Digest as _, Sha256};
use sqlx::SqliteConnection;

use super::codec::Sql;
use super::error::StoreError;

/// Which store a file is: by what it was given when it was made, and by which file it is. No secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreId(String);

impl StoreId {
    /// 32 hex digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn new(made: &str, file: &str) -> Self {
        let digest = Sha256::digest(format!("{made}\n{file}"));
        Self(digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect())
    }
}

impl fmt::Display for StoreId {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.0)
    }
}

/// Which store an open file is. One of an earlier version is known by its file alone.
pub(super) async fn of_file(path: &Path, connection: &mut SqliteConnection) -> Result<StoreId, StoreError> {
    let look = async {
        let known: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema WHERE name = 'identity'")
            .fetch_one(&mut *connection)
            .await?;
        match known {
            0 => Ok(None),
            _ => sqlx::query_scalar("SELECT id FROM identity").fetch_optional(&mut *connection).await,
        }
    };
    let made: Sql<Option<String>> = look.await;
    let made = made.map_err(|error| StoreError::of(path, error))?;
    // Without the device: the same file may be mounted in two places.
    let file = std::fs::metadata(path).map_err(|source| StoreError::Open { path: path.to_owned(), source })?;
    Ok(StoreId::new(&made.unwrap_or_default(), &file.ino().to_string()))
}
