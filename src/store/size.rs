//! How large the store is.

use super::codec::count;
use super::error::StoreError;
use super::open::Store;

impl Store {
    /// Rows of the ledger, and bytes of the file without its log.
    pub async fn size(&self) -> Result<(u64, u64), StoreError> {
        let sizes: (i64, i64) = sqlx::query_as(
            "SELECT (SELECT total FROM ledger_size),
                    (SELECT page_count FROM pragma_page_count) * (SELECT page_size FROM pragma_page_size)",
        )
        .fetch_one(self.readers())
        .await
        .map_err(|error| self.fault(error))?;
        Ok((count(sizes.0), count(sizes.1)))
    }
}
