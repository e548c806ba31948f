//! Which store a file is, and whether it still lies where it was opened.
//!
//! Two files are never the same store, whatever they hold: whoever writes into one says nothing to who works on the
//! other. Names nobody a path.

#![expect(clippy::disallowed_methods, reason = "the store is a file")]

use std::fmt;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use sha2::{Digest as _, Sha256};
use sqlx::{Connection as _, SqliteConnection};

use super::codec::Sql;
use super::error::StoreError;
use super::lease::Lease;
use super::open::Store;
use super::own::{self, Found};
use super::snapshot;

/// Which store a file is: by what it was given when it was made, and by which file it is. No secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreId(String);

impl StoreId {
    /// 32 hex digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn new(made: &str, file: &str) -> Self {
        let digest = Sha256::digest(format!("{made}\n{file}"));
        Self(digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect())
    }
}

impl fmt::Display for StoreId {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.0)
    }
}

/// What became of a file that is still open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Displaced {
    /// Nothing lies at its path.
    Gone,
    /// Another file lies there.
    Replaced,
    /// It lies there, and its log does not: what somebody else says to it is not heard.
    Log,
    /// It lies there, and the lock on it was taken away: somebody else may write to it as well.
    Lock,
}

/// Device and inode: the file itself, wherever it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileId(u64, u64);

impl FileId {
    pub(super) fn inode(self) -> u64 {
        self.1
    }

    pub(super) fn of(path: &Path) -> io::Result<Self> {
        std::fs::metadata(path).map(|file| Self::from(&file))
    }

    /// What became of it, where something else than it lies at `path` now.
    pub(super) fn displaced(self, path: &Path) -> Option<Displaced> {
        match Self::of(path) {
            Ok(now) if now == self => None,
            Ok(_) => Some(Displaced::Replaced),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Some(Displaced::Gone),
            // Nobody can say: a write tells.
            Err(_) => None,
        }
    }
}

impl From<&Metadata> for FileId {
    fn from(file: &Metadata) -> Self {
        Self(file.dev(), file.ino())
    }
}

impl fmt::Display for FileId {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}:{}", self.0, self.1)
    }
}

impl Store {
    /// Which store this is; a copy for a dry run is the store that it was copied from.
    pub fn id(&self) -> &StoreId {
        &self.id
    }

    /// What became of the file, where it does not lie at its path any more, or its log does not lie beside it: what
    /// is written is read by nobody then. Nothing ever becomes of a copy.
    pub fn displaced(&self) -> Option<Displaced> {
        let at = |path| self.file.and_then(|file| file.displaced(path));
        // A link may lead elsewhere by now, where everybody else follows it to.
        at(self.path())
            .or_else(|| at(&self.given))
            .or_else(|| self.has_lost_its_log().then_some(Displaced::Log))
            .or_else(|| self.lease.get().is_some_and(Lease::is_lost).then_some(Displaced::Lock))
    }

    /// Which store lies at `path`, or is still to be made there. Neither creates nor changes anything.
    pub async fn id_at(path: &Path) -> Result<StoreId, StoreError> {
        let path = &own::real(path);
        if own::look(path)? == Found::Nothing {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let folder = std::fs::metadata(folder).map(|folder| folder.ino()).unwrap_or_default();
            return Ok(StoreId::new("", &format!("{folder} {name}")));
        }
        let fault = |error| StoreError::of(path, error);
        let mut connection = snapshot::connect(path).await.map_err(fault)?;
        let id = of_file(path, &mut connection).await;
        connection.close().await.map_err(fault)?;
        id
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
