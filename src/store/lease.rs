//! One writer at a time: a lock on a file beside the store, which says who holds it.
//!
//! The lock is the operating system's, so it ends with the process that holds it, even one that is killed. A daemon
//! waits for it (it stands by), a command that writes refuses to start without it, and readers never ask for it. The
//! file is beside the store itself and not beside a link to it, so that a process that uses another name meets the same
//! lock. A lock file that was removed no longer keeps anybody out, so its holder stops writing until it has the lock
//! again.

#![expect(clippy::disallowed_methods, reason = "an edge: the lock file")]

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::file_id::FileId;
use super::own::{beside, real};
use crate::clock;

/// The second line if the holder of the lock has another file open than the one beside the lock.
const LOST: &str = "works on a file that is not there any more";

/// What a lock file begins with, unless it is empty.
const BEGINS: &str = "process ";
/// What the second line begins with if the holder of the lock works on another store, which it names.
const USES: &str = "uses ";

/// The right to write. Handed back when dropped.
#[derive(Debug)]
pub struct Lease {
    path: PathBuf,
    locked: Mutex<File>,
}

impl Lease {
    /// Notes a [mark](super::Store::note_whose_log) beside who holds it, or that there is none any more. It outlives
    /// whoever is killed.
    pub fn note(&self, mark: Option<&str>) -> io::Result<()> {
        write(&self.locked(), mark)
    }

    /// Notes that the store does not lie at its path any more, for whoever goes there.
    pub(super) fn note_lost(&self) -> io::Result<()> {
        self.note(Some(LOST))
    }

    /// Whether the file that is locked does not lie at its path any more, so that another one may be locked there.
    pub fn is_lost(&self) -> bool {
        match (self.locked().metadata(), std::fs::symlink_metadata(&self.path)) {
            (Ok(locked), Ok(there)) => FileId::from(&locked) != FileId::from(&there),
            (_, Err(error)) => error.kind() == io::ErrorKind::NotFound,
            (Err(_), Ok(_)) => false,
        }
    }

    /// Takes a lost lease again, where nobody else has it by now.
    pub fn take_again(&self) -> bool {
        let Ok(Ok(mut again)) = lock(&self.path) else { return false };
        let again = again.locked.get_mut().unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(again, &mut *self.locked());
        true
    }

