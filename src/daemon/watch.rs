//! Tells when the content of a file has changed, however it was changed.
//!
//! The parent folder is watched, not the file: an atomic rename, a symbolic link swapped by Kubernetes, a
//! `git checkout`, a removal and a return all replace the file and would leave a watch on it blind. Events
//! only say "look"; what counts is the content hash, which is compared every few seconds besides, since
//! some file systems (NFS, some container mounts) send no events at all. A file whose size and times
//! are the same is read again only once in a while.
//!
//! A change counts once two reads some time apart agree, so that a file saved in two halves is seen whole.
//! Never parses what it reads.

#![expect(clippy::disallowed_methods, reason = "an edge: reads the watched files")]

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;

use crate::files::{self, Kind, Stamp};

/// How often content is compared without any event, how far apart two equal reads must be, and how far apart what
/// others can ask for.
#[derive(Clone, Copy, Debug)]
pub struct Pulse {
    /// Between two looks without an event.
    pub backstop: Duration,
    /// Between two reads that must agree.
    pub settle: Duration,
    /// Between two full passes that hints have asked for; a tenth of the interval where that is less.
    pub gap: Duration,
}

impl Default for Pulse {
    fn default() -> Self {
        Self { backstop: Duration::from_secs(3), settle: Duration::from_millis(100), gap: Duration::from_secs(10) }
    }
}

/// What a file holds, as far as a watch cares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// SHA-256 of its bytes in hex, as a configuration is known by.
    Hash(String),
    /// Removed, or not yet there.
    Gone,
    /// Something lies there that cannot be read, and why.
    Unreadable(String),
}

impl Content {
    /// What the file at `path` holds now. Holds nobody up.
    pub async fn seen(path: &Path) -> Self {
        let read = files::apart(path, |path| files::bytes(path, Kind::Document).map(Self::of));
        read.await.unwrap_or_else(|error| Self::of_failure(&error))
    }

    fn of(bytes: Vec<u8>) -> Self {
        Self::Hash(Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect())
    }

    fn of_failure(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::NotFound { Self::Gone } else { Self::Unreadable(error.to_string()) }
    }
}

/// What a file held when it was last read.
#[derive(Clone, Debug)]
struct LastRead {
    stamp: Stamp,
    /// When it was first seen to have that stamp.
    since: Instant,
    /// When it was read.
    at: Instant,
    content: Content,
}

/// Times of files may be as coarse as this: one that is written to twice within it may have the same stamp twice.
const COARSE: Duration = Duration::from_secs(2);
/// After so long a file is read whatever its stamp says: not every file system keeps times.
const READ_AFTER: Duration = Duration::from_secs(60);

impl LastRead {
    /// Whether a file with this stamp still holds what it did. `now`: at the time of asking.
    fn stands(&self, now: Instant) -> bool {
        self.at.duration_since(self.since) > COARSE && now.duration_since(self.at) < READ_AFTER
    }
}

/// Watches some files.
#[derive(Debug)]
pub struct Watch {
    /// What each file held when it was last read, where that could be.
    read: BTreeMap<PathBuf, LastRead>,
    looks: u64,
    reads: u64,
    known: BTreeMap<PathBuf, Content>,
    /// What differs from that, and since when. Kept here, so that a wait that is cut short goes on later.
    unsettled: BTreeMap<PathBuf, (Content, Instant)>,
    pulse: Pulse,
    events: mpsc::Receiver<()>,
    // Kept alive: dropping it ends the events. `None` where the system has none to give.
    _watcher: Option<RecommendedWatcher>,
}

