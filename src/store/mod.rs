//! The one durable file: the mirror of the orders, the directory of buyers, the ledger of what is ours,
//! cursors, runs, approvals, freezes and the audit trail.
//!
//! It remembers and decides nothing: what an order entitles to is `desired`'s, what is taken away is
//! `plan`'s. It never reads a clock (`now` is an argument), never talks to the network, and never gives a
//! key out twice. Every call that writes is one transaction, or for a long slice of orders a row of them,
//! so a process killed at any moment leaves nothing half.
//!
//! Grants and revocations are journaled before the call to Logto, and closed by whoever sees what came of it: a
//! crash can only make the ledger claim a grant that Logto lacks, which the next pass repairs.

mod adjustments;
mod approvals;
mod approved;
mod audit;
mod backup;
mod buyers;
mod cause;
mod codec;
mod connect;
mod cursors;
mod day;
mod displaced;
mod elsewhere;
mod ends;
mod error;
mod file_id;
mod foreign;
mod freezes;
mod identity;
mod import;
mod incoming;
mod intents;
mod kept_status;
mod keys;
pub mod lease;
mod ledger;
mod log;
mod manual;
mod mappings;
mod mark;
mod names;
mod odd;
mod open;
mod orders;
mod own;
mod purchases;
mod rechecks;
mod recover;
mod renamed;
mod rules;
mod runs;
mod safeguards;
mod schema;
mod scratch_dir;
mod size;
mod snapshot;
mod turned;
mod valid_file;
mod verify;
mod versions;
mod wal;
mod webhook_keys;
mod work;

pub use approvals::Approval;
pub use approved::{ApprovalNow, ApprovedAction};
pub use audit::{AuditRow, Verb};
pub use buyers::{Bound, StoredBuyer};
pub use cause::Cause;
pub use cursors::Cursor;
pub use ends::{Author, End};
pub use error::StoreError;
pub use file_id::Displaced;
pub use foreign::{ForeignGrant, Paid, SpokenOf};
pub use freezes::{Freeze, FreezeScope};
pub use identity::StoreId;
pub use import::Recorded;
pub use incoming::AsRead;
pub use intents::ClosedIntents;
pub use kept_status::{HeldOf, HeldRow, TroubleRow};
pub use keys::{BuyerKey, ProductKey, Scope};
pub use ledger::LedgerRow;
pub use mappings::{Mapped, Mapping};
pub use odd::OddOrders;
pub use open::Store;
pub use orders::{StoredOrder, StoredProduct};
pub use rechecks::Confirmed;
pub use recover::Opened;
pub use renamed::{KnownSource, Presence};
pub use runs::{Outcome, Run, RunEnd, RunKind, RunRow};
pub use turned::{LineNow, OrderNow};
pub use valid_file::ValidFile;
pub use verify::Verified;
pub use webhook_keys::LogtoHook;
