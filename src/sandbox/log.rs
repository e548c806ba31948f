//! What a simulated server was asked, in order, so that a test can say which calls were made.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Older requests are forgotten, so that a simulator that runs for days does not grow.
const KEPT: usize = 100_000;

/// One request that was read to its end. Those under `/sandbox` are not listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// `GET`, `POST`, ...
    pub method: String,
    /// Path with query, as sent.
    pub path: String,
    /// The status answered; `None` where the connection was closed without an answer.
    pub status: Option<u16>,
    /// The `User-Agent`; empty where none was sent.
    pub user_agent: String,
}

impl Seen {
    /// Whether it was meant to change something: not a `GET`, and under `/api`.
    pub fn is_write(&self) -> bool {
        self.method != "GET" && self.method != "HEAD" && self.path.starts_with("/api/")
    }
}

/// The requests of one simulated server. All clones are the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Log(Arc<Mutex<VecDeque<Seen>>>);

impl Log {
    pub(super) fn add(&self, seen: Seen) {
        let mut all = self.lock();
        if all.len() == KEPT {
            all.pop_front();
        }
        all.push_back(seen);
    }

    pub(super) fn all(&self) -> Vec<Seen> {
        self.lock().iter().cloned().collect()
    }

    pub(super) fn writes(&self) -> Vec<Seen> {
        self.lock().iter().filter(|seen| seen.is_write()).cloned().collect()
    }

    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Seen>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
