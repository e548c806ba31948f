//! The state file of both simulators, and the note beside it that says which process serves it.
//!
//! Knows nothing of what the state means.

#![expect(clippy::disallowed_methods, reason = "an edge: keeps state in files")]

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::logto::{LogtoSim, Tenant};
use super::shop::{Shelf, ShopSim};
use crate::files::{self, Kind};
use crate::text::without_bom;

/// Raised when a newer program would not understand this file.
const VERSION: u32 = 1;

/// The least time between two saves; the first change after a pause is saved at once.
const PAUSE: Duration = Duration::from_millis(100);

/// What the state file holds.
#[derive(Deserialize)]
pub(super) struct Loaded {
    version: u32,
    pub(super) logto: Tenant,
    pub(super) shop: Shelf,
}

#[derive(Serialize)]
struct Saved<'a> {
    version: u32,
    logto: &'a Tenant,
    shop: &'a Shelf,
}

/// Why a state file is not loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It cannot be read.
    #[error("it cannot be read")]
    Read(#[source] io::Error),
    /// It is damaged, or was written by another program.
    #[error("it is damaged, or no sandbox wrote it")]
    Shape(#[source] serde_json::Error),
    /// It was written by another version of this program.
    #[error("it has the format `{0}`, and this program knows `{VERSION}`")]
    Version(u32),
}

/// `None` where there is no such file yet.
pub(super) fn load(path: &Path) -> Result<Option<Loaded>, LoadError> {
    let bytes = match files::read(path, Kind::Document) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(LoadError::Read(error)),
    };
    let mut loaded: Loaded = serde_json::from_slice(without_bom(&bytes)).map_err(LoadError::Shape)?;
    if loaded.version != VERSION {
        return Err(LoadError::Version(loaded.version));
    }
    loaded.logto.reindex();
    loaded.shop.reindex();
    Ok(Some(loaded))
}

/// Saves both simulators whole. All clones write one after the other.
#[derive(Clone)]
pub(super) struct Saver {
    path: Arc<Path>,
    logto: LogtoSim,
    shop: ShopSim,
    turn: Arc<Mutex<()>>,
}

impl Saver {
    pub(super) fn new(path: &Path, logto: LogtoSim, shop: ShopSim) -> Self {
        Self { path: path.into(), logto, shop, turn: Arc::new(Mutex::new(())) }
    }

    /// Replaces the file in one step, readable by its owner alone.
    pub(super) fn save(&self) -> io::Result<()> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = {
            let (logto, shop) = (self.logto.tenant(), self.shop.shelf());
            serde_json::to_vec(&Saved { version: VERSION, logto: &logto, shop: &shop })?
        };
        let new = beside(&self.path, "new");
        let mut file = private(OpenOptions::new().write(true).create(true).truncate(true)).open(&new)?;
        file.write_all(&bytes)?;
        drop(file);
        std::fs::rename(&new, &self.path)
    }

    /// Saves after each change, for as long as it is polled.
    pub(super) async fn run(self, changed: Arc<Notify>) {
        loop {
            changed.notified().await;
            let saver = self.clone();
            match tokio::task::spawn_blocking(move || saver.save()).await {
                Ok(Ok(())) | Err(_) => {}
                Ok(Err(error)) => {
                    tracing::warn!(path = %self.path.display(), %error, "the sandbox could not save its state");
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Which process serves a state file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Live {
    pub(super) logto: String,
    pub(super) shop: String,
    /// Only the process that wrote this answers with it.
    pub(super) nonce: String,
}

/// The note beside a state file. While it is held, nobody else starts or stops on that file.
pub(super) struct LiveNote(File);

impl LiveNote {
    /// Waits for whoever is starting or stopping.
    pub(super) fn hold(state: &Path) -> io::Result<Self> {
        let note = Self::open(state)?;
        note.0.lock()?;
        Ok(note)
    }

    /// `None` where somebody is starting or stopping.
    pub(super) fn try_hold(state: &Path) -> Option<Self> {
        let note = Self::open(state).ok()?;
        note.0.try_lock().ok()?;
        Some(note)
    }

    fn open(state: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        private(options.read(true).write(true).create(true).truncate(false)).open(beside(state, "live")).map(Self)
    }

    /// `None` where nobody serves, or the note is damaged.
    pub(super) fn read(&mut self) -> Option<Live> {
        let mut text = String::new();
        self.0.rewind().ok()?;
        self.0.read_to_string(&mut text).ok()?;
        serde_json::from_str(&text).ok()
    }

    pub(super) fn write(&mut self, live: &Live) -> io::Result<()> {
        self.clear()?;
        self.0.write_all(&serde_json::to_vec(live)?)
    }

    /// Empties the note. The file stays: whoever waits for it has it open.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        self.0.rewind()?;
        self.0.set_len(0)
    }
}

/// Unlocked, and not merely closed: a program that another thread is starting shares the open file for a moment.
impl Drop for LiveNote {
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}

/// Removes the state and the note.
pub(super) fn remove(state: &Path) -> io::Result<()> {
    for path in [state.to_owned(), beside(state, "live")] {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Makes the directory that the state file is to lie in.
pub(super) fn make_directory(state: &Path) -> io::Result<()> {
    match state.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => std::fs::create_dir_all(parent),
        _ => Ok(()),
    }
}

fn beside(state: &Path, extension: &str) -> PathBuf {
    let mut name = state.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    name.into()
}

fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}
