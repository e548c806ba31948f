//! Opening a store that may be damaged: what is broken is moved aside, never deleted, and a new one begun.
//!
//! Never takes anything over from a broken ledger, so that a store begun here only adds. Orders are not taken
//! over either: their source still has them, and a flipped bit would pass for a payment.

#![expect(clippy::disallowed_methods, reason = "the store is a file")]

use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::error::StoreError;
use super::open::{self, Store};
use super::own::beside;
use super::{own, wal};

/// What was found where a store was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    /// Nothing, or an empty file.
    New,
    /// A store that is whole, as far as can be told.
    Kept,
    /// A damaged one.
    Replaced {
        /// Where it lies now, with its log beside it.
        aside: PathBuf,
        /// What was wrong with it.
        why: String,
    },
}

impl Store {
    /// Opens the store at `path`; a damaged one is moved to `<name>.damaged-<unix seconds>` and replaced by
    /// a new one. For whoever holds the lease.
    ///
    /// # Errors
    /// As for [`open`](Store::open), but for [`StoreError::Damaged`]: a newer schema and what is somebody else's
    /// are refused and stay where they are.
    pub async fn open_or_salvage(path: &Path, now: Timestamp) -> Result<(Self, Opened), StoreError> {
        let (store, opened) = Self::salvage(&own::real(path), now).await?;
        Ok((store.called(path), opened))
    }

    async fn salvage(path: &Path, now: Timestamp) -> Result<(Self, Opened), StoreError> {
        wal::vanished(path, own::look(path)?)?;
        wal::part_from_another(path)?;
        let size = std::fs::metadata(path).map_or(0, |file| file.len());
        // SQLite takes one byte for none, and throws away the log of an empty file.
        if size <= 1 {
            if wal::size(path) > 0 {
                return replace(path, "it is empty, and its log is not".to_owned(), now).await;
            }
            return Ok((Self::open(path).await?, Opened::New));
        }
        let whole = open::checked(path, size);
        let store = match Self::open(path).await {
            Err(StoreError::Damaged { what, .. }) => return replace(path, what, now).await,
            outcome => outcome?,
        };
        if !whole {
            return Ok((store, Opened::Kept));
        }
        let why = match store.flaw().await {
            Ok(None) => return Ok((store, Opened::Kept)),
            Ok(Some(why)) | Err(StoreError::Damaged { what: why, .. }) => why,
            Err(other) => return Err(other),
        };
        // Closed first: whoever closes a file last deletes the log under its name, and that would be the new one's.
        store.close().await;
        replace(path, why, now).await
    }
}

async fn replace(path: &Path, why: String, now: Timestamp) -> Result<(Store, Opened), StoreError> {
    let aside = move_aside(path, now).map_err(|source| StoreError::Open { path: path.to_owned(), source })?;
    Ok((Store::open(path).await?, Opened::Replaced { aside, why }))
}

/// Moves the file, then its log: a file without its log would pass for a whole one that is out of date, and
/// a log without its file is found by the next who opens.
fn move_aside(path: &Path, now: Timestamp) -> io::Result<PathBuf> {
    let stem = beside(path, &format!(".damaged-{}", now.as_second()));
    let mut aside = stem.clone();
    let mut number = 1;
    while aside.try_exists()? || beside(&aside, "-wal").try_exists()? {
        number += 1;
        aside = beside(&stem, &format!("-{number}"));
    }
    for part in ["", "-wal", "-shm"] {
        match std::fs::rename(beside(path, part), beside(&aside, part)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            outcome => outcome?,
        }
    }
    Ok(aside)
}
