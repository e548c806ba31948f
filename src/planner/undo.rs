//! The inverse of what a pass did, as a plan of its own.
//!
//! Goes through the same gates as any plan: protection, a freeze, the limits of the day, the ties of an
//! organization, and asking the holders by id. What it takes back must be ours.

use super::input::Presence;
use super::{Action, Cause, Held, Hold, Plan, PlanInput, Verb, Why, gap, grant_hold, standing_hold};
use crate::model::{OrderKey, ProductIx, TargetIx, UserIx};

/// One thing that a pass did, turned round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Inverse {
    /// What takes it back.
    pub verb: Verb,
    /// On which target.
    pub target: TargetIx,
    /// For whom.
    pub user: UserIx,
    /// The order that the pass named.
    pub order: Option<OrderKey>,
    /// The product that the pass named.
    pub product: Option<ProductIx>,
}

/// Plans to take back. What is so already is left out.
pub fn undo(input: PlanInput<'_>, inverses: &[Inverse]) -> Plan {
    let mut plan = Plan::default();
    let (mut grants, mut revocations) = (Vec::new(), Vec::new());
    let mut inverses = inverses.to_vec();
    inverses.sort_unstable_by_key(|one| (one.target, one.user, one.verb));
    inverses.dedup_by_key(|one| (one.target, one.user));
    for Inverse { verb, target, user, order, product } in inverses {
        let why = Why { cause: Cause::Undone, order, product, line: 0, at: 0 };
        let action = Action { verb, target, user, why };
        let holding = &input.actual.targets[target.at()];
        let hold = match (verb, holding.presence(user)) {
            (Verb::Adopt | Verb::Release, _) | (Verb::Grant, Presence::Held) | (Verb::Revoke, Presence::Absent) => {
                continue;
            }
            (_, Presence::Unknown) => Some(Hold::Incomplete(gap(holding))),
            (Verb::Revoke, _) if input.ledger.find(target, user).is_none() => Some(Hold::Foreign),
            (Verb::Revoke, _) => standing_hold(input, target, user),
            (Verb::Grant, _) => grant_hold(input, (target, user)),
        };
        match (hold, verb) {
            (Some(hold), _) => plan.held.push(Held { action, hold }),
            (None, Verb::Grant) => grants.push(action),
            (None, _) => revocations.push(action),
        }
    }
    plan.pass_gates(input, grants, revocations);
    plan
}
