//! Orders that cannot be read, under `prune: exclusive`.

use entitled::model::{ProductIx, Prune, UserIx};
use entitled::planner::{Gap, Hold, Verb};

use super::Scene;
use crate::support::builders::worlds::{catalog, role, rule};

#[test]
fn exclusive_evicts_nobody_from_what_a_source_with_odd_orders_sells() {
    let two = catalog(&[role("beta"), role("paid-tier")], vec![rule("beta", &[0]), rule("pro", &[1])]);
    let mut scene = Scene::new(two, &[]);
    scene.constraints.prune = Prune::Exclusive;
    for target in &mut scene.actual.targets {
        target.holders.push(UserIx(7));
    }
    let evicted = |scene: &Scene| scene.plan().actions.iter().map(|action| action.target.at()).collect::<Vec<_>>();
    assert_eq!(evicted(&scene), [1, 0]);
    scene.constraints.unclear = [ProductIx(0)].into();
    assert_eq!(evicted(&scene), [1], "what another source sells is known");
    let held = scene.plan().held;
    assert_eq!((held.len(), held[0].action.verb, held[0].hold), (1, Verb::Revoke, Hold::Incomplete(Gap::Odd)));
}
