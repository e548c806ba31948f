//! Rebuilds the ledger from what orders explain and Logto holds.
//!
//! Guarantees (promises 3 and 9): knowledge is only added. A grant becomes ours where an order entitles to it
//! now and Logto holds it; a row goes only where Logto was asked and does not hold the grant and nothing
//! entitles to it. What nothing explains stays foreign. No pass is recorded, so a ledger that has not seen a
//! whole one stays fresh and goes on taking nothing away. Never writes to Logto.

use jiff::Timestamp;

use super::PlannedPass;
use super::apply::{adoptions, forgotten};
use crate::model::{Grant, RunId};
use crate::store::{LedgerRow, Store, StoreError};

/// What stands in the ledger where a pass would.
const BY_HAND: &str = "rebuild";

/// What a rebuild would write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rebuild {
    /// Held in Logto, explained by an order, and not in the ledger.
    pub adopt: Vec<LedgerRow>,
    /// In the ledger, not held, and not wanted.
    pub close: Vec<Grant>,
}

impl Rebuild {
    /// What a full look says that the ledger lacks, and has too much.
    pub fn of(planned: &PlannedPass, now: Timestamp) -> Self {
        Self { adopt: adoptions(planned, &RunId::from(BY_HAND), now), close: forgotten(planned) }
    }

    /// Whether the ledger is as it should be.
    pub fn is_empty(&self) -> bool {
        self.adopt.is_empty() && self.close.is_empty()
    }

    /// Writes it down, in one transaction, with `who` in the audit trail.
    pub async fn write(&self, store: &Store, who: &str, now: Timestamp) -> Result<(), StoreError> {
        store.rebuild(who, &self.adopt, &self.close, now).await
    }
}
