//! The write-ahead log beside a file, no matter who has it open: where it is, which file it belongs to, how it is
//! moved.

#![expect(clippy::disallowed_methods, reason = "the log is a file")]

use std::path::{Path, PathBuf};

use super::error::StoreError;
use super::file_id::FileId;
use super::own::{Found, beside};
use super::{lease, mark};

/// The log, and the index that everybody who has it open shares.
pub(super) const PARTS: [&str; 2] = ["-shm", "-wal"];

/// Between the two.
const OF: &str = " is the log of ";

/// Looks at a file that is being marked anew.
const PATIENCE: u32 = 10;

/// The size of the write-ahead log beside `path`. Zero unless somebody has it open or died with it open.
pub(super) fn size(path: &Path) -> u64 {
    std::fs::metadata(wal(path)).map_or(0, |file| file.len())
}

/// Refuses to open a file beside which the log of another one lies, as the daemon that has or had it open has noted.
/// Where that daemon is gone, the log is moved out of the way instead.
pub(super) fn part_from_another(path: &Path) -> Result<(), StoreError> {
    if is_overwritten(path) && !lease::is_lost_by_holder(path) {
        return Err(StoreError::OthersLog { path: path.to_owned() });
    }
    let Some(owner) = owner_elsewhere(path) else { return Ok(()) };
    if lease::is_held_by_another(path) {
        return Err(StoreError::OthersLog { path: path.to_owned() });
    }
    let inode = owner.split(':').nth(1).and_then(|inode| inode.parse().ok()).unwrap_or_default();
    let aside = aside(path, inode);
    tracing::warn!(path = %path.display(), aside = %wal(&aside).display(), "the log of another file was moved aside");
    move_log(path, &aside);
    Ok(())
}

/// Whether the log beside a file is that of another one.
pub(super) fn is_anothers(path: &Path) -> bool {
    owner_elsewhere(path).is_some() || is_overwritten(path)
}

/// Who holds the lease on the store at `path` and uses another file than the one there, if any lies there.
pub(super) fn left_by(path: &Path) -> Option<String> {
    let holder = lease::holder(path).ok()??;
    let is_anothers = || {
        let mark = lease::mark(path)?;
        let (_, owner) = mark.split_once(OF)?;
        Some(lasting(path).as_deref() != Some(owner))
    };
    let is_anothers = || is_anothers().unwrap_or_default() || is_overwritten(path);
    (lease::is_lost_by_holder(path) || is_anothers()).then_some(holder)
}

/// Whether something else was written into the file than what whoever holds the lease has put there. They note the
/// number that stands in it before and after they write another one, so what is noted alike twice is no older.
fn is_overwritten(path: &Path) -> bool {
    if !lease::is_held_by_another(path) {
        return false;
    }
    for _ in 0..PATIENCE {
        let (noted, Ok(there), again) = (lease::numbers(path), mark::number_at(path), lease::numbers(path)) else {
            return false;
        };
        if noted.contains(&there) || again.contains(&there) {
            return false;
        }
        if noted == again {
            return !noted.is_empty();
        }
    }
    false
}

/// Refuses a path at which nothing lies while a process has the store open that lay there: whatever is said to a new
/// one, nobody hears.
pub(super) fn vanished(path: &Path, found: Found) -> Result<(), StoreError> {
    if found != Found::Nothing || !lease::is_held_by_another(path) {
        return Ok(());
    }
    left_by(path).map_or(Ok(()), |holder| Err(StoreError::Vanished { path: path.to_owned(), holder }))
}

/// The file that the log at this place belongs to, where that is known and does not lie there.
fn owner_elsewhere(path: &Path) -> Option<String> {
    let log = lasting(&wal(path))?;
    let mark = lease::mark(path)?;
    let owner = mark.strip_prefix(&format!("{log}{OF}"))?;
    (lasting(path).as_deref() != Some(owner)).then(|| owner.to_owned())
}

/// What the lock file says of a log, of the file that it belongs to, and of the numbers of which one stands in that.
pub(super) fn mark_of(path: &Path, numbers: &[u32]) -> Option<String> {
    let (file, log) = (lasting(path)?, lasting(&wal(path))?);
    let numbers: Vec<_> = numbers.iter().map(u32::to_string).collect();
    Some(format!("{log}{OF}{file}\n{}", numbers.join(" ")))
}

/// Where the log of a file lies.
pub(super) fn wal(path: &Path) -> PathBuf {
    beside(path, "-wal")
}

/// The name by which SQLite would find the log again for a file of this name.
pub(super) fn aside(path: &Path, inode: u64) -> PathBuf {
    beside(path, &format!(".displaced-{inode}"))
}

/// Moves the log of one file to where the log of another one would lie.
pub(super) fn move_log(from: &Path, to: &Path) {
    for part in PARTS {
        if let Err(error) = std::fs::rename(beside(from, part), beside(to, part)) {
            tracing::debug!(%error, part, "a part of the log of the store could not be moved");
        }
    }
}

/// Device, inode, and when it was made, where the file system knows: an inode is given out again.
fn lasting(path: &Path) -> Option<String> {
    let file = std::fs::metadata(path).ok()?;
    let made = file.created().ok().and_then(|made| made.duration_since(std::time::UNIX_EPOCH).ok());
    Some(format!("{}:{}", FileId::of(path).ok()?, made.unwrap_or_default().as_nanos()))
}
