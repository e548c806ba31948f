//! A copy of the store for keeping.
//!
//! Never overwrites anything, and never leaves half a copy behind.

#![expect(clippy::disallowed_methods, reason = "the copy is a file")]

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

use sqlx::{ConnectOptions as _, Connection as _};

use super::connect;
use super::error::StoreError;
use super::open::Store;

impl Store {
    /// Writes a copy to `to`, with mode 0600, as the store is at one moment. Writers go on meanwhile.
    ///
    /// # Errors
    /// [`StoreError::Exists`] where there is something at `to`.
    pub async fn backup(&self, to: &Path) -> Result<(), StoreError> {
        let cannot = |source| StoreError::Open { path: to.to_owned(), source };
        let text = to.to_str().ok_or_else(|| cannot(io::Error::other("the path is not UTF-8")))?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(to) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(StoreError::Exists { path: to.to_owned() });
            }
            outcome => outcome.map(drop).map_err(cannot)?,
        }
        let copied = match self.copy_to(text).await {
            Ok(()) => File::open(to).and_then(|file| file.sync_all()).map_err(cannot),
            Err(error) => Err(error),
        };
        if copied.is_err() {
            // The reason why it failed says more than a failure to tidy up after it.
            let _ = std::fs::remove_file(to);
        }
        copied
    }

    /// SQLite copies into a file that is empty.
    async fn copy_to(&self, to: &str) -> Result<(), StoreError> {
        let fault = |error| self.fault(error);
        // By its path: another file is not this store.
        if let Some(how) = self.displaced() {
            return Err(StoreError::Displaced { path: self.path().to_owned(), how });
        }
        let mut connection = connect::options(self.path()).connect().await.map_err(fault)?;
        let outcome = sqlx::query("VACUUM INTO ?1").bind(to.to_owned()).execute(&mut connection).await;
        connection.close().await.map_err(fault)?;
        outcome.map(drop).map_err(fault)
    }
}
