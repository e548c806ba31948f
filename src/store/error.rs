//! What can go wrong with the store, and what mends it.

use std::path::{Path, PathBuf};

use super::file_id::Displaced;
use crate::model::{OrderId, SourceName};

/// Why the store did not answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file could not be opened or created.
    #[error("cannot open the store `{}`", path.display())]
    Open {
        /// The store.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A later version wrote it.
    #[error("the store `{}` has schema {found}, and this version knows {known}", path.display())]
    Newer {
        /// The store.
        path: PathBuf,
        /// The schema in the file.
        found: i64,
        /// The newest schema that this version can read.
        known: i64,
    },
    /// Something lies there that is no file.
    #[error("`{}` is {what}, where the store should be a file", path.display())]
    NoFile {
        /// What was to be the store.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// A file with several names: whoever opens it by another one would not be seen.
    #[error("the store `{}` has {names} names (hard links)", path.display())]
    Linked {
        /// One of them.
        path: PathBuf,
        /// How many.
        names: u64,
    },
    /// A file, and no database: somebody else's, or a store of which the beginning is lost.
    #[error("`{}` is not an entitled store", path.display())]
    NoStore {
        /// The file.
        path: PathBuf,
    },
    /// A database, but not one of ours.
    #[error("`{}` is the database of another program", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// No database, or a broken one.
    #[error("the store `{}` is damaged: {what}", path.display())]
    Damaged {
        /// The store.
        path: PathBuf,
        /// What SQLite found.
        what: String,
    },
    /// There is something already where a copy should go.
    #[error("`{}` already exists", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Two shops that number their orders alike cannot become one source.
    #[error("order {order} in `{was}` and order {order} in `{name}` are different orders")]
    SameIds {
        /// The source that was to go by the other name.
        was: SourceName,
        /// The other name.
        name: SourceName,
        /// One of the orders.
        order: OrderId,
    },
    /// Another process kept writing for longer than the busy timeout.
    #[error("the store `{}` is busy", path.display())]
    Busy {
        /// The store.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: sqlx::Error,
    },
    /// The file system has no room left.
    #[error("no room left for the store `{}`", path.display())]
    Full {
        /// The store.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: sqlx::Error,
    },
    /// The file that is open does not lie at its path any more.
    #[error("{}", displaced(path, *how))]
    Displaced {
        /// Where it lay.
        path: PathBuf,
        /// What lies there now.
        how: Displaced,
    },
    /// Nothing lies there, and a process has it open all the same.
    #[error("the store `{}` was moved away or deleted, and {holder} still has it open", path.display())]
    Vanished {
        /// Where it lay.
        path: PathBuf,
        /// Which process, and since when.
        holder: String,
    },
    /// Another file lies there than the one that a process has open.
    #[error("{holder} does not use the file that is now at `{}`, and ignores what is written there", path.display())]
    Left {
        /// Where the file lies.
        path: PathBuf,
        /// Which process, and since when.
        holder: String,
    },
    /// The log of another file lies beside it.
    #[error("the log beside the store `{}` is that of the file that lay there before", path.display())]
    OthersLog {
        /// Where the file lies that was put there.
        path: PathBuf,
    },
    /// The schema could not be brought up to date.
    #[error("cannot bring the store `{}` up to date", path.display())]
    Migrate {
        /// The store.
        path: PathBuf,
        /// Why.
        #[source]
        source: sqlx::migrate::MigrateError,
    },
    /// Anything else that SQLite refuses.
    #[error("the store `{}` failed", path.display())]
    Sql {
        /// The store.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: sqlx::Error,
    },
}

impl StoreError {
    /// What to do about it, where there is something to do.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Open { .. } => "check that the directory exists and that this user may write in it".to_owned(),
            Self::Newer { .. } => "run the version of entitled that wrote it, or a later one".to_owned(),
            Self::NoFile { .. } | Self::NoStore { .. } => {
                "point `store` at a file of its own, which may be new: nothing that is there already is overwritten".to_owned()
            }
            Self::Linked { .. } => {
                "remove the other names, or make a copy by `entitled ledger backup`: with two names two daemons could write to it"
                    .to_owned()
            }
            Self::Foreign { .. } => "point `store` at a file of its own".to_owned(),
            Self::Damaged { path, .. } => format!(
                "move `{path}` away, with `{path}-wal` and `{path}-shm` beside it, and start again: orders are read anew, \
                 and a fresh ledger only adds",
                path = path.display()
            ),
            Self::SameIds { was, .. } => format!(
                "`was` is for a source that goes by another name: take `{was}` out of it, and give that shop an entry of \
                 its own under `sources`; nothing was carried over"
            ),
            Self::Exists { .. } => "choose a name that is free; nothing is overwritten".to_owned(),
            Self::Busy { .. } => "another process is writing to it: wait for it to end, or stop it; one that is paused releases it only when it continues (`kill -CONT`) or is killed"
                .to_owned(),
            Self::Full { .. } => "free some space; nothing was half written".to_owned(),
            Self::Sql { source, .. } if primary_code(source) == Some(IO) => {
                "look at the disk, and at how much of it this user may use; nothing was half written".to_owned()
            }
            Self::Displaced { how: Displaced::Lock, .. } => {
                "stop the other process that writes to it: this one continues as soon as it has the lock again".to_owned()
            }
            Self::Displaced { how: Displaced::Log | Displaced::Overwritten, .. } => {
                "restart it: it continues with what is at that path".to_owned()
            }
            Self::Vanished { .. } => {
                "that process writes nothing to Logto meanwhile: put the file back, and it continues; or stop it to begin with a new store"
                    .to_owned()
            }
            Self::Left { .. } => {
                "it writes nothing to Logto meanwhile: restart it, and it continues with that file".to_owned()
            }
            Self::OthersLog { .. } => {
                "the daemon that has that file open moves the log out of the way within seconds: try again then, or stop it"
                    .to_owned()
            }
            Self::Displaced { .. } => {
                "restart it to continue with what is at that path now, or put the file back: it then continues by itself, unless its log was lost or another one is beside it"
                    .to_owned()
            }
            Self::Migrate { .. } | Self::Sql { .. } => return None,
        })
    }

    /// Sorts what SQLite said about the store at `path`.
    pub(super) fn of(path: &Path, source: sqlx::Error) -> Self {
        let path = path.to_owned();
        match primary_code(&source) {
            Some(CORRUPT | NOT_A_DATABASE) => Self::Damaged { path, what: said(&source) },
            Some(BUSY | LOCKED) => Self::Busy { path, source },
            Some(FULL) => Self::Full { path, source },
            Some(CANNOT_OPEN) => Self::Open { path, source: std::io::Error::other(source) },
            _ if matches!(source, sqlx::Error::PoolTimedOut) => Self::Busy { path, source },
            _ => Self::Sql { path, source },
        }
    }
}

