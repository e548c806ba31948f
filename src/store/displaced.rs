//! Which store is open, and whether it still lies where it was opened.

#![expect(clippy::disallowed_methods, reason = "the store is a file")]

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use sqlx::Connection as _;

use super::connect;
use super::error::StoreError;
use super::file_id::Displaced;
use super::identity::{self, StoreId};
use super::lease::Lease;
use super::open::Store;
use super::own::{self, Found};
use super::wal;

impl Store {
    /// Which store this is; a copy for a dry run is the store that it was copied from.
    pub fn id(&self) -> &StoreId {
        &self.id
    }

    /// What became of the file, where it does not lie at its path any more, holds something else, or its log does not
    /// lie beside it: what is written is read by nobody then. Nothing ever becomes of a copy.
    pub fn displaced(&self) -> Option<Displaced> {
        let at = |path| self.file.and_then(|file| file.displaced(path));
        // A link may lead elsewhere by now, where everybody else follows it to.
        at(self.path())
            .or_else(|| at(&self.given))
            .or_else(|| self.mark.is_gone().then_some(Displaced::Overwritten))
            .or_else(|| self.has_lost_its_log().then_some(Displaced::Log))
            .or_else(|| self.lease.get().is_some_and(Lease::is_lost).then_some(Displaced::Lock))
    }

    /// [`StoreError::Left`], where another process holds the lease on the store at `path` and uses another file than
    /// the one that lies there: what is said to that one, nobody heeds.
    pub fn left(path: &Path) -> Option<StoreError> {
        let path = own::real(path);
        wal::left_by(&path).map(|holder| StoreError::Left { path, holder })
    }

    /// [`StoreError::Vanished`], where nothing lies at `path` and another process has the store open that lay there.
    pub fn vanished(path: &Path) -> Option<StoreError> {
        wal::vanished(&own::real(path), Found::Nothing).err()
    }

    /// Which store lies at `path`, or is still to be made there. Neither creates nor changes anything.
    pub async fn id_at(path: &Path) -> Result<StoreId, StoreError> {
        let path = &own::real(path);
        if own::look(path)? == Found::Nothing {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let folder = std::fs::metadata(folder).map(|folder| folder.ino()).unwrap_or_default();
            return Ok(StoreId::new("", &format!("{folder} {name}")));
        }
        let fault = |error| StoreError::of(path, error);
        let mut connection = connect::unchanged(path).await.map_err(fault)?;
        let id = identity::of_file(path, &mut connection).await;
        connection.close().await.map_err(fault)?;
        id
    }
}
