//! A plan with every number replaced by the name a person knows it by: the document. `naming` makes it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::dropped::Dropped;
use super::origin::Origin;
use super::settling::Settling;
use crate::model::{OrderId, SourceName, UserId, Verb};
use crate::planner::input::Freeze;

/// An order as people name it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderName {
    /// Where it was placed.
    pub source: SourceName,
    /// Its id there.
    pub id: OrderId,
}

/// A plan in words: what `plan --output json` prints, and what a saved plan is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanDocument {
    /// The shape of this document: [`PlanDocument::VERSION`].
    pub version: u32,
    /// The configuration it was made under.
    pub config: Origin,
    /// What is stopped: by whom, why, and until when.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub freeze: Option<FreezeView>,
    /// What is to be done, in the order of doing.
    pub changes: Vec<Change>,
    /// What is wanted and withheld.
    pub held: Vec<HeldChange>,
    /// What is there already and becomes ours.
    pub adoptions: Vec<Change>,
    /// What is ours and is given up, without being taken from anybody.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub releases: Vec<Change>,
    /// Buyers who cannot be given anything yet.
    pub waiting: Vec<Waiting>,
    /// Sources that the file no longer has and whose orders are all that something of ours rests on, by name.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub dropped: Vec<Dropped>,
    /// Sources that could not be read for it, by name: what is known of their orders counts.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub unread: Vec<SourceName>,
    /// What earlier versions of the file ask for beyond this one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub settling: Option<Settling>,
    /// One for each target, by name.
    pub targets: Vec<TargetView>,
    /// One for each user whom `changes` touches: what they hold, and what they will.
    pub users: Vec<Block>,
    /// The figures.
    pub summary: Summary,
}

/// A freeze that is in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FreezeView {
    /// `revocations` or `everything`.
    pub stops: Freeze,
    /// From then on.
    pub since: Timestamp,
    /// Then it ends by itself.
    pub until: Timestamp,
    /// Why, in the words of whoever said so.
    pub reason: String,
    /// Who said so.
    pub who: String,
}

impl FreezeView {
    /// The one that stops most, and of several that stop the same the one that ends last.
    pub fn strongest(freezes: &[Self]) -> Option<&Self> {
        freezes.iter().max_by_key(|freeze| (freeze.stops, freeze.until))
    }

    /// Of those that stop such a change the one that ends last: until then it waits.
    pub fn last_to_stop(freezes: &[Self], verb: Verb) -> Option<&Self> {
        let stops = |freeze: &&Self| freeze.stops == Freeze::Everything || verb == Verb::Revoke;
        freezes.iter().filter(stops).max_by_key(|freeze| freeze.until)
    }
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Change {
    /// `grant`, `revoke`, `adopt` or `release`.
    pub action: String,
    /// The Logto user id.
    pub user: UserId,
    /// The buyer's address, where an order gave one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The target as the file names it.
    pub target: String,
    /// The target by ids.
    pub target_key: String,
    /// One sentence.
    pub because: String,
    /// What happened, in one word: `sale`, `commit`, `drift`, `ended`, `changed`, `moved`, `rebound`, `unmapped`,
    /// `source_gone`, `resolution`, `upgrade`, `undone`, `exclusive` or `unexplained`.
    #[serde(default)]
    pub cause: String,
    /// The order behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<String>,
    /// The source of that order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The product of that order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// The line of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
}

/// A change that is withheld.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HeldChange {
    /// What is wanted.
    #[serde(flatten)]
    pub change: Change,
    /// The name of the hold: `OverLimit`, `Incomplete`, ...
    pub hold: String,
    /// Why it is withheld.
    pub reason: String,
    /// What would lift the hold.
    pub lift: String,
    /// What an approval lifts, where that is not all holds of that name.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub lifts: Option<String>,
    /// The digest of the held set it belongs to, where `entitled approve` can let it through.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub set: Option<String>,
}

/// A buyer who cannot be given anything yet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Waiting {
    /// Who paid, as the shop has it.
    pub buyer: String,
    /// `NoAccount`, `NoIdentity` or `Ambiguous`.
    pub reason: String,
    /// What would end the wait.
    pub lift: String,
    /// How many orders what they would hold rests on.
    pub orders: u64,
    /// One of those orders.
    pub order: String,
}

/// The name of the hold on a buyer whose email two accounts share.
pub const AMBIGUOUS: &str = "Ambiguous";

impl Waiting {
    /// Whether this is a hold (two accounts, nobody guesses) rather than a wait for a sign-up.
    pub fn is_held(&self) -> bool {
        self.reason == AMBIGUOUS
    }
}

/// The figures of one target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetView {
    /// As the file names it.
    pub name: String,
    /// By ids.
    pub key: String,
    /// Users who should hold it.
    pub desired: u64,
    /// Users who hold it.
    pub actual: u64,
    /// Users who hold it, not by us and not by any order.
    pub foreign: u64,
    /// Users who hold it, not by us, and have paid for it since: nothing to do, and never taken away.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub foreign_paid: u64,
    /// Users who keep it for a grace, an unknown standing, or `prune: never`.
    pub kept: u64,
    /// How complete the read was.
    pub coverage: String,
}

/// What one user holds, and will hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// The Logto user id.
    pub user: UserId,
    /// The buyer's address, where an order gave one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Names of the managed targets held now, sorted.
    pub actual: Vec<String>,
    /// Names of the managed targets held after the plan, sorted.
    pub desired: Vec<String>,
}

/// The figures of a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Grants to make.
    pub grants: u64,
    /// Grants to take back.
    pub revocations: u64,
    /// Grants to adopt.
    pub adoptions: u64,
    /// Grants to give up.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub releases: u64,
    /// Actions withheld, ambiguous buyers included.
    pub held: u64,
    /// Buyers without an account.
    pub waiting: u64,
    /// Purchases whose standing is unknown.
    pub unknown: u64,
    /// Grants kept for a grace, an unknown standing, `prune: never`, or `protect` under `prune: exclusive`.
    pub kept: u64,
    /// Grants that are neither ours nor bought.
    pub foreign: u64,
    /// Grants that are not ours and are paid for by now.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub foreign_paid: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl PlanDocument {
    /// The shape of this document.
    pub const VERSION: u32 = 1;

    /// Whether there is nothing to do. What waits for a sign-up or is held is not something to do.
    pub fn in_sync(&self) -> bool {
        !self.has_drifted() && self.adoptions.is_empty()
    }

    /// Whether Logto holds anything else than it should, or something is to be given up. What only becomes ours is held
    /// by whoever paid for it, before and after.
    pub fn has_drifted(&self) -> bool {
        !self.changes.is_empty() || !self.releases.is_empty()
    }
}
