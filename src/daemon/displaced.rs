//! The store is not the file any more that lies at its path: moved away, deleted, or another one was put in its place.
//!
//! Whatever a person says there, a freeze too, is heard by nobody then. So nothing is read, planned or written until
//! the file is back or somebody starts the daemon again.

use std::time::Duration;

use super::trouble::Trouble;
use super::{Daemon, Rest};
use crate::clock;
use crate::config::settings::Config;
use crate::report::status::About;
use crate::store::{Displaced, Store, StoreError};

/// Between two looks while the loop rests.
const EVERY: Duration = Duration::from_secs(1);

impl Daemon {
    /// Whether the store lies where it was opened; says once that it does not, and once that it does again.
    pub(super) async fn is_in_place(&mut self) -> bool {
        let now = clock::now();
        let displaced = self.store.displaced();
        let before = std::mem::replace(&mut self.displaced, displaced);
        let Some(how) = displaced else {
            if before.is_some() {
                tracing::info!("the store lies at its path again: going on");
                self.publisher.works(&About::Store);
                self.schedule.hurry(now);
                self.keep_file().await;
            }
            return true;
        };
        if before != displaced {
            let path = self.store.path().to_owned();
            Trouble::Displaced(StoreError::Displaced { path, how }).tell(&mut self.publisher, now);
        }
        self.put_off();
        false
    }

    /// Puts off everything that is due, so that what stays wrong is no endless turn.
    pub(super) fn put_off(&mut self) {
        let now = clock::now();
        let Config { schedule, sources, .. } = &*self.active.config;
        self.schedule.failed(schedule.full_pass, now);
        sources.iter().for_each(|source| self.schedule.polled(&source.name, source.poll, now));
        self.rest = Rest::Long;
    }
}

/// Returns when something else has become of the store than is known. Cancel-safe.
pub(super) async fn moved(store: &Store, known: Option<Displaced>) {
    while store.displaced() == known {
        tokio::time::sleep(EVERY).await;
    }
}