fn displaced(path: &Path, how: Displaced) -> String {
    let path = path.display();
    match how {
        Displaced::Gone => format!("the store `{path}` was moved away or deleted while it is in use"),
        Displaced::Replaced => format!("another file took the place of the store `{path}` while it is in use"),
        Displaced::Overwritten => format!("the store `{path}` was overwritten while it is in use"),
        Displaced::Lock => format!("the lock file `{path}-lock` was taken away, and somebody else holds another one"),
        Displaced::Log => {
            format!("the log `{path}-wal` of the store was moved away, deleted or replaced while it is in use")
        }
    }
}

const BUSY: u32 = 5;
const LOCKED: u32 = 6;
pub(super) const IO: u32 = 10;
const CORRUPT: u32 = 11;
pub(super) const FULL: u32 = 13;
pub(super) const CANNOT_OPEN: u32 = 14;
const NOT_A_DATABASE: u32 = 26;

/// The primary result code of <https://sqlite.org/rescode.html>: the low byte of the extended one.
pub(super) fn primary_code(error: &sqlx::Error) -> Option<u32> {
    let code: u32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(code & 0xff)
}

fn said(error: &sqlx::Error) -> String {
    error.as_database_error().map_or_else(|| error.to_string(), |error| error.message().to_owned())
}

/// A value in the store that no version of this program writes.
pub(super) fn unreadable(what: &str, value: impl std::fmt::Display) -> sqlx::Error {
    sqlx::Error::Decode(format!("unknown {what} `{value}`").into())
}
