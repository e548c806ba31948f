//! The world after a plan was carried out.

use entitled::model::Ownership;
use entitled::planner::input::{Actual, LedgerView, OwnedGrant};
use entitled::planner::{Action, Cause, Plan, PlanInput, Verb, plan};

pub(crate) fn insert<T: Ord>(sorted: &mut Vec<T>, one: T) {
    if let Err(at) = sorted.binary_search(&one) {
        sorted.insert(at, one);
    }
}

/// The world after the plan was carried out and written down.
pub(crate) fn carried_out(world: PlanInput<'_>, plan: &Plan) -> (Actual, LedgerView) {
    let (mut actual, mut ledger) = (world.actual.clone(), world.ledger.clone());
    let row = |action: &Action, ownership| OwnedGrant {
        user: action.user,
        order: action.why.order,
        product: action.why.product.expect("whatever is given has a product"),
        ownership,
    };
    let write = |rows: &mut Vec<OwnedGrant>, row: OwnedGrant| match rows.binary_search_by_key(&row.user, |of| of.user) {
        Ok(at) => rows[at] = row,
        Err(at) => rows.insert(at, row),
    };
    for action in plan.actions.iter().chain(&plan.adopt).chain(&plan.release) {
        let at = action.target.at();
        let (holding, rows, tally) = (&mut actual.targets[at], &mut ledger.targets[at], &mut ledger.tally[at]);
        match action.verb {
            Verb::Adopt => {
                write(rows, row(action, Ownership::Adopted));
            }
            Verb::Grant => {
                insert(&mut holding.holders, action.user);
                insert(&mut holding.asked, action.user);
                tally.config_granted += u64::from(matches!(action.why.cause, Cause::Commit | Cause::Resolution));
                write(rows, row(action, Ownership::Granted));
            }
            Verb::Release => rows.retain(|row| row.user != action.user),
            Verb::Revoke => {
                holding.holders.retain(|holder| *holder != action.user);
                rows.retain(|row| row.user != action.user);
                // What is tried again was counted when it was tried first.
                tally.revoked += u64::from(!world.constraints.open.contains_key(&(action.target, action.user)));
            }
        }
    }
    for (target, user) in &plan.forget {
        ledger.targets[target.at()].retain(|row| row.user != *user);
    }
    (actual, ledger)
}

/// Planning again says the same, and planning after the plan was carried out says that nothing is left to do.
pub(crate) fn settles(world: PlanInput<'_>, first: &Plan) {
    assert_eq!(&plan(world), first, "the same world, another plan");
    let (actual, ledger) = carried_out(world, first);
    let mut constraints = world.constraints.clone();
    // What we made ourselves was given again by nobody else.
    constraints.given_again.retain(|cell| !first.actions.iter().any(|action| (action.target, action.user) == *cell));
    let after = PlanInput { actual: &actual, ledger: &ledger, constraints: &constraints, ..world };
    let second = plan(after);
    // Also where limits are a share: what was given makes no room for what was held.
    assert_eq!(second.actions, [], "the second pass still acts");
    assert_eq!(second.adopt, [], "the second pass still adopts");
    assert_eq!(second.forget, [], "the second pass still forgets");
    assert_eq!(second.release, [], "the second pass still gives up");
}
