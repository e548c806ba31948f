//! A private copy of the store, for a dry run: whatever is written goes away with it.
//!
//! Never creates or changes the store that it copies.

use std::path::Path;

use sqlx::Connection as _;
use sqlx::sqlite::SqliteSynchronous;

use super::error::StoreError;
use super::open::{self, Store};
use super::own::{self, Found};
use super::scratch_dir::ScratchDir;
use super::{connect, identity, schema, wal};

impl Store {
    /// A temporary copy of the store at `path`, removed when dropped; an empty one where there is none.
    ///
    /// # Errors
    /// As for [`open`](Store::open).
    pub async fn scratch(path: &Path) -> Result<Self, StoreError> {
        let path = &own::real(path);
        let found = own::look(path)?;
        wal::vanished(path, found)?;
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
        let (options, mut connection) = connect::opened(path).await.map_err(fault)?;
        let judged = schema::judge(path, &mut connection, false).await;
        let current = schema::is_current(&mut connection).await;
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
    let mut connection = connect::unchanged(path).await.map_err(fault)?;
    let outcome = match schema::judge(path, &mut connection, false).await {
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
