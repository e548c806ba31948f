//! A private copy of the store, for a dry run: whatever is written goes away with it.
//!
//! Never creates or changes the store that it copies.

#![expect(clippy::disallowed_methods, reason = "the copy is a file of its own")]

use std::io;
use std::path::{Path, PathBuf};

use sqlx::sqlite::{SqliteConnectOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};

use super::codec::Sql;
use super::error::{CANNOT_OPEN, FULL, IO, StoreError, primary_code};
use super::open::{self, Store};
use super::own::{self, Found};
use super::{identity, log};

impl Store {
    /// A temporary copy of the store at `path`, removed when dropped; an empty one where there is none.
    ///
    /// # Errors
    /// As for [`open`](Store::open).
    pub async fn scratch(path: &Path) -> Result<Self, StoreError> {
        let path = &own::real(path);
        let found = own::look(path)?;
        let fault = |source| StoreError::Open { path: path.to_owned(), source };
        let directory = ScratchDir::create().map_err(fault)?;
        let copy = directory.0.join("store.db");
        if found != Found::Nothing {
            copy_into(path, &copy).await?;
        } else {
            open::create(&copy).await?;
        }
        let id = Self::id_at(path).await?;
        // Nobody needs the copy after a crash, so it is never waited for on its way to the disk.
        Ok(Self::connect(&copy, SqliteSynchronous::Off, Some(directory)).await?.known_as(id))
    }
}

impl Store {
    /// The store at `path` for whoever only reads: a copy of it, or where there is no room for one the file itself,
    /// which stays as it is.
    ///
    /// # Errors
    /// As for [`open`](Store::open).
    pub async fn for_reading(path: &Path) -> Result<Self, StoreError> {
        let refused = match Self::scratch(path).await {
            Err(
                error @ (StoreError::Open { .. }
                | StoreError::Full { .. }
                | StoreError::Sql { .. }
                | StoreError::Migrate { .. }),
            ) => error,
            outcome => return outcome,
        };
        match Self::in_place(path).await {
            Ok(Some(store)) => Ok(store),
            // Why there is no copy says more.
            Ok(None) | Err(_) => Err(refused),
        }
    }

    /// The file itself, which cannot be written to; nothing where its schema is not that of this version.
    async fn in_place(path: &Path) -> Result<Option<Self>, StoreError> {
        let fault = |error| StoreError::of(path, error);
        let (options, mut connection) = opened(path).await.map_err(fault)?;
        let judged = open::judge(path, &mut connection, false).await;
        let current = open::is_current(&mut connection).await;
        let id = identity::of_file(path, &mut connection).await;
        connection.close().await.map_err(fault)?;
        judged?;
        if !current.map_err(fault)? {
            return Ok(None);
        }
        Self::reading(path, options.pragma("query_only", "ON"), id?).map(Some)
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
/// the index that it needs behind it. Where the log is that of another file, it is not looked into. Where nobody can make them, or there is no room, nobody else writes either.
pub(super) async fn connect(path: &Path) -> Sql<SqliteConnection> {
    opened(path).await.map(|(_, connection)| connection)
}

/// The same, and by which options.
async fn opened(path: &Path) -> Sql<(SqliteConnectOptions, SqliteConnection)> {
    let options = open::options(path);
    if log::is_anothers(path) {
        let options = options.immutable(true);
        let connection = options.connect().await?;
        return Ok((options, connection));
    }
    if open::wal_size(path) > 0 {
        let options = options.read_only(true);
        let connection = options.connect().await?;
        return Ok((options, connection));
    }
    match looked(&options).await {
        Err(error) if matches!(primary_code(&error), Some(CANNOT_OPEN | FULL | IO)) => {
            let options = options.immutable(true);
            let connection = options.connect().await?;
            Ok((options, connection))
        }
        outcome => outcome.map(|connection| (options, connection)),
    }
}

/// A connection that has read something, which is when the log is made.
async fn looked(options: &SqliteConnectOptions) -> Sql<SqliteConnection> {
    let mut connection = options.connect().await?;
    sqlx::query("SELECT 1 FROM sqlite_schema").fetch_optional(&mut connection).await?;
    Ok(connection)
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
