//! What the planner sees of the world: who holds what, how well that is known, and what is ours.
//!
//! Plain data. `pass::observe` fills it in from Logto, `pass::snapshot` from the ledger and the file; a test writes it
//! by hand.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::approval::Lifts;
use super::plan::Safeguard;
use crate::model::{Adopt, Limits, OrderKey, Ownership, ProductIx, Prune, Recheck, TargetIx, UserIx, Verb};

pub use super::plan::{Mover, NewRule};

/// Every grant on a managed target that Logto holds, by target, in the order of the catalog's targets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Actual {
    /// One for each target.
    pub targets: Vec<Holding>,
}

/// Who holds one target, and how that is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holding {
    /// Sorted, each once.
    pub holders: Vec<UserIx>,
    /// How much of the whole `holders` is.
    pub coverage: Coverage,
    /// Those who were asked for by id, sorted. Of them `holders` tells the exact truth.
    pub asked: Vec<UserIx>,
    /// Of a membership: members who hold a role in that organization which is not a managed target,
    /// sorted. They would lose it with the membership.
    pub tied: Vec<UserIx>,
}

impl Holding {
    /// Whether a user holds the target. Nobody can say of a target that could not be read, or that is not
    /// there: Logto answers 200 with no members for an organization that does not exist.
    pub fn presence(&self, user: UserIx) -> Presence {
        let held = self.holders.binary_search(&user).is_ok();
        match self.coverage {
            Coverage::Unread | Coverage::Missing => Presence::Unknown,
            Coverage::Whole | Coverage::Asked | Coverage::Partial { .. } if held => Presence::Held,
            Coverage::Whole => Presence::Absent,
            Coverage::Asked | Coverage::Partial { .. } if self.is_asked(user) => Presence::Absent,
            Coverage::Asked | Coverage::Partial { .. } => Presence::Unknown,
        }
    }

    /// Whether the user was asked for by id.
    pub fn is_asked(&self, user: UserIx) -> bool {
        self.asked.binary_search(&user).is_ok()
    }
}

/// Whether a read was complete.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Coverage {
    /// As many distinct holders as Logto counts, on the first page and on the last.
    Whole,
    /// A walk that lost rows.
    Partial {
        /// Distinct holders seen.
        seen: u64,
        /// Holders that Logto counts.
        total: u64,
    },
    /// Nobody but the asked was looked at (a quick pass).
    Asked,
    /// The read failed.
    #[default]
    Unread,
    /// The target is not there any more.
    Missing,
}

/// What is known of one grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// It exists.
    Held,
    /// It does not exist.
    Absent,
    /// Nobody can say.
    Unknown,
}

/// What the ledger says is ours, and how much was taken and given of late.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerView {
    /// By target, in the order of the catalog's targets; each run sorted by user.
    pub targets: Vec<Vec<OwnedGrant>>,
    /// How much of the day's limits is used, and what they are a percentage of: by target, and after those
    /// what is counted on targets that the catalog does not have any more. It counts in total.
    pub tally: Vec<LimitUsage>,
}

impl LedgerView {
    /// The ledger's row for one grant.
    pub fn find(&self, target: TargetIx, user: UserIx) -> Option<&OwnedGrant> {
        let run = &self.targets[target.at()];
        run.binary_search_by_key(&user, |owned| owned.user).ok().map(|at| &run[at])
    }
}

/// One grant that is ours. 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnedGrant {
    /// Who holds it.
    pub user: UserIx,
    /// The order that caused it, where the store still has it.
    pub order: Option<OrderKey>,
    /// The product that caused it.
    pub product: ProductIx,
    /// How it came to be ours.
    pub ownership: Ownership,
}

/// The numbers that limits work on, for one target. They come from the ledger as a whole, also in a
/// quick pass that looks at few users.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LimitUsage {
    /// Grants that were ours when those 24 hours began: what a percentage is of. What was given since does
    /// not count, or a pass that gives would make room for what the pass before it held.
    pub base: u64,
    /// Revocations in the last 24 hours, with those whose outcome is not known yet.
    pub revoked: u64,
    /// Grants in the last 24 hours that a commit caused.
    pub config_granted: u64,
}

