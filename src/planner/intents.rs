//! Our writes whose outcome is not known yet, and what a look at Logto says about them.
//!
//! An answer can be lost, or be wrong. So both grants and revocations are written down before they are sent (`store`
//! has the rule), and only the next look at Logto shows what became of them.
//!
//! Pure. A revocation that was made ends the grant like any other; one that Logto claims to have made time and again,
//! while the holder stays, is held as `Stuck`.

use std::collections::BTreeSet;

use super::approval::Lifts;
use super::desired::State;
use super::evidence::stands_unknown;
use super::input::{Intent, Presence};
use super::{Action, Came, Closed, Held, Hold, PlanInput, Row, Verb};
use crate::model::{TargetIx, UserIx};

/// So often a revocation is tried again by itself before it is held.
pub const TRIES: u32 = 3;

/// Every intent of which the look says what became of it. `actions`: what the plan does. A revocation that it tries
/// again stays open, and so does one that is held because Logto makes it in vain: how often it was tried is counted.
pub(super) fn closed(input: PlanInput<'_>, actions: &[Action]) -> Vec<Closed> {
    let going: BTreeSet<(TargetIx, UserIx)> = actions
        .iter()
        .filter(|action| action.verb == Verb::Revoke)
        .map(|action| (action.target, action.user))
        .collect();
    let one = |(&(target, user), intent): (&(TargetIx, UserIx), &Intent)| {
        let came = match (*intent, input.actual.targets[target.at()].presence(user)) {
            (Intent::Grant, Presence::Held) => Came::Granted,
            (Intent::Revocation { .. }, Presence::Absent) => Came::Revoked,
            (Intent::Revocation { .. }, Presence::Held) if is_to_stay(input, target, user) => Came::Kept,
            (Intent::Revocation { in_vain }, Presence::Held) if in_vain < TRIES && !going.contains(&(target, user)) => {
                Came::Waits
            }
            (Intent::Grant, Presence::Absent | Presence::Unknown)
            | (Intent::Revocation { .. }, Presence::Held | Presence::Unknown) => return None,
        };
        Some(Closed { target, user, came })
    };
    input.constraints.open.iter().filter_map(one).collect()
}

fn is_to_stay(input: PlanInput<'_>, target: TargetIx, user: UserIx) -> bool {
    let claims = &input.desired.targets[target.at()];
    let claim = claims.binary_search_by_key(&user, |claim| claim.user).ok().map(|at| claims[at]);
    claim.is_some_and(|claim| !matches!(claim.state, State::Ended(_)))
        || input.ledger.find(target, user).is_some_and(|owned| stands_unknown(input, target, user, owned))
}

/// The row as it is once what we took is known to be gone: ours no more.
pub(super) fn without_what_is_gone<'a>(input: PlanInput<'a>, target: TargetIx, row: Row<'a>) -> Row<'a> {
    let taken = matches!(input.constraints.open.get(&(target, row.user)), Some(Intent::Revocation { .. }));
    let gone = taken && input.actual.targets[target.at()].presence(row.user) == Presence::Absent;
    if gone { Row { owned: None, ..row } } else { row }
}

/// Whether a revocation is one that the day has counted already, when it was tried last.
pub(super) fn is_counted(input: PlanInput<'_>, action: &Action) -> bool {
    action.verb == Verb::Revoke && input.constraints.counted.contains(&(action.target, action.user))
}

/// Holds what Logto says time and again that it took and did not take.
pub(super) fn hold_stuck(input: PlanInput<'_>, revocations: Vec<Action>, held: &mut Vec<Held>) -> Vec<Action> {
    let stuck = |action: &Action| {
        let cell = (action.target, action.user);
        let in_vain = match input.constraints.open.get(&cell) {
            Some(Intent::Revocation { in_vain }) => *in_vain,
            Some(Intent::Grant) | None => 0,
        };
        in_vain >= TRIES && !input.constraints.is_approved(Lifts::Stuck, action.verb, cell)
    };
    let (stuck, going): (Vec<_>, Vec<_>) = revocations.into_iter().partition(stuck);
    held.extend(stuck.into_iter().map(|action| Held { action, hold: Hold::Stuck }));
    going
}
