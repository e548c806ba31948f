//! The write-ahead log beside the store. SQLite finds it by its name alone, whatever file the store's path holds by
//! then.
//!
//! So the log is kept empty at rest, and moved out of the way if another file was put in the place of the store, so
//! that this file opens as what it is. Never lets two files share a log, and never deletes one that holds anything.

#![expect(clippy::disallowed_methods, reason = "the log is a file")]

use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::time::Duration;

use sqlx::{AssertSqlSafe, SqliteConnection};

use super::codec::Sql;
use super::error::StoreError;
use super::file_id::{Displaced, FileId};
use super::open::Store;
use super::own::beside;
use super::wal::{self, PARTS, aside, move_log, wal};

/// Waits for no reader: whoever reads now keeps the log until the next time.
const FOLD: &str = "PRAGMA busy_timeout = 0; PRAGMA wal_checkpoint(TRUNCATE)";
/// As it was: see `BUSY_TIMEOUT` in `connect`.
const PATIENT: &str = "PRAGMA busy_timeout = 5000";

/// How long a writer of this process is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

impl Store {
    /// Folds the log into the file and empties it, if nobody is using it just now: what lies in the log is no part of
    /// the file for whoever moves one without the other, and a log that is never empty grows for ever.
    pub async fn fold_log(&self) -> Result<(), StoreError> {
        if self.displaced().is_some() || !self.is_to_be_folded() { Ok(()) } else { self.fold().await }
    }

    /// Whether anything is to be folded, or to be marked (see `store::mark`).
    pub fn is_to_be_folded(&self) -> bool {
        self.has_log() || (self.lease().is_some() && !self.mark.is_set())
    }

    /// Whether anything lies in the log that lies at its path.
    fn has_log(&self) -> bool {
        wal::size(self.path()) > 0
    }

    /// Moves the log out of the way of a file that was put in the place of its own, and makes its own whole in itself,
    /// wherever that lies. What was written over its own is left as it is. Does nothing while it is beside its own.
    pub async fn set_log_aside(&self) {
        let Some(how) = self.displaced().filter(|how| *how != Displaced::Lock) else { return };
        if how != Displaced::Overwritten
            && let Err(error) = self.fold_by_itself(how).await
        {
            tracing::debug!(%error, "the log of the store could not be folded");
        }
        if how != Displaced::Log {
            self.rename_log(self.path(), &self.aside());
        }
    }

    /// Puts the log back beside its own file, where that is at its path again and nobody has made another log there.
    pub fn take_log_back(&self) {
        let another = |part: &&str| beside(self.path(), part).symlink_metadata().is_ok();
        if self.displaced() == Some(Displaced::Log) && !PARTS.iter().any(another) {
            self.rename_log(&self.aside(), self.path());
        }
    }

    /// Whether somebody else's log lies beside the file: SQLite would delete it when this store is closed.
    pub(super) fn is_beside_another_log(&self) -> bool {
        self.displaced() == Some(Displaced::Log) && wal(self.path()).symlink_metadata().is_ok()
    }

    /// Removes what was moved out of the way and holds nothing. For whoever has closed it.
    pub(super) fn drop_empty_log(&self) {
        let aside = self.aside();
        if self.is_log(&wal(&aside)) && wal::size(&aside) == 0 {
            for part in PARTS {
                // It holds nothing, so that nothing is lost by it.
                let _stays = std::fs::remove_file(beside(&aside, part));
            }
        }
    }

    /// Takes the log that lies at its path for the one that is in use.
    pub(super) fn note_log(&self) {
        let log = FileId::of(&wal(self.path())).ok();
        *self.log.lock().unwrap_or_else(PoisonError::into_inner) = log;
    }

    /// Whether the log that is in use is not at its path.
    pub(super) fn has_lost_its_log(&self) -> bool {
        let log = *self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.is_some_and(|log| log.displaced(&wal(self.path())).is_some())
    }

    fn is_log(&self, path: &Path) -> bool {
        let log = *self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.is_some() && log == FileId::of(path).ok()
    }

    /// The same where something lies at its path that it does not belong to, unless somebody may have written to the
    /// very file by another log meanwhile.
    async fn fold_by_itself(&self, how: Displaced) -> Result<(), StoreError> {
        if how == Displaced::Log && self.is_beside_another_log() { Ok(()) } else { self.fold().await }
    }

    async fn fold(&self) -> Result<(), StoreError> {
        // None that is made for this: it would open what lies at the path.
        if self.writer().size() == 0 || self.writer().is_closed() {
            return Ok(());
        }
        let Ok(connection) = tokio::time::timeout(PATIENCE, self.writer().acquire()).await else { return Ok(()) };
        let mut connection = connection.map_err(|error| self.fault(error))?;
        let folded = self.marked(&mut connection).await;
        let patient = sqlx::raw_sql(PATIENT).execute(&mut *connection).await.map(drop);
        folded.and(patient).map_err(|error| self.fault(error))
    }

    /// Only who holds the lease marks the file: anybody else would overwrite the mark of whoever does.
    async fn marked(&self, connection: &mut SqliteConnection) -> Sql<()> {
        if self.lease().is_none() {
            return sqlx::raw_sql(FOLD).execute(connection).await.map(drop);
        }
        if !self.mark.is_set() {
            // A mark of who was here before may still lie in the log.
            sqlx::raw_sql(FOLD).execute(&mut *connection).await?;
        }
        let mark = self.mark.next(self.path())?;
        self.note_whose_log();
        // A number, and a pragma takes no parameters.
        sqlx::raw_sql(AssertSqlSafe(format!("PRAGMA user_version = {mark}"))).execute(&mut *connection).await?;
        sqlx::raw_sql(FOLD).execute(connection).await?;
        if !self.has_log() {
            self.mark.settle();
            self.note_whose_log();
        }
        Ok(())
    }

    /// The name by which SQLite would find the log again for a file of this name.
    fn aside(&self) -> PathBuf {
        aside(self.path(), self.file.map(FileId::inode).unwrap_or_default())
    }

    fn rename_log(&self, from: &Path, to: &Path) {
        if !self.is_log(&wal(from)) {
            return;
        }
        move_log(from, to);
    }

    /// Notes in the lock file what tells the log that is in use from any other: with it, whoever finds that log beside
    /// another file knows that it does not belong there. Where the store does not lie there any more, that it does not.
    pub fn note_whose_log(&self) {
        let Some(lease) = self.lease() else { return };
        let noted = match self.displaced() {
            None => lease.note(wal::mark_of(self.path(), &self.mark.numbers()).as_deref()),
            Some(Displaced::Gone | Displaced::Replaced | Displaced::Overwritten) => lease.note_lost(),
            Some(Displaced::Log | Displaced::Lock) => Ok(()),
        };
        if let Err(error) = noted {
            tracing::warn!(%error, "the lock file cannot be written to");
        }
    }

    /// The same once it was closed: in order it has left no log behind.
    pub fn note_no_log(&self) {
        if let Some(Err(error)) = self.lease().map(|lease| lease.note(None)) {
            tracing::warn!(%error, "the lock file cannot be written to");
        }
    }
}
