//! Taking a pass back: an inverse is a plan like any other, and only of what is ours.

use entitled::model::{Limit, OrderKey, ProductIx, Standing, TargetIx, UserIx, Verb};
use entitled::planner::desired::desired;
use entitled::planner::input::{Coverage, Freeze};
use entitled::planner::{Bound, Cause, Gap, Hold, Inverse, Plan, PlanInput, undo};

use super::{DAY, NOW, Scene, actions, holds, one_role};
use crate::support::builders::worlds::purchase;

fn inverse(verb: Verb, user: u32) -> Inverse {
    let (order, product) = (Some(OrderKey(user)), Some(ProductIx(0)));
    Inverse { verb, target: TargetIx(0), user: UserIx(user), order, product }
}

impl Scene {
    fn undo(&self, inverses: &[Inverse]) -> Plan {
        let desired = desired(&mut self.purchases.clone(), &self.catalog, NOW);
        let Self { catalog, actual, ledger, constraints, .. } = self;
        undo(PlanInput { catalog, desired: &desired, actual, ledger, constraints }, inverses)
    }
}

/// User 0 holds what is ours, user 1 what is not, user 2 nothing.
fn scene() -> Scene {
    let mut scene = Scene::new(one_role(), &[]).owned(0, purchase(0, Standing::Paid, 50 * DAY));
    scene.actual.targets[0].holders.push(UserIx(1));
    scene
}

#[test]
fn what_was_granted_is_taken_and_what_was_taken_is_given_back() {
    let plan = scene().undo(&[inverse(Verb::Revoke, 0), inverse(Verb::Grant, 2)]);
    assert_eq!(actions(&plan), [(Verb::Grant, 0, 2), (Verb::Revoke, 0, 0)]);
    assert_eq!(holds(&plan), []);
    for action in &plan.actions {
        let why = (action.why.cause, action.why.order, action.why.product);
        assert_eq!(why, (Cause::Undone, Some(OrderKey(action.user.0)), Some(ProductIx(0))));
    }
}

#[test]
fn what_is_so_already_is_left_out_and_what_is_not_ours_stays() {
    let already = [inverse(Verb::Grant, 0), inverse(Verb::Revoke, 2), inverse(Verb::Adopt, 1)];
    assert_eq!(scene().undo(&already), Plan::default());
    let plan = scene().undo(&[inverse(Verb::Revoke, 1)]);
    assert_eq!((actions(&plan), holds(&plan)), (vec![], vec![(Verb::Revoke, 0, 1, Hold::Foreign)]));
}

#[test]
fn the_gates_of_a_pass_stand_before_it_too() {
    let all = [inverse(Verb::Revoke, 0), inverse(Verb::Grant, 2)];
    let both = |hold| vec![(Verb::Grant, 0, 2, hold), (Verb::Revoke, 0, 0, hold)];

    let mut frozen = scene();
    frozen.constraints.freeze = Freeze::Everything;
    assert_eq!(holds(&frozen.undo(&all)), both(Hold::Frozen));

    let mut unread = scene();
    unread.actual.targets[0].coverage = Coverage::Unread;
    assert_eq!(holds(&unread.undo(&all)), both(Hold::Incomplete(Gap::Unread)));

    let mut limited = scene();
    let none = Limit { percent: 0.0, floor: 0 };
    (limited.constraints.limits.revocations, limited.constraints.limits.config_grants) = (none, none);
    let plan = limited.undo(&all);
    assert_eq!(actions(&plan), []);
    assert!(plan.held.iter().all(|held| matches!(held.hold, Hold::OverLimit(Bound::Target(_), _))), "{:?}", plan.held);
    assert_eq!(plan.held.len(), 2);
}
