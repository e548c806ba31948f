//! What an approval lifts, and what is approved together.

use entitled::model::{Limit, ProductIx, Prune, Purchase, Recheck, Standing, TargetIx, UserId, UserIx};
use entitled::planner::approval::{HeldSet, Lifts, held_sets};
use entitled::planner::input::{Clock, LedgerTrust};
use entitled::planner::{Intent, Safeguard, TRIES, Verb};

use super::{BUYER, Scene, actions, holds, one_role, organization, refunded};
use crate::support::builders::worlds::{DAY, catalog, days, purchase, role, rule};

const NONE: Limit = Limit { percent: 0.0, floor: 0 };

/// For each kind of hold that a person can lift, a world in which exactly that one stands in the way.
fn held_for(lifts: Lifts) -> (Verb, Scene) {
    let ended = || Scene::new(one_role(), &[refunded(1)]).owned(0, refunded(1)).rechecks(1, Recheck::Confirmed);
    let expired = || purchase(1, Standing::Paid, 10 * DAY);
    let mut scene = match lifts {
        Lifts::Limit | Lifts::FreshLedger | Lifts::Stuck | Lifts::Settling(_) => ended(),
        Lifts::Proof => ended().rechecks(1, Recheck::Failed),
        Lifts::Clock => {
            let month = Purchase { product: ProductIx(1), ..expired() };
            Scene::new(one_role(), &[month]).owned(0, month)
        }
        Lifts::Flapping => {
            let bought = purchase(1, Standing::Paid, 50 * DAY);
            let mut scene = Scene::new(one_role(), &[bought]).owned(0, bought);
            scene.actual.targets[0].holders.clear();
            scene
        }
    };
    match lifts {
        Lifts::Limit => scene.constraints.limits.revocations = NONE,
        Lifts::FreshLedger => scene.constraints.ledger = LedgerTrust::Fresh,
        Lifts::Clock => scene.constraints.clock = Clock { logto: Some(3_600), ..Clock::default() },
        Lifts::Flapping => _ = scene.constraints.flapping.insert((TargetIx(0), BUYER)),
        Lifts::Proof => {}
        Lifts::Settling(Safeguard::Prune) => scene.constraints.earlier.prune.push((Prune::Never, 60 * DAY)),
        Lifts::Settling(Safeguard::Role) => _ = scene.constraints.earlier.roles.insert(TargetIx(0), 60 * DAY),
        Lifts::Settling(Safeguard::User) => _ = scene.constraints.earlier.users.insert(BUYER, 60 * DAY),
        Lifts::Stuck => {
            scene.constraints.open.insert((TargetIx(0), BUYER), Intent::Revocation { in_vain: TRIES });
        }
    }
    (if lifts == Lifts::Flapping { Verb::Grant } else { Verb::Revoke }, scene)
}

#[test]
fn an_approval_lifts_its_own_kind_of_hold_and_no_other() {
    for held in Lifts::ALL {
        for approved in Lifts::ALL {
            let (verb, mut scene) = held_for(held);
            let before = holds(&scene.plan());
            assert_eq!((before.len(), before[0].3.lifts()), (1, Some(held)), "{held:?}: {before:?}");
            scene.constraints.approved.insert((approved, verb, TargetIx(0), BUYER));
            let goes = actions(&scene.plan()) == [(verb, 0, 0)];
            assert_eq!(goes, approved == held, "held for {held:?}, approved {approved:?}");
        }
    }
}

/// They are the names of the holds, and stand in stores.
#[test]
fn the_words_of_approvals_stay_what_they_are() {
    let words = [
        "OverLimit",
        "FreshLedger",
        "ClockDoubtful",
        "Unverified",
        "Flapping",
        "Stuck",
        "Settling role",
        "Settling user",
        "Settling prune",
    ];
    assert_eq!(Lifts::ALL.map(Lifts::word), words);
}

