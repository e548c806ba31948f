#![expect(clippy::disallowed_methods, reason = "the store is a file")]
//! Opening: creates the file, refuses what it cannot read, brings the schema up to date.
//!
//! Never repairs and never moves a file away: that is for the person who reads the hint.

use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};

use sqlx::pool::PoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, Sqlite, SqlitePool, SqliteTransaction};

use super::codec::Sql;
use super::connect::{self, options};
use super::error::StoreError;
use super::file_id::{Displaced, FileId};
use super::identity::{self, StoreId};
use super::lease::Lease;
use super::mark::Mark;
use super::own::{self, Found};
use super::schema::{judge, migrate};
use super::scratch_dir::ScratchDir;
use super::wal;
use super::work::Work;

/// The store. Cheap to share by reference; readers never wait for the writer.
#[derive(Debug)]
pub struct Store {
    /// Where it really lies.
    path: PathBuf,
    /// By which name it was asked for, which may be a link.
    pub(super) given: PathBuf,
    /// The right to write to it, for whoever has taken it.
    pub(super) lease: OnceLock<Lease>,
    /// The file that lay there; of a copy nobody asks, since nobody else knows where it lies.
    pub(super) file: Option<FileId>,
    /// The log that lay beside it; of what cannot be written to there is none.
    pub(super) log: Mutex<Option<FileId>>,
    pub(super) mark: Mark,
    pub(super) id: StoreId,
    /// One connection, so that writers of this process queue instead of meeting `SQLITE_BUSY`.
    writer: SqlitePool,
    readers: SqlitePool,
    /// Where nothing is to be read from: it answers at once that it is closed.
    nobody: SqlitePool,
    /// What all of these have done.
    work: Work,
    /// Goes last: the copy is removed once nothing has it open.
    scratch: Option<ScratchDir>,
}

/// Takes the place of the one writer at once, and not with the first write.
const BEGIN: &str = "BEGIN IMMEDIATE";

/// Up to this size the whole file is checked at every start; it takes some milliseconds. A larger one is
/// checked when it was not closed in order. Damage that is met later is reported when it is met.
const ALWAYS_CHECKED: u64 = 16 << 20;

