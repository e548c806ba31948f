//! The plan as a value: actions, holds, and everything that says why.
//!
//! Plain data; decides nothing.

use std::collections::BTreeSet;

use super::desired::Ending;
use super::limits::Over;
use crate::model::{OrderKey, ProductIx, TargetIx, UserIx, Verb};

/// What is to be done, what is withheld and why, and what is to be written down.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// In the order in which they are carried out: memberships, organization roles, roles; then
    /// revocations the other way round. Within a target by user.
    pub actions: Vec<Action>,
    /// Wanted and withheld, in the same order.
    pub held: Vec<Held>,
    /// Grants that are there, that an order explains, and that the ledger does not know yet.
    pub adopt: Vec<Action>,
    /// Grants of ours that are given up without being taken from anybody.
    pub release: Vec<Action>,
    /// Grants of ours that another order pays for than the one that the ledger names: the row follows the order that
    /// does.
    pub follows: Vec<Action>,
    /// Rows of the ledger whose grant is gone and not wanted.
    pub forget: Vec<(TargetIx, UserIx)>,
    /// Those of the actions that take back what a version of the file did shortly before: they count for no day.
    pub undone: BTreeSet<(Verb, TargetIx, UserIx)>,
    /// Our writes whose outcome is known now.
    pub closed: Vec<Closed>,
    /// What has to be looked at before the held `Unverified` can be decided.
    pub verify: Verify,
    /// One for each target, in the order of the catalog.
    pub tallies: Vec<TargetTally>,
}

/// One change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Action {
    /// What is done.
    pub verb: Verb,
    /// On which target.
    pub target: TargetIx,
    /// For whom.
    pub user: UserIx,
    /// Because of what.
    pub why: Why,
}

/// The evidence of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Why {
    /// What happened.
    pub cause: Cause,
    /// The order it happened to. Absent for `exclusive`, and where the store has lost the order.
    pub order: Option<OrderKey>,
    /// The product. Absent for `exclusive`.
    pub product: Option<ProductIx>,
    /// The line of `entitlements.yaml` that maps the product to the target; zero where none does.
    pub line: u32,
    /// When: the end of what is granted ([`FOREVER`](crate::planner::desired::FOREVER) for none), or the instant
    /// of the end. Seconds since 1970.
    pub at: i64,
}

/// What causes an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// An order was paid.
    Sale,
    /// A commit maps a product of an order that was known before.
    Commit,
    /// It was ours and is gone, although nothing ended it.
    Drift,
    /// Logto was asked for it before, and nobody has seen that it was made.
    Retry,
    /// What was paid for has ended.
    Ended(Ending),
    /// The file maps the product to this target no more.
    Unmapped,
    /// A name in the file stands for another id in Logto than it did.
    Resolution,
    /// The order names other products now.
    Exchanged,
    /// The order belongs to another user now.
    Moved(Mover),
    /// The file does not name the source of the order any more.
    Dropped,
    /// This version of the program is the first with a rule that ends it.
    Upgrade(NewRule),
    /// Nothing entitles to it, and nothing says why. Always held.
    Unexplained,
    /// Somebody takes a pass back (`entitled undo`).
    Undone,
    /// Somebody took it away and somebody gave it again: it is theirs.
    GivenAgain,
    /// `prune: exclusive`, and no order entitles.
    Exclusive,
}

/// Who gave an order to another user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mover {
    /// The shop names another buyer, or whom it names has become somebody.
    Shop,
    /// The shop names the same buyer, and a commit that changed `buyers.bindings` says that this is somebody else.
    Commit,
}

/// A rule that is new in a version of the program, so that something ends although nobody has touched it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NewRule {
    /// Orders of a source that the file does not name entitle to nothing.
    Sources,
    /// Buying several at once makes nothing last longer unless the product says `quantity: periods`.
    Quantity,
}

/// Who or what is behind a cause. All of a held set has one: whoever looks at it has one question to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Author {
    /// What an order says.
    Shop,
    /// What the file says.
    File,
    /// What Logto holds.
    Logto,
    /// This version of the program.
    Program,
    /// A person, at the command line or on the page.
    Person,
    /// Nobody knows.
    Nobody,
}

impl Cause {
    /// Whether a grant for it counts against `limits.config_grants`: no order asks for it that was not there before.
    pub fn is_limited(self) -> bool {
        matches!(self, Self::Commit | Self::Resolution | Self::Undone)
    }

    /// Who or what is behind it.
    pub fn author(self) -> Author {
        match self {
            Self::Sale | Self::Ended(_) | Self::Exchanged | Self::Moved(Mover::Shop) => Author::Shop,
            Self::Commit | Self::Unmapped | Self::Moved(Mover::Commit) | Self::Dropped | Self::Exclusive => {
                Author::File
            }
            Self::Drift | Self::Retry | Self::GivenAgain | Self::Resolution => Author::Logto,
            Self::Upgrade(_) => Author::Program,
            Self::Undone => Author::Person,
            Self::Unexplained => Author::Nobody,
        }
    }
}

impl Action {
    /// The order that is for something or somebody else now, where that is why this takes what it gave before.
    pub fn replaced_by(&self) -> Option<OrderKey> {
        let is_replaced = self.verb == Verb::Revoke && matches!(self.why.cause, Cause::Exchanged | Cause::Moved(_));
        self.why.order.filter(|_| is_replaced)
    }
}

