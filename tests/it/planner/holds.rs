//! What holds a plan back besides limits and proofs, and what it is asked about itself.

use entitled::model::{ProductIx, Prune, Purchase, Recheck, Standing, UserIx};
use entitled::planner::desired::{State, desired};
use entitled::planner::input::{Clock, Freeze};
use entitled::planner::{Cause, Gap, Hold, Verb};

use super::{BUYER, NOW, Scene, actions, holds, one_role, refunded};
use crate::support::builders::worlds::{DAY, purchase, role};

/// What a product gave may be under the name that stands for nothing.
#[test]
fn a_product_with_a_name_that_stands_for_nothing_loses_nothing_to_being_unmapped() {
    let unmapped = Purchase { product: ProductIx(2), ..purchase(1, Standing::Paid, 50 * DAY) };
    let scene = |nameless: Option<u16>| {
        let mut scene = Scene::new(one_role(), &[unmapped]).owned(0, unmapped);
        scene.catalog.nameless = nameless.map(ProductIx).into_iter().collect();
        scene.plan()
    };
    for other in [None, Some(0), Some(1)] {
        assert_eq!(actions(&scene(other)), [(Verb::Revoke, 0, 0)], "{other:?}");
    }
    assert_eq!(holds(&scene(Some(2))), [(Verb::Revoke, 0, 0, Hold::Incomplete(Gap::Name))]);
    // One that still gives the target, by another name, ends as its order does.
    let mut mapped = Scene::new(one_role(), &[refunded(1)]).owned(0, refunded(1)).rechecks(1, Recheck::Confirmed);
    mapped.catalog.nameless = [ProductIx(0)].into();
    assert_eq!(actions(&mapped.plan()), [(Verb::Revoke, 0, 0)]);
}

#[test]
fn exclusive_puts_nobody_out_while_any_name_stands_for_nothing() {
    let mut scene = Scene::new(one_role(), &[]);
    scene.constraints.prune = Prune::Exclusive;
    scene.actual.targets[0].holders.push(BUYER);
    assert_eq!(actions(&scene.plan()), [(Verb::Revoke, 0, 0)]);
    scene.catalog.nameless = [ProductIx(1)].into();
    assert_eq!(holds(&scene.plan()), [(Verb::Revoke, 0, 0, Hold::Incomplete(Gap::Name))]);
}

#[test]
fn whoever_is_protected_besides_is_protected_and_so_are_those_before() {
    let of = |user| Purchase { user: UserIx(user), ..refunded(user + 1) };
    let mut scene = Scene::new(one_role(), &[of(0), of(1), of(2)]);
    for user in 0..3 {
        scene = scene.owned(0, of(user)).rechecks(user + 1, Recheck::Confirmed);
    }
    scene.constraints.protect([UserIx(2)]);
    scene.constraints.protect([UserIx(0), UserIx(2)]);
    let plan = scene.plan();
    assert_eq!(actions(&plan), [(Verb::Revoke, 0, 1)]);
    assert_eq!(holds(&plan), [(Verb::Revoke, 0, 0, Hold::Protected), (Verb::Revoke, 0, 2, Hold::Protected)]);
}

#[test]
fn a_clock_is_off_by_more_than_five_minutes_either_way() {
    for (seconds, off) in [(0, false), (299, false), (300, false), (301, true), (i64::MAX, true), (i64::MIN, true)] {
        assert_eq!(Clock::is_off(seconds), off, "{seconds}");
        assert_eq!(Clock::is_off(seconds.saturating_neg()), off, "-{seconds}");
    }
}

#[test]
fn a_plan_takes_what_it_revokes_or_holds_back_from_revoking() {
    let bought = purchase(1, Standing::Paid, 50 * DAY);
    assert!(!Scene::new(one_role(), &[]).plan().takes());
    assert!(!Scene::new(one_role(), &[bought]).plan().takes(), "a grant");
    let ended = || Scene::new(one_role(), &[refunded(1)]).owned(0, refunded(1)).rechecks(1, Recheck::Confirmed);
    assert!(ended().plan().takes());
    for freeze in [Freeze::Revocations, Freeze::Everything] {
        let mut frozen = ended();
        frozen.constraints.freeze = freeze;
        assert_eq!((actions(&frozen.plan()).len(), frozen.plan().takes()), (0, true));
    }
    let mut frozen = Scene::new(one_role(), &[bought]);
    frozen.constraints.freeze = Freeze::Everything;
    assert_eq!((holds(&frozen.plan()).len(), frozen.plan().takes()), (1, false), "a grant that is held");
}

/// Older than the mapping: a commit's doing, or, where the name stood for something else until then, Logto's.
#[test]
fn what_a_new_mapping_gives_to_older_orders_says_why_it_is_new() {
    for (bought, replaces, cause) in [
        (999, None, Cause::Commit),
        (999, Some(role("old")), Cause::Resolution),
        (1_000, None, Cause::Sale),
        (1_000, Some(role("old")), Cause::Sale),
        (1_001, Some(role("old")), Cause::Sale),
    ] {
        let mut scene = Scene::new(one_role(), &[Purchase { seen: bought, ..purchase(1, Standing::Paid, 500) }]);
        let gives = &mut scene.catalog.products[0].entitlements[0];
        (gives.new_since, gives.replaces) = (Some(1_000), replaces.clone());
        assert_eq!(scene.plan().actions[0].why.cause, cause, "{bought}, {replaces:?}");
    }
}

/// The slack is for a renewal that is late, not for a period that still runs.
#[test]
fn a_period_that_still_runs_lasts_until_it_ends_and_not_longer() {
    let until = |at: i64| {
        let subscribed = Purchase { slack: 3_600, ..purchase(1, Standing::Subscribed, at) };
        let wanted = desired(&mut [subscribed], &one_role(), NOW);
        let claim = wanted.targets[0][0];
        assert_eq!(claim.state, State::Entitled, "{at}");
        claim.at
    };
    assert_eq!(until(NOW + 1), NOW + 1);
    assert_eq!(until(NOW), NOW + 3_600);
    assert_eq!(until(NOW - 3_599), NOW + 1);
}
