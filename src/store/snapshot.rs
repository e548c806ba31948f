//! A private copy of the store, for a dry run: whatever is written goes away with it.
//!
//! Never creates or changes the store that it copies.

#![expect(clippy::disallowed_methods, reason = "the copy is a file of its own")]

use std::io;
use std::path::{Path, PathBuf};

use sqlx::sqlite::SqliteSynchronous;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};

use super::codec::Sql;
use super::error::{CANNOT_OPEN, StoreError, primary_code};
use super::open::{self, Store};

impl Store {
    /// A temporary copy of the store at `path`, removed when dropped; an empty one where there is none.
    ///
    /// # Errors
    /// As for [`open`](Store::open).
    pub async fn scratch(path: &Path) -> Result<Self, StoreError> {
        let fault = |source| StoreError::Open { path: path.to_owned(), source };
        let directory = ScratchDir::create().map_err(fault)?;
        let copy = directory.0.join("store.db");
        if path.try_exists().map_err(fault)? {
            copy_into(path, &copy).await?;
        } else {
            open::create(&copy).map_err(fault)?;
        }
        // Nobody needs the copy after a crash, so it is never waited for on its way to the disk.
        Self::connect(&copy, SqliteSynchronous::Off, Some(directory)).await
    }
}

async fn copy_into(path: &Path, copy: &Path) -> Result<(), StoreError> {
    let fault = |error| StoreError::of(path, error);
    let mut connection = connect(path).await.map_err(fault)?;
    let outcome = match open::judge(path, &mut connection, false).await {
        Ok(()) => sqlx::query("VACUUM INTO ?1")
            .bind(copy.to_string_lossy().into_owned())
            .execute(&mut connection)
            .await
            .map(drop)
            .map_err(fault),
        refused => refused,
    };
    connection.close().await.map_err(fault)?;
    outcome
}

/// Opens the original so that it stays as it is.
///
/// The last connection that can write folds a write-ahead log into the file when it closes, so where there
/// is a log, this one cannot write. Where there is none, it can: one that cannot would leave the log and
/// the index that it needs behind it. In a directory where nobody can make them, nobody else writes either.
pub(super) async fn connect(path: &Path) -> Sql<SqliteConnection> {
    let options = open::options(path);
    if open::wal_size(path) > 0 {
        return options.read_only(true).connect().await;
    }
    let mut connection = match options.clone().connect().await {
        Err(error) if primary_code(&error) == Some(CANNOT_OPEN) => return options.immutable(true).connect().await,
        outcome => outcome?,
    };
    match sqlx::query("SELECT 1 FROM sqlite_schema").fetch_optional(&mut connection).await {
        Err(error) if primary_code(&error) == Some(CANNOT_OPEN) => options.immutable(true).connect().await,
        outcome => outcome.map(|_| connection),
    }
}

/// A directory of mode 0700 that vanishes when dropped.
#[derive(Debug)]
pub(super) struct ScratchDir(PathBuf);

impl ScratchDir {
    fn create() -> io::Result<Self> {
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        loop {
            let path = std::env::temp_dir().join(format!("entitled-{:016x}", fastrand::u64(..)));
            match builder.create(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                outcome => return outcome.map(|()| Self(path)),
            }
        }
    }
}

impl Drop for ScratchDir {
    fn drop(&mut self) {
        // Nothing can be done about a failure here, and the directory is private.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
