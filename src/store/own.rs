//! Whether the file at the store's path is ours to touch: nothing, an empty file, or a store.
//!
//! Only reads, and never opens what might block: a file that `store` names by mistake stays as it was.

#![expect(clippy::disallowed_methods, reason = "the store is a file")]

use std::ffi::OsString;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::error::StoreError;
use crate::files;

/// What `file` and everybody else can tell a store of ours by, at [`APPLICATION`] of the header.
/// <https://www.sqlite.org/fileformat2.html#application_id>
const APPLICATION_ID: &[u8; 4] = b"entl";

/// Makes a file ours for everybody who looks: [`APPLICATION_ID`], as a number of which the first byte counts most.
pub(super) const SET_ID: &str = "PRAGMA application_id = 0x656e746c";

const MAGIC: &[u8; 16] = b"SQLite format 3\0";
const APPLICATION: std::ops::Range<usize> = 68..72;

/// What lies there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing.
    Nothing,
    /// A file without content.
    Empty,
    /// A database that says that it is ours, whole or not.
    Ours,
    /// A database that does not say whose it is, as those of earlier versions do not.
    Unnamed,
}

/// Looks at what lies at `path`.
///
/// # Errors
/// [`StoreError::NoFile`], [`StoreError::Linked`], [`StoreError::Foreign`] and [`StoreError::NoStore`] for what is not
/// ours to touch.
pub(super) fn look(path: &Path) -> Result<Found, StoreError> {
    let failed = |source| StoreError::Open { path: path.to_owned(), source };
    let file = match std::fs::metadata(path) {
        Ok(file) => file,
        // A link to nothing: SQLite would follow it.
        Err(error) if error.kind() == io::ErrorKind::NotFound && path.symlink_metadata().is_ok() => {
            return Err(StoreError::NoFile { path: path.to_owned(), what: "a symbolic link to nothing" });
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(failed(error)),
    };
    if let Some(what) = files::strange(&file) {
        return Err(StoreError::NoFile { path: path.to_owned(), what });
    }
    if file.nlink() > 1 {
        return Err(StoreError::Linked { path: path.to_owned(), names: file.nlink() });
    }
    let mut head = Vec::with_capacity(100);
    files::open(path).and_then(|file| file.take(100).read_to_end(&mut head)).map_err(failed)?;
    if head.is_empty() {
        return Ok(Found::Empty);
    }
    let begins = head.len().min(MAGIC.len());
    if head[..begins] != MAGIC[..begins] {
        return Err(StoreError::NoStore { path: path.to_owned() });
    }
    match head.get(APPLICATION) {
        // Cut off within the header, so that nobody can have anything in it.
        None => Ok(Found::Ours),
        Some(id) if id == APPLICATION_ID => Ok(Found::Ours),
        Some([0, 0, 0, 0]) => Ok(Found::Unnamed),
        Some(_) => Err(StoreError::Foreign { path: path.to_owned() }),
    }
}

/// Where the file really lies, through every link: whoever comes by another name meets the same lock and the same log.
pub(super) fn real(path: &Path) -> PathBuf {
    if let Ok(real) = std::fs::canonicalize(path) {
        return real;
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match (std::fs::canonicalize(folder), path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => path.to_owned(),
    }
}

/// The file of this store with another ending.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}
