//! The one durable file: the mirror of the orders, the directory of buyers, the ledger of what is ours,
//! cursors, runs, approvals, freezes and the audit trail.
//!
//! It remembers and decides nothing: what an order entitles to is `desired`'s, what is taken away is
//! `plan`'s. It never reads a clock (`now` is an argument), never talks to the network, and never gives a
//! key out twice. Every call that writes is one transaction, or for a long slice of orders a row of them,
//! so a process killed at any moment leaves nothing half.
//!
//! Grants are journaled before the call to Logto and revocations after it, so that a crash can only make
//! the ledger claim a grant that Logto lacks, which the next pass repairs.

mod approvals;
mod audit;
mod backup;
mod buyers;
mod by_hand;
mod checks;
mod cursors;
mod error;
mod freezes;
mod hooks;
mod keys;
mod ledger;
mod mappings;
mod marks;
mod open;
mod orders;
mod purchases;
mod record;
mod rows;
mod runs;
mod salvage;
mod scratch;
mod size;
mod verify;

pub use approvals::Approval;
pub use audit::{AuditRow, Verb};
pub use buyers::StoredBuyer;
pub use checks::Confirmed;
pub use cursors::Cursor;
pub use error::StoreError;
pub use freezes::{Freeze, FreezeScope};
pub use hooks::LogtoHook;
pub use keys::{BuyerKey, ProductKey, Scope};
pub use ledger::{Cause, LedgerRow};
pub use mappings::Mapping;
pub use marks::Marked;
pub use open::Store;
pub use orders::{StoredOrder, StoredProduct};
pub use record::Recorded;
pub use runs::{Outcome, Run, RunEnd, RunKind, RunRow};
pub use salvage::Opened;
pub use verify::Verified;