impl Why {
    /// Whether this version of the file is why something of ours is given, or is taken away.
    pub fn is_by_file(&self, verb: Verb) -> bool {
        match verb {
            Verb::Grant => self.cause == Cause::Commit,
            Verb::Revoke => matches!(self.cause, Cause::Unmapped | Cause::Dropped | Cause::Moved(Mover::Commit)),
            Verb::Adopt | Verb::Release => false,
        }
    }
}

/// A wanted action that is withheld.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Held {
    /// What is wanted.
    pub action: Action,
    /// Why it is withheld.
    pub hold: Hold,
}

/// Why a wanted action is withheld.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hold {
    /// Leaving the organization would take along a role in it that is not ours, or that is itself held.
    Foreign,
    /// A read was not whole.
    Incomplete(Gap),
    /// More than the limit of a day.
    OverLimit(Bound, Over),
    /// The ledger has not seen a whole pass yet.
    FreshLedger,
    /// Somebody said `entitled freeze`.
    Frozen,
    /// Somebody else has taken it away again and again; fighting over it helps nobody.
    Flapping,
    /// `protect` names the user or the role.
    Protected,
    /// Logto has said more than once that it was taken, and it is still held.
    Stuck,
    /// The file has loosened a safeguard that keeps it, and the version before still counts until then, in seconds
    /// since 1970.
    Settling(Safeguard, i64),
    /// The clock would take it, and the clock is not to be believed.
    ClockDoubtful(Off),
    /// The proof is missing.
    Unverified(Doubt),
}

/// What an earlier version of the file still asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Safeguard {
    /// `protect` names the role.
    Role,
    /// `protect` names the user.
    User,
    /// `prune` takes less away.
    Prune,
}

/// How far the clock of this machine is off another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Off {
    /// In seconds; positive where ours is ahead.
    pub by: i64,
    /// Off which.
    pub whose: Whose,
}

/// Whose clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Whose {
    /// Logto's.
    Logto,
    /// That of the source which this order is from.
    SourceOf(OrderKey),
}

/// What a read lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gap {
    /// It failed.
    Unread,
    /// The target is not there.
    Missing,
    /// It lost rows, and this one may be among them.
    Partial,
    /// The source that sells the product could not be read, so a renewal may have been missed.
    Source,
    /// Another source could not be read, and an order of it may entitle instead.
    Elsewhere,
    /// Some orders of that source could not be read, and this may be one of their buyers.
    Odd,
    /// A name in the product stands for nothing that Logto knows, and it may be this target.
    Name,
    /// The order is for something or somebody else now, and what it gives there is held: whoever pays must not be left
    /// with neither.
    Successor,
}

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bound {
    /// One target: its own, or for a role that waits for its membership that of the membership.
    Target(TargetIx),
    /// All targets together.
    Total,
}

/// Which proof is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Doubt {
    /// The order or the holder has not been asked for again yet; the pass does so and plans once more.
    NotAsked,
    /// The payment API did not confirm the order.
    OrderUnconfirmed,
    /// Ours, entitled by nothing, and nothing says why: the order is gone from the store, names no product or
    /// was never paid.
    NoEvidence,
}

/// What a look says of an intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Closed {
    /// On which target.
    pub target: TargetIx,
    /// For whom.
    pub user: UserIx,
    /// What became of it.
    pub came: Came,
}

/// What became of an intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Came {
    /// The grant is there.
    Granted,
    /// The grant is gone.
    Revoked,
    /// It was to be taken, is there, and is to stay: paid for again, in its grace, or with an order of which nobody
    /// knows how it stands. What is seen to be there was not taken, and counts for no day.
    Kept,
    /// It is there, and something else keeps it from being tried again now. It counts for no day; how often it was
    /// tried in vain is remembered.
    Waits,
}

/// What has to be looked at before a revocation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verify {
    /// Orders to read again by id.
    pub orders: BTreeSet<OrderKey>,
    /// Holders to ask for by id.
    pub holders: BTreeSet<(TargetIx, UserIx)>,
}

impl Verify {
    /// Whether there is nothing to look at.
    pub fn is_empty(&self) -> bool {
        self.orders.is_empty() && self.holders.is_empty()
    }
}

/// The figures of one target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TargetTally {
    /// Users who should hold it.
    pub desired: u64,
    /// Users who were seen to hold it.
    pub actual: u64,
    /// Of those, users whose grant is neither ours nor wanted.
    pub foreign: u64,
    /// Of those, users whose grant is not ours and is paid for all the same.
    pub foreign_paid: u64,
    /// Users who keep it only because of a grace or an unknown standing.
    pub kept: u64,
}

impl Plan {
    /// Whether anything would be taken from anybody, held or not.
    pub fn takes(&self) -> bool {
        let held = self.held.iter().map(|held| &held.action);
        self.actions.iter().chain(held).any(|action| action.verb == Verb::Revoke)
    }

    /// Whether there is nothing to do and nothing to write down.
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty() && self.adopt.is_empty() && self.release.is_empty() && self.held.is_empty()
    }
}
