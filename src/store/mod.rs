//! The one durable file: the mirror of the orders, the directory of buyers, the ledger of what is ours,
//! cursors, runs, approvals, freezes and the audit trail.
//!
//! It remembers and decides nothing: `planner::desired` decides what an order entitles to, `planner::plan` what is
//! taken away. It never reads a clock (`now` is an argument), never talks to the network, and never gives out a key
//! twice. Every call that writes is one transaction, or for a long slice of orders several in a row, so a process that
//! is killed at any moment leaves nothing half done.
//!
//! # What is journaled, and when
//! Every grant and every revocation is written down before its call to Logto, as an intent: a grant as a row of the
//! ledger that is not confirmed yet, a revocation as an open revocation beside its row of the ledger.
//! - A grant is closed by Logto's answer, batch by batch: where it is there, its row is confirmed; where Logto refused
//!   it, the row goes.
//! - A revocation is closed when its holder has been asked for once more: where the grant is gone, its row goes, with a
//!   line in the trail. Where Logto refused it for good, the row stays and the intent is closed.
//! - Where nobody can say what happened (no answer, a crash), the intent stays open. The next pass that asks Logto
//!   about this grant closes it by what it sees, and plans from there.
//!
//! So a crash can only make the ledger claim too much: a grant that was never made, or one that is taken already. Logto
//! never holds a grant of ours that the ledger does not know.

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