    fn locked(&self) -> MutexGuard<'_, File> {
        self.locked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Unlocked, and not merely closed: a lock of this kind belongs to the open file, which a program that is being started
/// in another thread shares until it is itself.
impl Drop for Lease {
    fn drop(&mut self) {
        let _ = self.locked.get_mut().unwrap_or_else(PoisonError::into_inner).unlock();
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

impl LeaseError {
    /// What would mend it.
    pub fn hint(&self) -> Option<String> {
        let room = matches!(
            self.source.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
        );
        let mend = if room {
            "free some space: the process that writes to the store records its name there"
        } else {
            "check what is there and who may write to it: the process that writes to the store holds that file"
        };
        Some(mend.to_owned())
    }
}

/// Where the lock of a store lies: named as SQLite names what lies beside a database.
fn lock_of(store: &Path) -> PathBuf {
    beside(&real(store), "-lock")
}

/// Takes the lease on a store, or says who holds it.
pub fn take(store: &Path) -> Result<Result<Lease, String>, LeaseError> {
    lock(&lock_of(store))
}

fn lock(path: &Path) -> Result<Result<Lease, String>, LeaseError> {
    let failed = |source| LeaseError { path: path.to_owned(), source };
    let mut file = open(path, OpenOptions::new().create(true).write(true)).map_err(failed)?;
    let content = content(&mut file).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {
            write(&file, marked(&content)).map_err(failed)?;
            let lease = Lease { path: path.to_owned(), locked: Mutex::new(file) };
            // Whoever has just taken the file away has made room for somebody else.
            if lease.is_lost() { Ok(Err("a process that is taking it right now".to_owned())) } else { Ok(Ok(lease)) }
        }
        Err(TryLockError::WouldBlock) => Ok(Err(named(&content))),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// Opens a lock file for reading, and for whatever else; neither through a link nor what might wait.
fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    options.read(true).mode(0o600).custom_flags(flags.bits().cast_signed()).open(path)
}

/// What a lock file holds; an error where it is none.
fn content(file: &mut File) -> io::Result<String> {
    let strange =
        || io::Error::new(io::ErrorKind::InvalidData, "something other than a lock file of entitled is there");
    if !file.metadata()?.is_file() {
        return Err(strange());
    }
    let mut bytes = Vec::new();
    file.take(4_096).read_to_end(&mut bytes)?;
    let content = String::from_utf8_lossy(&bytes).into_owned();
    if content.is_empty() || content.starts_with(BEGINS) { Ok(content) } else { Err(strange()) }
}

/// The process on the first line, the mark on the second. Never empty in between: somebody may be reading it.
fn write(mut file: &File, mark: Option<&str>) -> io::Result<()> {
    let mut content = format!("{BEGINS}{} since {:.0}", std::process::id(), clock::now());
    if let Some(mark) = mark {
        content.push('\n');
        content.push_str(mark);
    }
    file.rewind()?;
    file.write_all(content.as_bytes())?;
    file.set_len(content.len() as u64)
}

fn named(content: &str) -> String {
    content.lines().next().unwrap_or_default().to_owned()
}

fn marked(content: &str) -> Option<&str> {
    content.lines().nth(1).filter(|line| !line.starts_with(USES) && *line != LOST)
}

/// Takes the lease on the store at `path` for whoever works on the one at `own` and does not follow a file that names
/// this one by now: nobody begins to write here meanwhile, and who comes by that file learns where to go.
pub fn point(path: &Path, own: &Path) -> Result<Result<Lease, String>, LeaseError> {
    let taken = take(path)?;
    // A name that takes more than a line is told to nobody.
    if let (Ok(lease), Some(own)) = (&taken, real(own).to_str().filter(|own| !own.contains('\n'))) {
        lease.note(Some(&format!("{USES}{own}"))).map_err(|source| LeaseError { path: lock_of(path), source })?;
    }
    Ok(taken)
}

/// Whether two paths lead to the same store.
pub fn is_same(one: &Path, other: &Path) -> bool {
    real(one) == real(other)
}

/// Who holds the lease on the store at `path` while they work on another one, and on which.
pub fn elsewhere(path: &Path) -> Option<(String, PathBuf)> {
    let holder = holder(path).ok()??;
    let content = content(&mut open(&lock_of(path), &mut OpenOptions::new()).ok()?).ok()?;
    let own = PathBuf::from(content.lines().nth(1)?.strip_prefix(USES)?);
    let process = |line: &str| line.split(' ').nth(1).map(str::to_owned);
    // A note outlives whoever was killed, and a process may have the lock that never wrote it.
    let there = self::holder(&own).ok()??;
    (process(&there) == process(&holder)).then_some((holder, own))
}

/// The numbers that stand in the header of the store by what whoever holds the lease has noted.
pub(super) fn numbers(store: &Path) -> Vec<u32> {
    let content = open(&lock_of(store), &mut OpenOptions::new()).and_then(|mut file| content(&mut file));
    let Ok(content) = content else { return Vec::new() };
    let numbers = content.lines().nth(2).unwrap_or_default().split(' ');
    numbers.filter_map(|number| number.parse().ok()).collect()
}

/// Whether whoever holds the lease has noted that it does not use the file at this path.
pub(super) fn is_lost_by_holder(store: &Path) -> bool {
    let content = open(&lock_of(store), &mut OpenOptions::new()).and_then(|mut file| content(&mut file));
    content.is_ok_and(|content| content.lines().nth(1) == Some(LOST))
}

/// What whoever holds the lease, or held it last, has noted.
pub(super) fn mark(store: &Path) -> Option<String> {
    let content = content(&mut open(&lock_of(store), &mut OpenOptions::new()).ok()?).ok()?;
    marked(&content).map(str::to_owned)
}

/// Whether another process holds the lease.
pub(super) fn is_held_by_another(store: &Path) -> bool {
    let own = format!("{BEGINS}{} ", std::process::id());
    matches!(holder(store), Ok(Some(holder)) if !holder.starts_with(&own))
}

/// Who holds the lease on a store, without asking for it and without making the lock file. For the blink of
/// this look nobody else can take it: a daemon that waits for it takes it at its next beat.
pub fn holder(store: &Path) -> Result<Option<String>, LeaseError> {
    let path = lock_of(store);
    let failed = |source| LeaseError { path: path.clone(), source };
    let mut file = match open(&path, &mut OpenOptions::new()) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(failed)?,
    };
    let content = content(&mut file).map_err(failed)?;
    match file.try_lock_shared() {
        // Given back at once, and not when a copy of this file in a program that is being started is closed.
        Ok(()) => file.unlock().map(|()| None).map_err(failed),
        Err(TryLockError::WouldBlock) => Ok(Some(named(&content))),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A process that another thread is starting has a copy of every open file until it is the program that was asked
    /// for.
    #[test]
    fn what_is_handed_back_is_free_although_a_copy_of_its_file_is_open() {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("entitled.db");
        let lease = take(&store).unwrap().unwrap();
        let copy = lease.locked().try_clone().unwrap();
        drop(lease);
        let lease = take(&store).unwrap().expect("free again");
        assert!(holder(&store).unwrap().is_some(), "the copy of an earlier file frees nothing");
        // Taken away and taken again: the file that was locked before frees nothing that is held now.
        std::fs::remove_file(lock_of(&store)).unwrap();
        assert!(lease.is_lost() && lease.take_again() && !lease.is_lost());
        assert!(take(&store).unwrap().is_err());
        drop((copy, lease));
        assert!(take(&store).unwrap().is_ok());
    }
}
