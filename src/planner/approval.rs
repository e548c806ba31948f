//! Held sets: what `entitled approve <digest>` lets through, and how a set gets its digest.
//!
//! Pure. A digest names exactly the actions of a set, by ids: one more or one less is another set with
//! another digest. An approval covers the actions of the set that somebody has looked at, and no others.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use super::{Bound, Hold, Plan};
use crate::model::{Catalog, TargetIx, UserId, UserIx, Verb};

/// Actions that are held together and can be let through together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldSet {
    /// The first 12 hex digits of the SHA-256 over verb, target key and user id of each action, and over
    /// what it lifts where that is no amount.
    pub digest: String,
    /// The actions.
    pub cells: Vec<(Verb, TargetIx, UserIx)>,
    /// What an approval of it lifts.
    pub lifts: Lifts,
}

/// What an approval lifts. It lifts nothing else: whoever lets a number through has said nothing of the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lifts {
    /// A limit, or that the ledger is fresh.
    Amount,
    /// That the clock is off.
    Clock,
}

impl Lifts {
    /// The word in the store.
    pub fn word(self) -> &'static str {
        match self {
            Self::Amount => "amount",
            Self::Clock => "clock",
        }
    }
}

/// What makes a set: the same verb and the same reason, and for a limit of one target that target.
type Kind = (Lifts, Verb, u8, Option<TargetIx>);

/// The sets of a plan, in a fixed order. `users` is by [`UserIx`].
pub fn held_sets(plan: &Plan, catalog: &Catalog, users: &[UserId]) -> Vec<HeldSet> {
    let mut sets: BTreeMap<Kind, Vec<(Verb, TargetIx, UserIx)>> = BTreeMap::new();
    for held in &plan.held {
        let action = &held.action;
        let kind = match held.hold {
            Hold::FreshLedger => (Lifts::Amount, action.verb, 0, None),
            Hold::OverLimit(Bound::Target, _) => (Lifts::Amount, action.verb, 1, Some(action.target)),
            Hold::OverLimit(Bound::Total, _) => (Lifts::Amount, action.verb, 2, None),
            Hold::ClockDoubtful(_) => (Lifts::Clock, action.verb, 0, None),
            // Not a question of how much: each of these has a mend of its own.
            Hold::Foreign
            | Hold::Incomplete(_)
            | Hold::Protected
            | Hold::Frozen
            | Hold::Flapping
            | Hold::Unverified(_) => continue,
        };
        sets.entry(kind).or_default().push((action.verb, action.target, action.user));
    }
    let named = |((lifts, ..), cells): (Kind, Vec<(Verb, TargetIx, UserIx)>)| HeldSet {
        digest: digest(lifts, &cells, catalog, users),
        cells,
        lifts,
    };
    sets.into_iter().map(named).collect()
}

fn digest(lifts: Lifts, cells: &[(Verb, TargetIx, UserIx)], catalog: &Catalog, users: &[UserId]) -> String {
    let mut lines: Vec<String> = cells
        .iter()
        .map(|(verb, target, user)| format!("{verb:?} {} {}\n", catalog.target(*target).target.key(), users[user.at()]))
        .collect();
    lines.sort_unstable();
    if lifts == Lifts::Clock {
        lines.push("clock\n".to_owned());
    }
    let hash = Sha256::digest(lines.concat());
    hash.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}
