//! What made us grant something, as the ledger and the trail keep it.

use serde::{Deserialize, Serialize};

use super::codec::Sql;
use super::error::unreadable;

/// What made us grant something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// An order was paid. Not limited: that is a sale.
    Order,
    /// A commit mapped a product that was already paid for. Counts against `limits.config_grants`.
    Commit,
}

impl Cause {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::Commit => "commit",
        }
    }

    pub(super) fn from_word(word: &str) -> Sql<Self> {
        [Self::Order, Self::Commit]
            .into_iter()
            .find(|cause| cause.word() == word)
            .ok_or_else(|| unreadable("cause", word))
    }
}
