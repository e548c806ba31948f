//! How much work the store does, by a measure that other processes do not affect.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::SqliteConnection;

use super::codec::Sql;

/// Instructions between two counts: so few that a short statement shows, so many that counting does not.
const EVERY: i32 = 250;

/// Instructions that SQLite has run, over all connections that count here.
#[derive(Clone, Debug, Default)]
pub(super) struct Work(Arc<AtomicU64>);

impl Work {
    /// Counts what a connection does from now on.
    pub(super) async fn count(&self, connection: &mut SqliteConnection) -> Sql<()> {
        let work = Arc::clone(&self.0);
        connection.lock_handle().await?.set_progress_handler(EVERY, move || {
            work.fetch_add(u64::from(EVERY.unsigned_abs()), Ordering::Relaxed);
            true
        });
        Ok(())
    }

    /// What they have done so far.
    pub(super) fn done(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
