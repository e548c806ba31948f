//! Tells when a file's content has changed, whatever way it was changed.
//!
//! The parent folder is watched, not the file: an atomic rename, a symbolic link swapped by Kubernetes, a
//! `git checkout`, a removal and a return all replace the file and would leave a watch on it blind. Events
//! only say "look"; what counts is the content hash, which is compared every few seconds besides, since
//! some file systems (NFS, some container mounts) send no events at all.
//!
//! A change counts once two reads in a row agree, so that a file saved in two halves is seen whole.
//! Never parses what it reads.

#![expect(clippy::disallowed_methods, reason = "an edge: reads the watched files")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;

/// How often content is compared without any event, and how far apart two equal reads must be.
#[derive(Clone, Copy, Debug)]
pub struct Pulse {
    /// Between two looks without an event.
    pub backstop: Duration,
    /// Between the two reads that must agree.
    pub settle: Duration,
}

impl Default for Pulse {
    fn default() -> Self {
        Self { backstop: Duration::from_secs(3), settle: Duration::from_millis(100) }
    }
}

/// What a file holds, as far as a watch cares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// SHA-256 of its bytes.
    Hash([u8; 32]),
    /// It cannot be read: removed, or not yet there.
    Gone,
}

impl Content {
    /// What the file at `path` holds now.
    pub fn of(path: &Path) -> Self {
        std::fs::read(path).map_or(Self::Gone, |bytes| Self::Hash(Sha256::digest(bytes).into()))
    }

    /// The hash in hex, as a configuration is known by.
    pub fn digest(&self) -> Option<String> {
        match self {
            Content::Hash(hash) => Some(hash.iter().map(|byte| format!("{byte:02x}")).collect()),
            Content::Gone => None,
        }
    }
}

/// Watches some files.
#[derive(Debug)]
pub struct Watch {
    known: BTreeMap<PathBuf, Content>,
    pulse: Pulse,
    events: mpsc::Receiver<()>,
    // Kept alive: dropping it ends the events. `None` where the system has none to give.
    _watcher: Option<RecommendedWatcher>,
}

impl Watch {
    /// Watches `paths`, from what they hold now. Never fails: without events the backstop does.
    pub fn new(paths: impl IntoIterator<Item = PathBuf>, pulse: Pulse) -> Self {
        let known: BTreeMap<PathBuf, Content> = paths
            .into_iter()
            .map(|path| {
                let content = Content::of(&path);
                (path, content)
            })
            .collect();
        // One place: a second event while one waits says nothing new.
        let (send, events) = mpsc::channel(1);
        let watcher = notify::recommended_watcher(move |_event: notify::Result<notify::Event>| {
            let _already_told = send.try_send(());
        });
        let watcher = watcher.map_err(|error| tracing::warn!(%error, "no file events; comparing content instead")).ok();
        Self { _watcher: watcher.map(|watcher| watch_folders(watcher, known.keys())), known, pulse, events }
    }

    /// Waits for the next change that has settled, and says which file holds what now. Cancel-safe: a
    /// change that was not handed out is found again.
    pub async fn changed(&mut self) -> (PathBuf, Content) {
        loop {
            let mut before = self.read();
            if before == self.known {
                tokio::select! {
                    event = self.events.recv() => {
                        if event.is_none() {
                            tokio::time::sleep(self.pulse.backstop).await;
                        }
                    }
                    () = tokio::time::sleep(self.pulse.backstop) => {}
                }
                before = self.read();
            }
            if before == self.known {
                continue;
            }
            tokio::time::sleep(self.pulse.settle).await;
            let after = self.read();
            let settled = after
                .iter()
                .find(|(path, content)| before.get(*path) == Some(content) && self.known.get(*path) != Some(content));
            if let Some((path, content)) = settled {
                self.known.insert(path.clone(), content.clone());
                return (path.clone(), content.clone());
            }
        }
    }

    fn read(&self) -> BTreeMap<PathBuf, Content> {
        self.known.keys().map(|path| (path.clone(), Content::of(path))).collect()
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
