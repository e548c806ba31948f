//! What earlier versions of the file forbid beyond the current one, and what the current one takes back of what they
//! did.
//!
//! Flow: when a version loosens a safeguard, the version before it counts beside it until the delay is over, and what
//! only the earlier one forbids is held as `Settling`. What a version did within that delay, a later version may take
//! back regardless of the limits: the limits are there to stop mistakes, not their repair.
//!
//! Caveat: an earlier version never makes anything happen. It only holds.

use super::approval::Lifts;
use super::{Action, Hold, PlanInput, Safeguard};
use crate::model::{Ownership, Prune, TargetIx, UserIx, Verb};

/// Whether an action takes back what a version of the file did shortly before, because the file says so.
pub(super) fn is_undone(input: PlanInput<'_>, action: &Action) -> bool {
    let (target, user) = (action.target, action.user);
    let ours = input.ledger.find(target, user);
    input.constraints.undoes.contains(&(action.verb, target, user))
        && action.why.is_by_file(action.verb)
        // What was only taken over was somebody's before.
        && ours.is_none_or(|owned| owned.ownership == Ownership::Granted)
}

/// Held because an earlier version protects the role.
pub(super) fn role_settling(input: PlanInput<'_>, verb: Verb, target: TargetIx, user: UserIx) -> Option<Hold> {
    let earlier = &input.constraints.earlier;
    let settled = verb == Verb::Grant && earlier.settled.contains(&(Safeguard::Role, target));
    let until = earlier.roles.get(&target).copied().filter(|_| !settled);
    settling(input, verb, (target, user), Safeguard::Role, until)
}

/// Held because an earlier version protects the user.
pub(super) fn user_settling(input: PlanInput<'_>, target: TargetIx, user: UserIx) -> Option<Hold> {
    let until = input.constraints.earlier.users.get(&user).copied();
    settling(input, Verb::Revoke, (target, user), Safeguard::User, until)
}

/// Held because an earlier version takes less away than `least`.
pub(super) fn prune_settling(input: PlanInput<'_>, least: Prune, target: TargetIx, user: UserIx) -> Option<Hold> {
    let earlier = &input.constraints.earlier;
    let settled = least == Prune::Owned && earlier.settled.contains(&(Safeguard::Prune, target));
    let until = earlier.restrains(least).filter(|_| !settled);
    settling(input, Verb::Revoke, (target, user), Safeguard::Prune, until)
}

fn settling(
    input: PlanInput<'_>,
    verb: Verb,
    cell: (TargetIx, UserIx),
    safeguard: Safeguard,
    until: Option<i64>,
) -> Option<Hold> {
    let until = until?;
    (!input.constraints.is_approved(Lifts::Settling(safeguard), verb, cell)).then_some(Hold::Settling(safeguard, until))
}
