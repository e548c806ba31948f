//! Promise 12, read off DESIGN and not off the planner: one version of the file cannot undo its own safeguards.

use entitled::model::{Ownership, Prune};
use entitled::planner::approval::Lifts;
use entitled::planner::input::Mover;
use entitled::planner::{Action, Cause, Plan, PlanInput, Safeguard, Verb};

use super::facts::{cell, owned};

/// Whether an action takes back what a version of the file did shortly before: by the file, and nobody's but ours.
pub(crate) fn undone(world: PlanInput<'_>, action: &Action) -> bool {
    let by_file = match action.verb {
        Verb::Grant => action.why.cause == Cause::Commit,
        Verb::Revoke => {
            matches!(action.why.cause, Cause::Unmapped | Cause::Dropped | Cause::Moved(Mover::Commit))
        }
        Verb::Adopt | Verb::Release => false,
    };
    let adopted = owned(world, cell(action)).is_some_and(|owned| owned.ownership == Ownership::Adopted);
    by_file && !adopted && world.constraints.undoes.contains(&(action.verb, action.target, action.user))
}

/// What an earlier version has against an action.
pub(crate) fn forbidden(world: PlanInput<'_>, action: &Action) -> Vec<(Safeguard, i64)> {
    let earlier = &world.constraints.earlier;
    let takes = action.verb == Verb::Revoke;
    let spared = takes && undone(world, action);
    let needs = if owned(world, cell(action)).is_some() { Prune::Owned } else { Prune::Exclusive };
    let settled = |safeguard| earlier.settled.contains(&(safeguard, action.target));
    let given = action.verb == Verb::Grant && settled(Safeguard::Role);
    let role = earlier.roles.get(&action.target).filter(|_| !spared && !given).map(|until| (Safeguard::Role, *until));
    let user = earlier.users.get(&action.user).filter(|_| takes && !spared).map(|until| (Safeguard::User, *until));
    let ends = needs == Prune::Owned && settled(Safeguard::Prune);
    let by_pass = takes && !spared && !ends && action.why.cause != Cause::Undone;
    let prune = earlier.prune.iter().filter(|(prune, _)| by_pass && *prune < needs).map(|(_, until)| *until).max();
    let prune = prune.map(|until| (Safeguard::Prune, until));
    [role, user, prune].into_iter().flatten().collect()
}

pub(crate) fn cannot_undo_its_own_safeguards(world: PlanInput<'_>, plan: &Plan) {
    for action in &plan.actions {
        for (safeguard, _) in forbidden(world, action) {
            let lifts = (Lifts::Settling(safeguard), action.verb, action.target, action.user);
            assert!(world.constraints.approved.contains(&lifts), "12: {safeguard:?} of an earlier version: {action:?}");
        }
        let marked = plan.undone.contains(&(action.verb, action.target, action.user));
        assert_eq!(marked, undone(world, action), "12: counts or does not count {action:?}");
    }
    assert!(plan.undone.len() <= plan.actions.len(), "12: takes back what it does not do");
}
