//! What makes the rest of a plan obsolete while it is carried out: a shutdown, a freeze, a changed file, or a store
//! that is no longer the file at its path.
//!
//! Looks and decides nothing: the next pass plans by what is true then. One look costs a query to the store and three
//! questions to the file system, little enough for every batch and every revocation.

#![expect(clippy::disallowed_methods, reason = "an edge: looks whether the file is still the one")]

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::files::{self, Kind};
use crate::planner::Verb;
use crate::report::run::Obsolete;
use crate::shutdown::Shutdown;
use crate::store::{FreezeScope, Store, StoreError};

/// How long to wait, after a shutdown was requested, for an answer that can be had later as well: far less than a
/// service manager waits before it kills the process.
const LAST_ANSWER: Duration = Duration::from_secs(3);

/// See the module.
#[derive(Debug)]
pub struct Lookout<'a> {
    shutdown: &'a Shutdown,
    file: Option<Mark>,
}

/// A file as it was when the plan was made.
#[derive(Debug)]
struct Mark {
    path: PathBuf,
    content: Option<String>,
    /// By which it was found unchanged the last time, so that it need not be read again.
    place: Option<Place>,
}

/// Device, inode, size, and when it was changed in seconds and nanoseconds: content, and anything else.
type Place = (u64, u64, u64, (i64, i64), (i64, i64));

impl<'a> Lookout<'a> {
    /// Looks for the wish to end, for a freeze, and whether the store is still there.
    pub fn new(shutdown: &'a Shutdown) -> Self {
        Self { shutdown, file: None }
    }

    /// Also for the file, which is to hold what it holds now.
    #[must_use]
    pub fn with_file(self, path: &Path) -> Self {
        let content = digest(path);
        self.with_content(path, content)
    }

    /// Also for the file, which is to hold what has this SHA-256 in hex; `None`: it is to be gone.
    #[must_use]
    pub fn with_content(self, path: &Path, content: Option<String>) -> Self {
        Self { file: Some(Mark { path: path.to_owned(), content, place: None }), ..self }
    }

    /// Returns when the end was asked for, and whoever answers has had the time to.
    pub(super) fn end(&self) -> impl Future<Output = ()> + use<> {
        let mut shutdown = self.shutdown.clone();
        async move {
            shutdown.wait().await;
            tokio::time::sleep(LAST_ANSWER).await;
        }
    }

    /// Why the rest is not to be done, if it is not: by what holds at `now`, for something of this kind.
    pub async fn obsolete(
        &mut self,
        store: &Store,
        verb: Verb,
        now: Timestamp,
    ) -> Result<Option<Obsolete>, StoreError> {
        if self.shutdown.requested() {
            return Ok(Some(Obsolete::End));
        }
        if store.displaced().is_some() {
            return Ok(Some(Obsolete::Store));
        }
        let frozen = match store.frozen(now).await?.map(|freeze| freeze.scope) {
            Some(FreezeScope::All) => true,
            Some(FreezeScope::Revocations) => verb == Verb::Revoke,
            None => false,
        };
        if frozen {
            return Ok(Some(Obsolete::Frozen));
        }
        let changed = match &mut self.file {
            Some(mark) => mark.has_changed().await,
            None => false,
        };
        Ok(changed.then_some(Obsolete::File))
    }
}

impl Mark {
    async fn has_changed(&mut self) -> bool {
        let known = self.place;
        // Nothing here may wait for a disk on the loop.
        let looked = files::apart(&self.path, move |path| {
            let place = place(path);
            Ok((place, if place.is_some() && place == known { None } else { Some(digest(path)) }))
        });
        let (place, changed) = match looked.await {
            Ok((_, None)) => return false,
            Ok((place, Some(content))) => (place, content != self.content),
            Err(_) => (None, self.content.is_some()),
        };
        self.place = if changed { None } else { place };
        changed
    }
}

fn place(path: &Path) -> Option<Place> {
    let file = std::fs::metadata(path).ok()?;
    let (changed, touched) = ((file.mtime(), file.mtime_nsec()), (file.ctime(), file.ctime_nsec()));
    Some((file.dev(), file.ino(), file.size(), changed, touched))
}

fn digest(path: &Path) -> Option<String> {
    let bytes = files::read(path, Kind::Document).ok()?;
    Some(Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_is_the_same_while_it_holds_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("entitlements.yaml");
        std::fs::write(&path, "one").unwrap();
        let mut mark = Mark { path: path.clone(), content: digest(&path), place: None };
        assert!(!mark.has_changed().await);
        for (content, changed) in [("two", true), ("one", false), ("ane", true), ("one", false)] {
            std::fs::write(&path, content).unwrap();
            assert_eq!(mark.has_changed().await, changed, "{content}");
        }
        let other = folder.path().join("other");
        std::fs::write(&other, "one").unwrap();
        std::fs::rename(&other, &path).unwrap();
        assert!(!mark.has_changed().await, "another file of the same content is the same");
        std::fs::remove_file(&path).unwrap();
        assert!(mark.has_changed().await);
    }
}