impl LimitUsage {
    /// All of them together.
    pub fn sum(all: &[Self]) -> Self {
        let add = |sum: Self, one: &Self| Self {
            base: sum.base + one.base,
            revoked: sum.revoked + one.revoked,
            config_granted: sum.config_granted + one.config_granted,
        };
        all.iter().fold(Self::default(), add)
    }
}

/// A write that was sent to Logto and whose outcome is not known yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Intent {
    /// Ours since before it was asked for.
    Grant,
    /// Ours until it is seen to be gone.
    Revocation {
        /// How often Logto said that it was made, and the holder was there all the same.
        in_vain: u32,
    },
}

/// What the file and the state of the ledger allow.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanConstraints {
    /// Whether anything is taken away at all.
    pub prune: Prune,
    /// How much in a day.
    pub limits: Limits,
    /// What versions of the file before this one ask for besides, as long as that still counts.
    pub earlier: Earlier,
    /// Changes that take back what a version of the file did shortly before. No limit applies to them.
    pub undoes: BTreeSet<(Verb, TargetIx, UserIx)>,
    /// Whether the ledger has seen a whole pass.
    pub ledger: LedgerTrust,
    /// Users from whom nothing is ever taken, sorted.
    pub protected: Vec<UserIx>,
    /// Products of a source whose last read failed. A renewal may be among what was not read, so neither
    /// the clock nor the absence of an order proves anything about them.
    pub blind: BTreeSet<ProductIx>,
    /// Products of a source of which some orders could not be read. Whoever bought one of them may be among
    /// those, so nobody is put out of a target that they give for not being a buyer.
    pub unclear: BTreeSet<ProductIx>,
    /// What somebody stopped.
    pub freeze: Freeze,
    /// What somebody let through, by the kind of hold that this lifts.
    pub approved: BTreeSet<(Lifts, Verb, TargetIx, UserIx)>,
    /// Grants of ours that somebody else has taken away again and again.
    pub flapping: BTreeSet<(TargetIx, UserIx)>,
    /// Our writes whose outcome is not known yet.
    pub open: BTreeMap<(TargetIx, UserIx), Intent>,
    /// The revocations among them that were asked for within the last 24 hours: [`LimitUsage::revoked`] has them.
    pub counted: BTreeSet<(TargetIx, UserIx)>,
    /// Grants that somebody has taken out of our hands: never adopted again.
    pub released: BTreeSet<(TargetIx, UserIx)>,
    /// Whether what is held already becomes ours where an order explains it.
    pub adopt: Adopt,
    /// Grants that were seen before any of the orders that entitle to them now was paid: none of those orders
    /// can be why they were made.
    pub foreign: BTreeSet<(TargetIx, UserIx)>,
    /// Grants of ours that were there already when a commit made an order explain them.
    pub adopted_by_commit: BTreeSet<(TargetIx, UserIx)>,
    /// Grants of ours that were seen to be gone, were not made again by us, and are held once more.
    pub given_again: BTreeSet<(TargetIx, UserIx)>,
    /// What came of reading the orders behind revocations again.
    pub rechecks: BTreeMap<OrderKey, Recheck>,
    /// Grants of ours whose order says something else now than when they were made.
    pub turned: BTreeMap<(TargetIx, UserIx), Turn>,
    /// Whether a full pass has settled what this version of the program judges differently from the one before.
    pub rules: Rules,
    /// How far the clock of the pass can be trusted.
    pub clock: Clock,
}

/// The safeguards of earlier versions of the file that still count, where they are the more careful ones. Each with
/// until when, in seconds since 1970.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Earlier {
    /// How much is taken away at all.
    pub prune: Vec<(Prune, i64)>,
    /// How much in a day.
    pub limits: Vec<Limits>,
    /// Roles that are neither given nor taken.
    pub roles: BTreeMap<TargetIx, i64>,
    /// Users from whom nothing is taken.
    pub users: BTreeMap<UserIx, i64>,
    /// What somebody has settled: that this role is given, and that what ends on this target is taken.
    pub settled: BTreeSet<(Safeguard, TargetIx)>,
}

