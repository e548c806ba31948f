//! Held sets: what `entitled approve <digest>` lets through, and how a set gets its digest.
//!
//! Pure. A digest names exactly the actions of a set, by ids: one more or one less makes another set with another
//! digest. An approval covers the actions of the set that somebody has looked at and no others, and lifts only the kind
//! of hold that the set was held for.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use super::{Author, Bound, Doubt, Held, Hold, Plan, Safeguard};
use crate::model::{Catalog, Target, TargetIx, UserId, UserIx, Verb};

/// Actions that are held together and can be let through together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldSet {
    /// The first 12 hex digits of the SHA-256 over what it lifts, and over verb, target key and user id of each
    /// action.
    pub digest: String,
    /// The actions.
    pub cells: Vec<(Verb, TargetIx, UserIx)>,
    /// What an approval of it lifts.
    pub lifts: Lifts,
    /// Who or what is behind all of it.
    pub author: Author,
}

/// What an approval lifts. It lifts nothing else: whoever lets a number through has said nothing of the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lifts {
    /// A limit.
    Limit,
    /// That the ledger is fresh.
    FreshLedger,
    /// That the clock is off.
    Clock,
    /// That the proof is missing: a person's word stands in its place.
    Proof,
    /// That somebody else takes it away again and again.
    Flapping,
    /// That Logto says that it was taken, and it was not.
    Stuck,
    /// That an earlier version of the file was more careful: with which safeguard.
    Settling(Safeguard),
}

impl Lifts {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Limit,
        Self::FreshLedger,
        Self::Clock,
        Self::Proof,
        Self::Flapping,
        Self::Stuck,
        Self::Settling(Safeguard::Role),
        Self::Settling(Safeguard::User),
        Self::Settling(Safeguard::Prune),
    ];

    /// The name of the hold that it lifts, and where there are several of that name which. It is also the word in the
    /// store.
    pub fn word(self) -> &'static str {
        match self {
            Self::Limit => "OverLimit",
            Self::FreshLedger => "FreshLedger",
            Self::Clock => "ClockDoubtful",
            Self::Proof => "Unverified",
            Self::Flapping => "Flapping",
            Self::Stuck => "Stuck",
            Self::Settling(Safeguard::Role) => "Settling role",
            Self::Settling(Safeguard::User) => "Settling user",
            Self::Settling(Safeguard::Prune) => "Settling prune",
        }
    }
}

impl Hold {
    /// What an approval of it lifts. `None` where no person's word can: each of these has a mend of its own.
    pub fn lifts(&self) -> Option<Lifts> {
        match self {
            Self::OverLimit(..) => Some(Lifts::Limit),
            Self::FreshLedger => Some(Lifts::FreshLedger),
            Self::ClockDoubtful(_) => Some(Lifts::Clock),
            Self::Unverified(Doubt::OrderUnconfirmed | Doubt::NoEvidence) => Some(Lifts::Proof),
            Self::Flapping => Some(Lifts::Flapping),
            Self::Stuck => Some(Lifts::Stuck),
            Self::Settling(safeguard, _) => Some(Lifts::Settling(*safeguard)),
            // A pass asks by itself.
            Self::Unverified(Doubt::NotAsked) => None,
            Self::Foreign | Self::Incomplete(_) | Self::Protected | Self::Frozen => None,
        }
    }
}

/// What makes a set: one kind of hold, one verb, one author; and, where each part is a question of its own, one part.
type Kind<'a> = (Lifts, Verb, Author, Option<Part<'a>>);

/// What is looked at together: a role, or an organization with all the roles in it, since neither comes or goes
/// without the other.
type Part<'a> = &'a str;

fn part(target: &Target) -> Part<'_> {
    match target {
        Target::Role { role } => role.as_str(),
        Target::Membership { organization } | Target::OrganizationRole { organization, .. } => organization.as_str(),
    }
}

/// The sets of a plan, in a fixed order. `users` is by [`UserIx`].
pub fn held_sets(plan: &Plan, catalog: &Catalog, users: &[UserId]) -> Vec<HeldSet> {
    let mut sets: BTreeMap<Kind<'_>, Vec<(Verb, TargetIx, UserIx)>> = BTreeMap::new();
    for Held { action, hold } in &plan.held {
        let Some(lifts) = hold.lifts() else { continue };
        let by_part = match hold {
            Hold::OverLimit(bound, _) => *bound != Bound::Total,
            Hold::Unverified(_) | Hold::Flapping | Hold::Stuck | Hold::Settling(..) => true,
            _ => false,
        };
        let part = by_part.then(|| part(&catalog.target(action.target).target));
        let kind = (lifts, action.verb, action.why.cause.author(), part);
        sets.entry(kind).or_default().push((action.verb, action.target, action.user));
    }
    let named = |((lifts, _, author, _), cells): (Kind<'_>, Vec<(Verb, TargetIx, UserIx)>)| HeldSet {
        digest: digest(lifts, &cells, catalog, users),
        cells,
        lifts,
        author,
    };
    sets.into_iter().map(named).collect()
}

fn digest(lifts: Lifts, cells: &[(Verb, TargetIx, UserIx)], catalog: &Catalog, users: &[UserId]) -> String {
    let mut lines: Vec<String> = cells
        .iter()
        .map(|(verb, target, user)| format!("{verb:?} {} {}\n", catalog.target(*target).target.key(), users[user.at()]))
        .collect();
    lines.sort_unstable();
    lines.push(format!("{}\n", lifts.word()));
    let hash = Sha256::digest(lines.concat());
    hash.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}