impl Store {
    /// Opens the store at `path`, or creates it with mode 0600.
    ///
    /// # Errors
    /// [`StoreError::Newer`] for a schema of a later version, [`StoreError::Damaged`] for what fails
    /// `PRAGMA quick_check`; for what is not ours, and is left as it is, [`StoreError::Foreign`],
    /// [`StoreError::NoStore`], [`StoreError::NoFile`] and [`StoreError::Linked`].
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let real = &own::real(path);
        let found = own::look(real)?;
        wal::vanished(real, found)?;
        wal::part_from_another(real)?;
        // SQLite takes one byte for none.
        if size_of(real) <= 1 {
            create(real).await?;
        }
        if found == Found::Unnamed {
            unchanged(real).await?;
        }
        examine(real, checked(real, size_of(real))).await?;
        let store = Self::connect(real, SqliteSynchronous::Normal, None).await?;
        if found == Found::Unnamed {
            let named = sqlx::query(own::SET_ID).execute(store.writer()).await;
            named.map_err(|error| store.fault(error))?;
        }
        Ok(store.called(path))
    }

    /// Connects to a file that was examined and brings its schema up to date.
    pub(super) async fn connect(
        path: &Path,
        synchronous: SqliteSynchronous,
        scratch: Option<ScratchDir>,
    ) -> Result<Self, StoreError> {
        let options = options(path).journal_mode(SqliteJournalMode::Wal).synchronous(synchronous);
        // Order ids come in no order, so an import touches index pages all over the file: with SQLite's own
        // 2 MiB it would write each of them many times a transaction. Taken only when needed.
        let writing = options.clone().pragma("cache_size", "-65536").pragma("wal_autocheckpoint", "8192");
        let file = match scratch {
            Some(_) => None,
            None => Some(FileId::of(path).map_err(|source| StoreError::Open { path: path.to_owned(), source })?),
        };
        let fault = |error| StoreError::of(path, error);
        let work = Work::default();
        let writer = pool(path, file, &work).max_connections(1).connect_with(writing).await.map_err(fault)?;
        let id = match migrate(path, &writer).await {
            Ok(()) => identified(path, &writer).await,
            Err(error) => Err(error),
        };
        let id = match id {
            Ok(id) => id,
            Err(error) => {
                // Whoever closes it last deletes the log under its name: not after the file was moved away.
                writer.close().await;
                return Err(error);
            }
        };
        // `query_only` makes a write by a reader an error instead of a second writer.
        let options = options.pragma("query_only", "ON").row_buffer_size(1024);
        let nobody = nobody(&options);
        let readers = pool(path, file, &work).max_connections(4).connect_lazy_with(options);
        let log = Mutex::default();
        let (path, given, lease) = (path.to_owned(), path.to_owned(), OnceLock::new());
        let mark = Mark::default();
        let store = Self { path, given, lease, file, log, mark, id, writer, readers, nobody, work, scratch };
        if file.is_some() {
            store.note_log();
        }
        Ok(store)
    }

    /// A store of which nothing can be changed, by options that see to it.
    pub(super) fn reading(path: &Path, options: SqliteConnectOptions, id: StoreId) -> Result<Self, StoreError> {
        let file = Some(FileId::of(path).map_err(|source| StoreError::Open { path: path.to_owned(), source })?);
        let nobody = nobody(&options);
        let work = Work::default();
        let writer = pool(path, file, &work).max_connections(1).connect_lazy_with(options.clone());
        let readers = pool(path, file, &work).max_connections(4).connect_lazy_with(options);
        let log = Mutex::default();
        let (path, given, lease) = (path.to_owned(), path.to_owned(), OnceLock::new());
        let mark = Mark::default();
        Ok(Self { path, given, lease, file, log, mark, id, writer, readers, nobody, work, scratch: None })
    }

    /// By which name it was asked for.
    pub(super) fn called(self, given: &Path) -> Self {
        Self { given: given.to_owned(), ..self }
    }

    /// A copy goes by the name of what it was copied from.
    pub(super) fn known_as(self, id: StoreId) -> Self {
        Self { id, ..self }
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes from here on only while this is held, and while the file holds what is written into it. Given back when
    /// the store is dropped.
    pub async fn hold(&self, lease: Lease) {
        // Whoever holds one already cannot take another one.
        let _already = self.lease.set(lease);
        if let Err(error) = self.fold_log().await {
            tracing::debug!(%error, "the store could not be marked");
        }
    }

    /// The right to write, where it was taken.
    pub fn lease(&self) -> Option<&Lease> {
        self.lease.get()
    }

    /// Takes the lock again that was taken away, where nobody else has it by now.
    pub fn take_lock_back(&self) {
        if let Some(lease) = self.lease().filter(|lease| lease.is_lost())
            && lease.take_again()
        {
            tracing::warn!(store = %self.path.display(), "the lock file was taken away; the lock is held again");
        }
    }

    /// Instructions that SQLite has run since the store was opened, give or take some hundreds: what a turn costs,
    /// whatever else the machine does meanwhile.
    pub fn work(&self) -> u64 {
        self.work.done()
    }

    /// Whether it is a copy that is thrown away.
    pub fn is_scratch(&self) -> bool {
        self.scratch.is_some()
    }

    /// Closes every connection, and with the last of them folds the write-ahead log into the file.
    /// Dropping does so too, a little later. Whoever shares it gets errors from then on.
    pub async fn close(&self) {
        self.set_log_aside().await;
        if self.is_beside_another_log() || self.displaced() == Some(Displaced::Overwritten) {
            // Whoever closes the file last deletes the log under its name, and that holds what somebody else has said;
            // and folds what it knows into a file that holds something else.
            std::mem::forget((self.readers.clone(), self.writer.clone()));
            return;
        }
        self.readers.close().await;
        self.writer.close().await;
        self.drop_empty_log();
    }

    /// Connections that only read; none, where they would read what nobody else sees, or another file.
    pub(super) fn readers(&self) -> &SqlitePool {
        if self.displaced().is_some() { &self.nobody } else { &self.readers }
    }

    pub(super) fn writer(&self) -> &SqlitePool {
        &self.writer
    }

    /// A transaction that may write, from its first statement on.
    pub(super) async fn begin(&self) -> Result<SqliteTransaction<'static>, StoreError> {
        if let Some(how) = self.displaced() {
            return Err(StoreError::Displaced { path: self.path.clone(), how });
        }
        let begun = match self.writer.begin_with(BEGIN).await {
            // On a full disk SQLite takes a transaction back by itself, and sqlx believes that it is still in it:
            // that connection never writes again.
            Err(sqlx::Error::InvalidSavePointStatement) => self.begin_anew().await,
            begun => begun,
        };
        begun.map_err(|error| self.fault(error))
    }

    async fn begin_anew(&self) -> Sql<SqliteTransaction<'static>> {
        let stuck = self.writer.acquire().await?;
        if let Err(error) = stuck.close().await {
            tracing::debug!(%error, "a connection to the store did not close in order");
        }
        let begun = self.writer.begin_with(BEGIN).await;
        // Closed as the last one, it has taken the log along.
        if self.file.is_some_and(|file| file.displaced(&self.path).is_none()) {
            self.note_log();
        }
        begun
    }

    /// Commits `transaction` if `outcome` is good; else it is rolled back.
    pub(super) async fn end<T>(
        &self,
        transaction: SqliteTransaction<'static>,
        outcome: Sql<T>,
    ) -> Result<T, StoreError> {
        match outcome {
            Ok(value) => transaction.commit().await.map(|()| value),
            Err(error) => Err(error),
        }
        .map_err(|error| self.fault(error))
    }

    pub(super) fn fault(&self, error: sqlx::Error) -> StoreError {
        match self.displaced() {
            Some(how) => StoreError::Displaced { path: self.path.clone(), how },
            None => StoreError::of(&self.path, error),
        }
    }
}

