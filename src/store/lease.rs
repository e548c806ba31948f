//! One writer at a time: a lock on a file beside the store, which says who holds it.
//!
//! The lock is the operating system's, so it ends with its holder, also with one that was killed. A daemon
//! waits for it, a command that writes refuses to start without it, readers never ask.

#![expect(clippy::disallowed_methods, reason = "an edge: the lock file")]

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::clock;
use crate::shutdown::Shutdown;

/// Between two looks of whoever waits.
const BEAT: Duration = Duration::from_secs(2);

/// The right to write. Handed back when dropped.
#[derive(Debug)]
pub struct Lease {
    locked: File,
}

impl Lease {
    /// Notes a [mark](super::Store::log_mark) beside who holds it, or that there is none any more. It outlives whoever
    /// is killed.
    pub fn note(&self, mark: Option<&str>) -> io::Result<()> {
        write(&self.locked, mark)
    }
}

/// Why the lease could not be asked for.
#[derive(Debug, thiserror::Error)]
#[error("the lock file `{}` cannot be used", path.display())]
pub struct LeaseError {
    /// The lock file.
    pub path: PathBuf,
    /// Why not.
    #[source]
    pub source: std::io::Error,
}

/// Takes the lease on a store, or says who holds it.
pub fn take(store: &Path) -> Result<Result<Lease, String>, LeaseError> {
    let path = store.with_extension("lock");
    let failed = |source| LeaseError { path: path.clone(), source };
    let mut file =
        OpenOptions::new().create(true).read(true).write(true).truncate(false).open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {
            let mut before = String::new();
            // What is no text is no mark.
            let _unreadable = file.read_to_string(&mut before);
            write(&file, marked(&before)).map_err(failed)?;
            Ok(Ok(Lease { locked: file }))
        }
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            file.read_to_string(&mut holder).map_err(failed)?;
            Ok(Err(named(&holder)))
        }
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// The process on the first line, the mark on the second.
fn write(mut file: &File, mark: Option<&str>) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    write!(file, "process {} since {:.0}", std::process::id(), clock::now())?;
    mark.map_or(Ok(()), |mark| write!(file, "\n{mark}"))
}

fn named(content: &str) -> String {
    content.lines().next().unwrap_or_default().to_owned()
}

fn marked(content: &str) -> Option<&str> {
    content.lines().nth(1)
}

/// What whoever holds the lease, or held it last, has noted.
pub(super) fn mark(store: &Path) -> Option<String> {
    let content = std::fs::read_to_string(store.with_extension("lock")).ok()?;
    marked(&content).map(str::to_owned)
}

/// Whether another process holds the lease.
pub(super) fn is_held_by_another(store: &Path) -> bool {
    let own = format!("process {} ", std::process::id());
    matches!(holder(store), Ok(Some(holder)) if !holder.starts_with(&own))
}

/// Who holds the lease on a store, without asking for it and without making the lock file. For the blink of
/// this look nobody else can take it: a daemon that waits for it takes it at its next beat.
pub fn holder(store: &Path) -> Result<Option<String>, LeaseError> {
    let path = store.with_extension("lock");
    let failed = |source| LeaseError { path: path.clone(), source };
    let mut file = match File::open(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(failed)?,
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            file.read_to_string(&mut holder).map_err(failed)?;
            Ok(Some(named(&holder)))
        }
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// Waits until the lease is free, and says once who holds it. `None`: the end was asked for first.
pub async fn wait(
    store: &Path,
    stop: &mut Shutdown,
    mut standing_by: impl FnMut(&str),
) -> Result<Option<Lease>, LeaseError> {
    let mut told = false;
    loop {
        match take(store)? {
            Ok(lease) => return Ok(Some(lease)),
            Err(holder) if !told => {
                standing_by(&holder);
                tracing::info!(holder, "another one writes; standing by");
            }
            Err(_) => {}
        }
        told = true;
        tokio::select! {
            () = tokio::time::sleep(BEAT) => {}
            () = stop.wait() => return Ok(None),
        }
    }
}
