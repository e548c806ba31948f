//! What a version of the file forbids for a while, and what is taken back of what one did: each condition alone.

use entitled::model::{Ownership, ProductIx, Prune, Purchase, Recheck, Standing, TargetIx};
use entitled::planner::{Hold, Safeguard, Verb};

use super::{BUYER, Scene, actions, holds, one_role, refunded};
use crate::support::builders::worlds::{DAY, purchase};

const UNTIL: i64 = 150 * DAY;

/// What is ours, by a product that gives nothing any more.
fn unmapped() -> Scene {
    let bought = Purchase { product: ProductIx(2), ..purchase(1, Standing::Paid, 0) };
    Scene::new(one_role(), &[bought]).owned(0, bought)
}

/// What is ours, by an order that was refunded.
fn ended() -> Scene {
    Scene::new(one_role(), &[refunded(1)]).owned(0, refunded(1)).rechecks(1, Recheck::Confirmed)
}

#[test]
fn only_what_a_version_gave_and_the_file_ends_is_taken_back() {
    let undone = |scene: &Scene| scene.plan().undone.len();
    let given = |mut scene: Scene| {
        scene.constraints.undoes.insert((Verb::Revoke, TargetIx(0), BUYER));
        scene
    };
    assert_eq!(undone(&given(unmapped())), 1);
    assert_eq!(undone(&unmapped()), 0, "no version gave it");
    assert_eq!(undone(&given(ended())), 0, "the shop ends it");
    let mut adopted = given(unmapped());
    adopted.ledger.targets[0][0].ownership = Ownership::Adopted;
    assert_eq!(actions(&adopted.plan()), [(Verb::Revoke, 0, 0)]);
    assert_eq!(undone(&adopted), 0, "it was somebody's before");
}

/// What is settled is that the role is given, or that what ends is taken: not the other one of the two.
#[test]
fn what_is_settled_lets_nothing_else_through() {
    let role = |settled: bool| {
        let mut scene = ended();
        scene.constraints.earlier.roles.insert(TargetIx(0), UNTIL);
        if settled {
            scene.constraints.earlier.settled.insert((Safeguard::Role, TargetIx(0)));
        }
        scene
    };
    for settled in [false, true] {
        let held = [(Verb::Revoke, 0, 0, Hold::Settling(Safeguard::Role, UNTIL))];
        assert_eq!(holds(&role(settled).plan()), held, "to give it is settled, to take it is not");
    }
    let mut sold = Scene::new(one_role(), &[purchase(1, Standing::Paid, 50 * DAY)]);
    sold.constraints.earlier.roles.insert(TargetIx(0), UNTIL);
    assert_eq!(holds(&sold.plan()), [(Verb::Grant, 0, 0, Hold::Settling(Safeguard::Role, UNTIL))]);
    sold.constraints.earlier.settled.insert((Safeguard::Role, TargetIx(0)));
    assert_eq!(actions(&sold.plan()), [(Verb::Grant, 0, 0)]);

    let mut taken = ended();
    taken.constraints.earlier.prune.push((Prune::Never, UNTIL));
    assert_eq!(holds(&taken.plan()), [(Verb::Revoke, 0, 0, Hold::Settling(Safeguard::Prune, UNTIL))]);
    taken.constraints.earlier.settled.insert((Safeguard::Prune, TargetIx(0)));
    assert_eq!(actions(&taken.plan()), [(Verb::Revoke, 0, 0)]);

    // Nobody's orders ever ended what an exclusive file puts out: that is looked at one by one.
    let mut put_out = Scene::new(one_role(), &[]);
    put_out.constraints.prune = Prune::Exclusive;
    put_out.actual.targets[0].holders.push(BUYER);
    put_out.constraints.earlier.prune.push((Prune::Owned, UNTIL));
    put_out.constraints.earlier.settled.insert((Safeguard::Prune, TargetIx(0)));
    assert_eq!(holds(&put_out.plan()), [(Verb::Revoke, 0, 0, Hold::Settling(Safeguard::Prune, UNTIL))]);
}

/// By an address, by an id, by two orders: whichever protects somebody for the longest.
#[test]
fn who_is_protected_twice_is_protected_until_the_later_end() {
    let mut scene = unmapped();
    scene.constraints.earlier.protect([(BUYER, UNTIL - DAY), (BUYER, UNTIL)]);
    scene.constraints.earlier.protect([(BUYER, UNTIL - 2 * DAY)]);
    assert_eq!(holds(&scene.plan()), [(Verb::Revoke, 0, 0, Hold::Settling(Safeguard::User, UNTIL))]);
}