impl Earlier {
    /// Protects some more users, each until then at the least.
    pub fn protect(&mut self, users: impl IntoIterator<Item = (UserIx, i64)>) {
        for (user, until) in users {
            let known = self.users.entry(user).or_insert(until);
            *known = until.max(*known);
        }
    }

    /// Until when no version that counts lets so much be taken away; `None` where all do.
    pub fn restrains(&self, prune: Prune) -> Option<i64> {
        self.prune.iter().filter(|(least, _)| *least < prune).map(|(_, until)| *until).max()
    }
}

/// How far the clock of the pass is off those of the servers, where that is too far to take anything by it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    /// Off Logto's: this decides for all. In seconds, positive where ours is ahead.
    pub logto: Option<i64>,
    /// Off those of the sources that these orders are from: it decides for them.
    pub orders: BTreeMap<OrderKey, i64>,
}

impl Clock {
    /// Two clocks that are further apart than this cannot both be right, in seconds.
    pub const TOLERANCE: i64 = 300;

    /// Whether so many seconds are too many.
    pub fn is_off(seconds: i64) -> bool {
        seconds.unsigned_abs() > Self::TOLERANCE.unsigned_abs()
    }
}

impl PlanConstraints {
    /// What the file says, and nothing else.
    pub fn new(prune: Prune, limits: Limits, ledger: LedgerTrust) -> Self {
        Self {
            prune,
            limits,
            earlier: Earlier::default(),
            undoes: BTreeSet::new(),
            ledger,
            protected: Vec::new(),
            blind: BTreeSet::new(),
            unclear: BTreeSet::new(),
            freeze: Freeze::Nothing,
            approved: BTreeSet::new(),
            flapping: BTreeSet::new(),
            open: BTreeMap::new(),
            counted: BTreeSet::new(),
            released: BTreeSet::new(),
            adopt: Adopt::default(),
            foreign: BTreeSet::new(),
            adopted_by_commit: BTreeSet::new(),
            given_again: BTreeSet::new(),
            rechecks: BTreeMap::new(),
            turned: BTreeMap::new(),
            rules: Rules::SETTLED,
            clock: Clock::default(),
        }
    }

    /// Whether somebody let an action through that is held for this.
    pub fn is_approved(&self, lifts: Lifts, verb: Verb, (target, user): (TargetIx, UserIx)) -> bool {
        self.approved.contains(&(lifts, verb, target, user))
    }

    /// Protects some more users.
    pub fn protect(&mut self, users: impl IntoIterator<Item = UserIx>) {
        self.protected.extend(users);
        self.protected.sort_unstable();
        self.protected.dedup();
    }
}

/// What somebody stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Freeze {
    /// Nothing.
    Nothing,
    /// Nothing is taken away.
    Revocations,
    /// Nothing is taken away or given.
    Everything,
}

/// Whether the ledger can be trusted to know what is ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LedgerTrust {
    /// No full pass has ever finished on it: it is new, or it was lost.
    Fresh,
    /// At least one has.
    Seasoned,
}

/// What the order behind a grant of ours says now, where that is not what it said when the grant was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Turn {
    /// It names other products, and the one that was the reason no more.
    Exchanged,
    /// The same, and one of those gives the same: only the end of that is an end.
    Alike,
    /// It belongs to another user, who exists.
    Moved(Mover),
    /// It was read from a source that the file does not name any more.
    Dropped,
    /// It names other products or belongs to somebody else, and nobody knows how it stands: that changes nothing.
    Unknown,
}

/// The newest rules by which a full pass has settled a store. What ends by newer ones alone ends by an upgrade, and not
/// by an order or a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rules(pub i64);

impl Rules {
    /// Those of this program. The number goes up when a store that nobody touches would be planned otherwise, so that
    /// something could end by it.
    pub const SETTLED: Self = Self(2);
    /// Those of a store that has seen no pass that said so.
    pub const NEW: Self = Self(0);

    /// Whether a store has not been settled by this rule yet.
    pub fn lack(self, rule: NewRule) -> bool {
        self < match rule {
            NewRule::Sources => Self(1),
            NewRule::Quantity => Self(2),
        }
    }
}