impl Watch {
    /// Watches `paths`, from what they hold now, or are known to have held. Never fails: without events the
    /// backstop does.
    pub async fn new(
        paths: impl IntoIterator<Item = PathBuf>,
        known: &BTreeMap<PathBuf, Content>,
        pulse: Pulse,
    ) -> Self {
        let mut now = BTreeMap::new();
        for path in paths {
            let content = match known.get(&path) {
                Some(content) => content.clone(),
                None => Content::seen(&path).await,
            };
            now.insert(path, content);
        }
        let known = now;
        // One place: a second event while one waits says nothing new.
        let (send, events) = mpsc::channel(1);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Our own reading is an event too, and would wake us to read again, without end.
            if !event.is_ok_and(|event| event.kind.is_access()) {
                let _already_told = send.try_send(());
            }
        });
        let watcher = watcher.map_err(|error| tracing::warn!(%error, "no file events; comparing content instead")).ok();
        Self {
            _watcher: watcher.map(|watcher| watch_folders(watcher, known.keys())),
            known,
            read: BTreeMap::new(),
            looks: 0,
            reads: 0,
            unsettled: BTreeMap::new(),
            pulse,
            events,
        }
    }

    /// How often it has looked at a file, and how often it had to read one for that.
    pub fn looks_and_reads(&self) -> (u64, u64) {
        (self.looks, self.reads)
    }

    /// What each file held when it was last settled.
    pub fn known(&self) -> &BTreeMap<PathBuf, Content> {
        &self.known
    }

    /// Waits for the next change that has settled, and says which file holds what now. Cancel-safe: a
    /// change that was not handed out is found again, and has settled meanwhile.
    pub async fn changed(&mut self) -> (PathBuf, Content) {
        loop {
            if let Some((path, content)) = self.settled().await {
                self.unsettled.remove(&path);
                self.known.insert(path.clone(), content.clone());
                return (path, content);
            }
            let wait = if self.unsettled.is_empty() { self.pulse.backstop } else { self.pulse.settle };
            let woken = async {
                if self.events.recv().await.is_none() {
                    std::future::pending().await
                }
            };
            tokio::select! {
                () = woken => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// What a file holds now, read if it may be something else than when it was last read.
    async fn look(&mut self, path: &Path) -> Content {
        let asked = Instant::now();
        // What was read stays known when this is cut short.
        let before = self.read.get(path).cloned();
        let stamp = before.as_ref().filter(|read| read.stands(asked)).map(|read| read.stamp);
        let look = files::apart(path, move |path| {
            let (stamp, bytes) = files::bytes_unless(path, Kind::Document, stamp)?;
            // Hashed here: the loop does not wait for that either.
            Ok((stamp, bytes.map(Content::of)))
        });
        let look = look.await;
        self.looks += 1;
        let read = match (look, before) {
            (Ok((_, None)), Some(before)) => before,
            (Ok((stamp, Some(content))), before) => {
                self.reads += 1;
                let known = before.filter(|before| before.stamp == stamp);
                LastRead { stamp, since: known.map_or(asked, |known| known.since), at: asked, content }
            }
            // Without a stamp that is known the file is read.
            (Ok((_, None)), None) => return Content::seen(path).await,
            (Err(error), _) => {
                self.read.remove(path);
                return Content::of_failure(&error);
            }
        };
        let content = read.content.clone();
        self.read.insert(path.to_owned(), read);
        content
    }

    /// Looks at every file, and finds one that holds something new and has held it for long enough.
    async fn settled(&mut self) -> Option<(PathBuf, Content)> {
        for (path, known) in self.known.clone() {
            let (path, known) = (&path, &known);
            let content = self.look(path).await;
            let now = Instant::now();
            match self.unsettled.get(path) {
                _ if content == *known => drop(self.unsettled.remove(path)),
                Some((before, since)) if *before == content => {
                    if now.duration_since(*since) >= self.pulse.settle {
                        return Some((path.clone(), content));
                    }
                }
                _ => drop(self.unsettled.insert(path.clone(), (content, now))),
            }
        }
        None
    }
}

/// Watches the folder of each file, and of what it links to.
fn watch_folders<'a>(mut watcher: RecommendedWatcher, paths: impl Iterator<Item = &'a PathBuf>) -> RecommendedWatcher {
    let mut folders: Vec<PathBuf> = paths
        .flat_map(|path| [Some(path.clone()), std::fs::canonicalize(path).ok()])
        .flatten()
        .filter_map(|path| path.parent().map(Path::to_owned))
        .map(|folder| if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder })
        .collect();
    folders.sort();
    folders.dedup();
    for folder in folders {
        if let Err(error) = watcher.watch(&folder, RecursiveMode::NonRecursive) {
            tracing::warn!(folder = %folder.display(), %error, "no file events here; comparing content instead");
        }
    }
    watcher
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_believed_when_it_is_older_than_times_are_coarse_and_not_for_ever() {
        let start = Instant::now();
        let read = |at: Duration| LastRead {
            stamp: Stamp::from(&std::fs::metadata("/").unwrap()),
            since: start,
            at: start + at,
            content: Content::Gone,
        };
        let second = Duration::from_secs(1);
        assert!(!read(COARSE).stands(start + COARSE));
        assert!(read(COARSE + second).stands(start + COARSE + second));
        assert!(read(COARSE + second).stands(start + COARSE + READ_AFTER));
        assert!(!read(COARSE + second).stands(start + COARSE + second + READ_AFTER));
    }
}