/// Connections to this file and to no other that comes to lie at its path; none is ever made anew without need.
fn pool(path: &Path, file: Option<FileId>, work: &Work) -> PoolOptions<Sqlite> {
    let (path, work) = (path.to_owned(), work.clone());
    PoolOptions::new().test_before_acquire(false).idle_timeout(None).max_lifetime(None).after_connect(
        move |connection, _| {
            let displaced = file.and_then(|file| file.displaced(&path));
            let work = work.clone();
            Box::pin(async move {
                match displaced {
                    None => work.count(connection).await,
                    Some(_) => Err(io::Error::other("the store is no longer the file that was opened").into()),
                }
            })
        },
    )
}

/// A pool that gives nothing.
fn nobody(options: &SqliteConnectOptions) -> SqlitePool {
    let pool = PoolOptions::new().connect_lazy_with(options.clone());
    // It is closed from here on; there is nothing to wait for.
    drop(pool.close());
    pool
}

async fn identified(path: &Path, writer: &SqlitePool) -> Result<StoreId, StoreError> {
    let mut connection = writer.acquire().await.map_err(|error| StoreError::of(path, error))?;
    identity::of_file(path, &mut connection).await
}

/// Whether a file of this `size` is checked whole when it is opened.
pub(super) fn checked(path: &Path, size: u64) -> bool {
    size <= ALWAYS_CHECKED || wal::size(path) > 0
}

/// Makes a store without content, of which everybody can tell whose it is from the first byte on. SQLite gives
/// `-wal` and `-shm` the mode of the file itself, so it is created here and not by SQLite.
pub(super) async fn create(path: &Path) -> Result<(), StoreError> {
    let mut new = OpenOptions::new();
    new.write(true).create_new(true);
    std::os::unix::fs::OpenOptionsExt::mode(&mut new, 0o600);
    match new.open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        outcome => outcome.map(drop),
    }
    .map_err(|source| StoreError::Open { path: path.to_owned(), source })?;
    let fault = |error| StoreError::of(path, error);
    let mut connection = options(path).connect().await.map_err(fault)?;
    let named = sqlx::query(own::SET_ID).execute(&mut connection).await.map_err(fault);
    connection.close().await.map_err(fault)?;
    named.map(drop)
}

fn size_of(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |file| file.len())
}

/// Whether a database that does not say whose it is, is ours: asked so that it stays as it is.
async fn unchanged(path: &Path) -> Result<(), StoreError> {
    let fault = |error| StoreError::of(path, error);
    let mut connection = connect::unchanged(path).await.map_err(fault)?;
    let verdict = judge(path, &mut connection, false).await;
    connection.close().await.map_err(fault)?;
    verdict
}

/// Whether this is a store that this version can use, before anything is changed in it.
async fn examine(path: &Path, whole: bool) -> Result<(), StoreError> {
    let fault = |error| StoreError::of(path, error);
    let mut connection = options(path).connect().await.map_err(fault)?;
    let verdict = judge(path, &mut connection, whole).await;
    connection.close().await.map_err(fault)?;
    verdict
}
