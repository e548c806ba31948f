//! What people leave in the store while the loop rests: an approval, a freeze or its end, what was adopted or released
//! by hand. A command need not know of the daemon for that, and the daemon need not listen anywhere.

use jiff::{SignedDuration, Timestamp};

use crate::clock;
use crate::store::Store;

/// Between two looks.
const EVERY: SignedDuration = SignedDuration::from_secs(1);

/// How far the trail was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Heard {
    /// The last line of the trail that was looked at.
    pub(super) line: i64,
    /// When that was.
    pub(super) at: Timestamp,
}

impl Heard {
    /// Returns when a person has said something. Cancel-safe: a wait that is cut short goes on later.
    pub(super) async fn word(&mut self, store: &Store) {
        loop {
            let now = clock::now();
            // A clock that was put back must not keep anybody waiting.
            let wait = (self.at + EVERY).duration_since(now).clamp(SignedDuration::ZERO, EVERY);
            tokio::time::sleep(wait.try_into().unwrap_or_default()).await;
            match store.word_since(self.line).await {
                Ok((line, word)) => {
                    *self = Self { line, at: clock::now() };
                    if word {
                        return;
                    }
                }
                Err(error) => {
                    self.at = clock::now();
                    tracing::debug!(%error, "the trail could not be read");
                }
            }
        }
    }
}