#[test]
fn a_person_s_word_stands_for_a_proof_that_is_nowhere() {
    let lost = purchase(1, Standing::Paid, 50 * DAY);
    let scene = || Scene::new(one_role(), &[]).owned(0, lost);
    assert_eq!(holds(&scene().plan())[0].3.lifts(), Some(Lifts::Proof));
    let approve = |mut scene: Scene| {
        scene.constraints.approved.insert((Lifts::Proof, Verb::Revoke, TargetIx(0), BUYER));
        scene
    };
    assert_eq!(actions(&approve(scene()).plan()), [(Verb::Revoke, 0, 0)]);

    // Not for what was not read: another order may be among it.
    let mut blind = approve(scene());
    blind.constraints.blind.insert(ProductIx(1));
    assert_eq!(actions(&blind.plan()), []);
    // And the holder is asked for all the same.
    let mut unasked = approve(scene());
    unasked.actual.targets[0].asked.clear();
    let plan = unasked.plan();
    assert_eq!(actions(&plan), []);
    assert!(plan.verify.holders.contains(&(TargetIx(0), BUYER)));
}

fn sets(scene: &Scene) -> Vec<HeldSet> {
    let users: Vec<UserId> = (0..100).map(|number| UserId::from(format!("user{number}"))).collect();
    held_sets(&scene.plan(), &scene.catalog, &users)
}

#[test]
fn a_membership_and_its_roles_are_approved_together() {
    let gone = refunded(1);
    let mut scene = Scene::new(organization(), &[gone]).owned(0, gone).owned(1, gone).rechecks(1, Recheck::Confirmed);
    scene.constraints.limits.revocations = NONE;
    let together = sets(&scene);
    assert_eq!(together.len(), 1, "{together:?}");
    for (verb, target, user) in &together[0].cells {
        scene.constraints.approved.insert((together[0].lifts, *verb, *target, *user));
    }
    assert_eq!(actions(&scene.plan()), [(Verb::Revoke, 1, 0), (Verb::Revoke, 0, 0)]);
}

/// Two roles, and a refund of what gave both.
fn two_roles() -> Scene {
    let both = catalog(&[role("beta"), role("paid")], vec![rule("life", &[0, 1])]);
    let gone = refunded(1);
    Scene::new(both, &[gone]).owned(0, gone).owned(1, gone).rechecks(1, Recheck::Confirmed)
}

/// What stands in the way of each target is a question of its own; what stands in the way of all is one.
#[test]
fn a_set_is_one_target_where_each_is_a_question_of_its_own() {
    let mut each = two_roles();
    each.constraints.limits.revocations = NONE;
    let mut all = two_roles();
    all.ledger.tally.iter_mut().for_each(|tally| tally.base = 1);
    all.constraints.limits.revocations = Limit { percent: 0.0, floor: 1 };
    let doubted = two_roles().rechecks(1, Recheck::Failed);
    let mut fresh = two_roles();
    fresh.constraints.ledger = LedgerTrust::Fresh;
    let mut clock = two_roles();
    clock.catalog.products[0].grace = days(1);
    clock.constraints.clock = Clock { logto: Some(3_600), ..Clock::default() };
    for (scene, number, hold) in
        [(each, 2, "each"), (all, 1, "all"), (doubted, 2, "doubted"), (fresh, 1, "fresh"), (clock, 1, "clock")]
    {
        assert_eq!(scene.plan().held.len(), 2, "{hold}");
        assert_eq!(sets(&scene).len(), number, "{hold}: {:?}", sets(&scene));
    }
    let bought = Purchase { standing: Standing::Paid, ..refunded(1) };
    let mut lost = Scene::new(two_roles().catalog, &[bought]).owned(0, bought).owned(1, bought);
    lost.actual.targets.iter_mut().for_each(|target| target.holders.clear());
    lost.constraints.flapping = [(TargetIx(0), BUYER), (TargetIx(1), BUYER)].into();
    assert_eq!(sets(&lost).len(), 2, "{:?}", sets(&lost));
}

#[test]
fn what_the_shop_ends_and_what_the_file_ends_are_two_questions() {
    let by_shop = refunded(1);
    let by_file = Purchase { user: UserIx(1), product: ProductIx(2), ..purchase(2, Standing::Paid, 50 * DAY) };
    let mut scene =
        Scene::new(one_role(), &[by_shop, by_file]).owned(0, by_shop).owned(0, by_file).rechecks(1, Recheck::Confirmed);
    scene.constraints.limits.revocations = NONE;
    let [shop, file] = &sets(&scene)[..] else { panic!("{:?}", sets(&scene)) };
    assert_ne!(shop.digest, file.digest);
    scene.constraints.approved.insert((shop.lifts, Verb::Revoke, TargetIx(0), BUYER));
    assert_eq!(actions(&scene.plan()), [(Verb::Revoke, 0, 0)]);
    assert_eq!(sets(&scene), std::slice::from_ref(file), "the other question is as it was");
}
