//! The write-ahead log beside a file, whoever has it open: where it lies, whose it is, and how it is moved.

#![expect(clippy::disallowed_methods, reason = "the log is a file")]

use std::path::{Path, PathBuf};

use super::error::StoreError;
use super::file_id::FileId;
use super::lease;
use super::own::beside;

/// The log, and the index that everybody who has it open shares.
pub(super) const PARTS: [&str; 2] = ["-shm", "-wal"];

/// The size of the write-ahead log beside `path`. Zero unless somebody has it open or died with it open.
pub(super) fn size(path: &Path) -> u64 {
    std::fs::metadata(wal(path)).map_or(0, |file| file.len())
}

/// Refuses to open a file beside which the log of another one lies, as the daemon that has or had it open has noted.
/// Where that daemon is gone, the log is moved out of the way instead.
pub(super) fn part_from_another(path: &Path) -> Result<(), StoreError> {
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
    owner_elsewhere(path).is_some()
}

/// The file that the log at this place belongs to, where that is known and does not lie there.
fn owner_elsewhere(path: &Path) -> Option<String> {
    let log = lasting(&wal(path))?;
    let mark = lease::mark(path)?;
    let owner = mark.strip_prefix(&format!("{log} is the log of "))?;
    (lasting(path).as_deref() != Some(owner)).then(|| owner.to_owned())
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
pub(super) fn lasting(path: &Path) -> Option<String> {
    let file = std::fs::metadata(path).ok()?;
    let made = file.created().ok().and_then(|made| made.duration_since(std::time::UNIX_EPOCH).ok());
    Some(format!("{}:{}", FileId::of(path).ok()?, made.unwrap_or_default().as_nanos()))
}
