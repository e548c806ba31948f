//! Which file something is, wherever it lies, and what became of it at its path.

#![expect(clippy::disallowed_methods, reason = "the store is a file")]

use std::fmt;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// What became of a file that is still open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Displaced {
    /// Nothing lies at its path.
    Gone,
    /// Another file lies there.
    Replaced,
    /// It lies there, and something else was written into it.
    Overwritten,
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
