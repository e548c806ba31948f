//! The file at the store's path is no longer the open store: it was moved, deleted, overwritten or replaced.
//!
//! Nobody hears what a person then says to that file, not even a freeze. So nothing is read, planned or written until
//! the store is back at its path or somebody restarts the daemon.

use jiff::{SignedDuration, Timestamp};

use super::trouble::Trouble;
use super::{Daemon, Rest, Schedule};
use crate::clock;
use crate::config::settings::Config;
use crate::report::status::About;
use crate::store::{Displaced, Store, StoreError};

/// Between two looks while the loop rests.
const EVERY: SignedDuration = SignedDuration::from_secs(1);

impl Daemon {
    /// Whether the store lies where it was opened; says once that it does not, and once that it does again.
    pub(super) async fn is_in_place(&mut self) -> bool {
        let now = clock::now();
        let mut displaced = look(&self.store);
        if displaced != self.displaced && matches!(displaced, Some(Displaced::Log | Displaced::Lock)) {
            // The file may have come back between taking its log back and looking: then that is still to be taken.
            displaced = look(&self.store);
        }
        let before = std::mem::replace(&mut self.displaced, displaced);
        if before != displaced {
            self.store.note_whose_log();
        }
        let Some(how) = displaced else {
            if before.is_some() {
                tracing::info!("the store is back at its path; resuming");
                self.publisher.works(&About::Store);
                // Whatever failed meanwhile says nothing of what comes now.
                self.schedule = Schedule::all_due(self.active.source_names(), now);
                self.keep_file().await;
            }
            return true;
        };
        // What is whole in itself may be moved and put back, and what lies at the path opens as what it is.
        self.store.set_log_aside().await;
        let path = self.store.path().to_owned();
        let trouble = Trouble::Displaced(StoreError::Displaced { path, how });
        if before != displaced {
            trouble.tell(&mut self.publisher, now);
        } else if !self.publisher.troubles().iter().any(|known| known.about == About::Store) {
            // Whatever ended after it was told may have said that the store works.
            self.publisher.trouble(trouble.status(now));
        }
        self.put_off();
        false
    }

    /// Says what failed; not of a store that is displaced. That is said by the next turn, in its own words, when the
    /// log is out of the way: whoever hears of it may go to the file that lies at the path.
    pub(super) fn failed(&mut self, trouble: &Trouble) {
        let of_the_store = trouble.about() == About::Store || matches!(trouble, Trouble::CarryOver { .. });
        if self.store.displaced().is_none() || !of_the_store {
            trouble.tell(&mut self.publisher, clock::now());
        }
    }

    /// Empties the log before the loop rests: what is moved or copied then is the whole store, and the log of an idle
    /// daemon does not grow for ever. Not in every turn, since it waits for the disk.
    pub(super) async fn fold_log(&mut self) {
        if !is_time(self.folded) {
            return;
        }
        if let Err(error) = self.store.fold_log().await {
            tracing::debug!(%error, "the log of the store could not be emptied");
        }
        self.folded = clock::now();
    }

    /// Puts off everything that is due, so that what stays wrong is no endless turn.
    pub(super) fn put_off(&mut self) {
        let now = clock::now();
        let Config { schedule, sources, .. } = &*self.active.config;
        self.schedule.failed(schedule.full_pass, now);
        sources.iter().for_each(|source| self.schedule.polled(&source.name, source.poll, now));
        let patience = self.patience();
        self.again.users.put_off(patience, now);
        self.again.orders.put_off(patience, now);
        self.again.names.put_off(patience, now);
        self.rest = Rest::Long;
    }
}

/// What has become of it, with what is its own taken back first.
fn look(store: &Store) -> Option<Displaced> {
    store.take_log_back();
    store.take_lock_back();
    store.displaced()
}

/// Returns when something else has become of the store than is known, or when its log is to be emptied. Cancel-safe.
pub(super) async fn looked_after(store: &Store, known: Option<Displaced>, folded: Timestamp) {
    while store.displaced() == known && !(known.is_none() && store.is_to_be_folded() && is_time(folded)) {
        tokio::time::sleep(EVERY.unsigned_abs()).await;
    }
}

/// Whether the log was emptied long enough ago. A clock that was put back keeps nothing waiting.
fn is_time(folded: Timestamp) -> bool {
    clock::now().duration_since(folded).abs() >= EVERY
}
