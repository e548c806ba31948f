//! Single plans worth reading: what each hold waits for, from orders to plan.

mod approvals;
mod careful;
pub(crate) mod desired;
pub(crate) mod exhaustive;
mod holds;
pub(crate) mod limits;
mod odd;
pub(crate) mod pairs;
pub(crate) mod properties;
mod turned;
mod undo;

use std::collections::BTreeSet;

use entitled::model::Recheck;
use entitled::model::{
    Catalog, Limit, Limits, OrderKey, Ownership, ProductIx, Prune, Purchase, Standing, Target, TargetIx, UserIx,
};
use entitled::planner::approval::Lifts;
use entitled::planner::desired::{Ending, desired};
use entitled::planner::input::{
    Actual, Coverage, Freeze, Holding, LedgerTrust, LedgerView, LimitUsage, NewRule, OwnedGrant, PlanConstraints, Rules,
};
use entitled::planner::limits::Over;
use entitled::planner::{Bound, Cause, Doubt, Gap, Hold, Plan, PlanInput, Verb, plan};

use crate::promises;
use crate::support::builders::worlds::{DAY, catalog, days, membership, organization_role, purchase, role, rule};

const NOW: i64 = 100 * DAY;
const BUYER: UserIx = UserIx(0);

/// A world of few words: every target is read whole and everybody was asked for; nothing is held or owned.
struct Scene {
    catalog: Catalog,
    purchases: Vec<Purchase>,
    actual: Actual,
    ledger: LedgerView,
    constraints: PlanConstraints,
}

impl Scene {
    fn new(catalog: Catalog, purchases: &[Purchase]) -> Self {
        let count = catalog.targets.len();
        let asked = (0..100).map(UserIx).collect::<Vec<_>>();
        let holding = Holding { coverage: Coverage::Whole, asked, ..Holding::default() };
        let limit = Limit { percent: 100.0, floor: 1_000 };
        Self {
            catalog,
            purchases: purchases.to_vec(),
            actual: Actual { targets: vec![holding; count] },
            ledger: LedgerView { targets: vec![vec![]; count], tally: vec![LimitUsage::default(); count] },
            constraints: PlanConstraints::new(
                Prune::Owned,
                Limits { revocations: limit, config_grants: limit },
                LedgerTrust::Seasoned,
            ),
        }
    }

    /// Held, and owned for that purchase.
    fn owned(mut self, target: u16, by: Purchase) -> Self {
        let at = usize::from(target);
        self.actual.targets[at].holders.push(by.user);
        let (user, order, product) = (by.user, Some(by.order), by.product);
        self.ledger.targets[at].push(OwnedGrant { user, order, product, ownership: Ownership::Granted });
        self.ledger.tally[at].base += 1;
        self
    }

    fn rechecks(mut self, order: u32, rechecks: Recheck) -> Self {
        self.constraints.rechecks.insert(OrderKey(order), rechecks);
        self
    }

    fn plan(&self) -> Plan {
        let desired = desired(&mut self.purchases.clone(), &self.catalog, NOW);
        let Self { catalog, actual, ledger, constraints, .. } = self;
        let world = PlanInput { catalog, desired: &desired, actual, ledger, constraints };
        let plan = plan(world);
        promises::hold(world, &plan);
        plan
    }
}

fn actions(plan: &Plan) -> Vec<(Verb, u16, u32)> {
    plan.actions.iter().map(|action| (action.verb, action.target.0, action.user.0)).collect()
}

fn holds(plan: &Plan) -> Vec<(Verb, u16, u32, Hold)> {
    let of = |held: &entitled::planner::Held| (held.action.verb, held.action.target.0, held.action.user.0, held.hold);
    plan.held.iter().map(of).collect()
}

fn one_role() -> Catalog {
    let mut month = rule("month", &[0]);
    month.valid_for = Some(days(30));
    catalog(&[role("paid")], vec![rule("life", &[0]), month, rule("gone", &[])])
}

fn organization() -> Catalog {
    catalog(&[membership("acme"), organization_role("acme", "editor")], vec![rule("team", &[0, 1])])
}

fn refunded(order: u32) -> Purchase {
    purchase(order, Standing::Refunded, 50 * DAY)
}

#[test]
fn a_refund_is_read_again_before_anything_is_taken() {
    let scene = || Scene::new(one_role(), &[refunded(1)]).owned(0, refunded(1));
    let waiting = scene().plan();
    assert_eq!(holds(&waiting), [(Verb::Revoke, 0, 0, Hold::Unverified(Doubt::NotAsked))]);
    assert_eq!(waiting.verify.orders, BTreeSet::from([OrderKey(1)]));
    assert_eq!(waiting.verify.holders, BTreeSet::from([(TargetIx(0), BUYER)]));
    for answer in [Recheck::Confirmed, Recheck::Unsupported] {
        let plan = scene().rechecks(1, answer).plan();
        assert_eq!(actions(&plan), [(Verb::Revoke, 0, 0)]);
        assert_eq!(plan.actions[0].why.cause, Cause::Ended(Ending::Refunded));
        assert!(plan.verify.is_empty());
    }
    let doubted = scene().rechecks(1, Recheck::Failed).plan();
    assert_eq!(holds(&doubted), [(Verb::Revoke, 0, 0, Hold::Unverified(Doubt::OrderUnconfirmed))]);
    assert!(doubted.verify.is_empty(), "it was asked already");
}

#[test]
fn what_a_new_count_of_units_ends_is_the_upgrades_doing_until_a_full_pass_has_settled_it() {
    let three = Purchase { product: ProductIx(1), quantity: 3, ..purchase(1, Standing::Paid, 60 * DAY) };
    let cause = |rules, quantity| {
        let mut scene = Scene::new(one_role(), &[Purchase { quantity, ..three }]).owned(0, three);
        scene.constraints.rules = rules;
        scene.plan().actions[0].why.cause
    };
    let upgrade = Cause::Upgrade(NewRule::Quantity);
    // Version 1 has settled what became of orders of sources that the file does not name, and not this.
    for (rules, expected) in
        [(Rules::NEW, upgrade), (Rules(1), upgrade), (Rules::SETTLED, Cause::Ended(Ending::Recounted))]
    {
        assert_eq!(cause(rules, 3), expected, "{rules:?}");
        assert_eq!(cause(rules, 1), Cause::Ended(Ending::Expired), "{rules:?}");
    }
}

#[test]
fn every_order_that_was_said_to_end_is_read_again() {
    // The month ended last, by the clock; the lifetime would still entitle if it were not refunded.
    let month = Purchase { product: ProductIx(1), ..purchase(2, Standing::Paid, 60 * DAY) };
    let scene = || Scene::new(one_role(), &[refunded(1), month, refunded(3)]).owned(0, month);
    let plan = scene().plan();
    assert_eq!(actions(&plan), []);
    assert_eq!(plan.verify.orders, BTreeSet::from([OrderKey(1), OrderKey(3)]), "the clock needs no witness");
    let plan = scene().rechecks(1, Recheck::Confirmed).plan();
    assert_eq!((actions(&plan), plan.verify.orders), (vec![], BTreeSet::from([OrderKey(3)])));
    let plan = scene().rechecks(1, Recheck::Confirmed).rechecks(3, Recheck::Failed).plan();
    assert_eq!(holds(&plan), [(Verb::Revoke, 0, 0, Hold::Unverified(Doubt::OrderUnconfirmed))]);
    let plan = scene().rechecks(1, Recheck::Confirmed).rechecks(3, Recheck::Unsupported).plan();
    assert_eq!(actions(&plan), [(Verb::Revoke, 0, 0)]);
    assert_eq!(plan.actions[0].why.cause, Cause::Ended(Ending::Expired));
}

#[test]
fn a_subscription_that_lapsed_is_read_again_since_it_may_have_been_renewed() {
    let lapsed = purchase(1, Standing::Subscribed, 0);
    let scene = || Scene::new(one_role(), &[lapsed]).owned(0, lapsed);
    let plan = scene().plan();
    assert_eq!((actions(&plan), plan.verify.orders), (vec![], BTreeSet::from([OrderKey(1)])));
    let plan = scene().rechecks(1, Recheck::Confirmed).plan();
    assert_eq!(actions(&plan), [(Verb::Revoke, 0, 0)]);
    assert_eq!(plan.actions[0].why.cause, Cause::Ended(Ending::Lapsed));
    let unread = scene().rechecks(1, Recheck::Failed).plan();
    assert_eq!(holds(&unread), [(Verb::Revoke, 0, 0, Hold::Unverified(Doubt::OrderUnconfirmed))]);
}

#[test]
fn orders_for_other_targets_need_not_be_read_again() {
    let two = catalog(&[role("a"), role("b")], vec![rule("a", &[0]), rule("b", &[1])]);
    let other = Purchase { product: ProductIx(1), ..refunded(2) };
    let plan = Scene::new(two, &[refunded(1), other]).owned(0, refunded(1)).rechecks(1, Recheck::Confirmed).plan();
    assert_eq!(actions(&plan), [(Verb::Revoke, 0, 0)]);
}

#[test]
fn the_end_of_another_order_proves_nothing_of_one_that_vanished() {
    let vanished = purchase(7, Standing::Paid, 0);
    let other_product = Purchase { product: ProductIx(1), ..refunded(1) };
    let somebody_elses = Purchase { user: UserIx(5), ..refunded(7) };
    let unpaid = purchase(7, Standing::Pending, 0);
    let same_order_for_another_product = Purchase { product: ProductIx(1), ..refunded(7) };
    for left in [refunded(1), other_product, somebody_elses, unpaid, same_order_for_another_product] {
        let scene = Scene::new(one_role(), &[refunded(1), left]).owned(0, vanished);
        let plan = scene.rechecks(1, Recheck::Confirmed).rechecks(7, Recheck::Confirmed).plan();
        assert_eq!(holds(&plan), [(Verb::Revoke, 0, 0, Hold::Unverified(Doubt::NoEvidence))], "{left:?}");
    }
    // Once it is there again, and has ended too, the two prove it.
    let scene = Scene::new(one_role(), &[refunded(1), refunded(7)]).owned(0, vanished);
    let plan = scene.rechecks(1, Recheck::Confirmed).rechecks(7, Recheck::Confirmed).plan();
    assert_eq!(actions(&plan), [(Verb::Revoke, 0, 0)]);
}

#[test]
fn a_commit_that_unmaps_a_product_is_evidence_by_itself() {
    let unmapped = Purchase { product: ProductIx(2), ..purchase(1, Standing::Paid, 0) };
    let plan = Scene::new(one_role(), &[unmapped]).owned(0, unmapped).plan();
    assert_eq!(actions(&plan), [(Verb::Revoke, 0, 0)]);
    let why = plan.actions[0].why;
    assert_eq!(
        (why.cause, why.order, why.product, why.line),
        (Cause::Unmapped, Some(OrderKey(1)), Some(ProductIx(2)), 0)
    );
    // The holder is asked for by id all the same.
    let mut scene = Scene::new(one_role(), &[unmapped]).owned(0, unmapped);
    scene.actual.targets[0].asked.clear();
    let plan = scene.plan();
    assert_eq!(holds(&plan), [(Verb::Revoke, 0, 0, Hold::Unverified(Doubt::NotAsked))]);
    assert!(plan.verify.orders.is_empty());
}

#[test]
fn a_target_that_is_gone_is_neither_given_nor_taken_whoever_was_asked() {
    for (coverage, gap) in [(Coverage::Missing, Gap::Missing), (Coverage::Unread, Gap::Unread)] {
        let sold = Purchase { user: UserIx(3), ..purchase(2, Standing::Paid, 0) };
        let mut scene =
            Scene::new(one_role(), &[refunded(1), sold]).owned(0, refunded(1)).rechecks(1, Recheck::Confirmed);
        scene.actual.targets[0].coverage = coverage;
        let incomplete = Hold::Incomplete(gap);
        assert_eq!(holds(&scene.plan()), [(Verb::Grant, 0, 3, incomplete), (Verb::Revoke, 0, 0, incomplete)]);
        scene.actual.targets[0].holders.clear();
        let plan = scene.plan();
        assert_eq!(holds(&plan), [(Verb::Grant, 0, 3, incomplete), (Verb::Revoke, 0, 0, incomplete)]);
        assert_eq!(plan.forget, [], "the ledger keeps what nobody can say is gone");
    }
}

#[test]
fn a_target_that_is_gone_from_logto_and_from_the_file_is_forgotten() {
    for (coverage, forgotten) in [(Coverage::Missing, true), (Coverage::Unread, false)] {
        let bought = Purchase { product: ProductIx(2), ..purchase(1, Standing::Paid, 0) };
        let mut scene = Scene::new(one_role(), &[bought]).owned(0, bought);
        scene.catalog.products.iter_mut().for_each(|rule| rule.entitlements.clear());
        scene.actual.targets[0].coverage = coverage;
        scene.actual.targets[0].holders.clear();
        let plan = scene.plan();
        assert_eq!(actions(&plan), []);
        assert_eq!(plan.forget.len(), usize::from(forgotten), "{coverage:?}");
        assert_eq!(plan.held.len(), usize::from(!forgotten), "{coverage:?}");
    }
}

#[test]
fn a_role_in_an_organization_waits_with_its_membership() {
    let bought = purchase(1, Standing::Paid, 0);
    let mut scene = Scene::new(organization(), &[bought]);
    assert_eq!(actions(&scene.plan()), [(Verb::Grant, 0, 0), (Verb::Grant, 1, 0)]);
    scene.actual.targets[0].coverage = Coverage::Unread;
    let unread = Hold::Incomplete(Gap::Unread);
    assert_eq!(holds(&scene.plan()), [(Verb::Grant, 0, 0, unread), (Verb::Grant, 1, 0, unread)]);
    scene.actual.targets[0].coverage = Coverage::Whole;
    scene.catalog.targets[0].protected = true;
    assert_eq!(holds(&scene.plan()), [(Verb::Grant, 0, 0, Hold::Protected), (Verb::Grant, 1, 0, Hold::Protected)]);
    // Of somebody else's membership it does not depend.
    scene.catalog.targets[0].protected = false;
    scene.purchases.push(Purchase { user: UserIx(1), order: OrderKey(2), ..bought });
    scene.actual.targets[0] = Holding { holders: vec![UserIx(1)], ..Holding::default() };
    scene.actual.targets[0].coverage = Coverage::Partial { seen: 1, total: 2 };
    let partial = Hold::Incomplete(Gap::Partial);
    let plan = scene.plan();
    assert_eq!(holds(&plan), [(Verb::Grant, 0, 0, partial), (Verb::Grant, 1, 0, partial)]);
    assert_eq!(actions(&plan), [(Verb::Grant, 1, 1)]);
}

#[test]
fn roles_of_other_organizations_do_not_keep_a_membership() {
    let targets = [
        membership("acme"),
        membership("zeta"),
        organization_role("acme", "editor"),
        organization_role("zeta", "editor"),
    ];
    let two = catalog(&targets, vec![rule("acme", &[0, 2]), rule("zeta", &[1, 3])]);
    let zeta = Purchase { product: ProductIx(1), ..purchase(2, Standing::Paid, 0) };
    let scene = Scene::new(two, &[refunded(1), zeta]).owned(0, refunded(1)).owned(2, refunded(1));
    let plan = scene.owned(1, zeta).owned(3, zeta).rechecks(1, Recheck::Confirmed).plan();
    assert_eq!(actions(&plan), [(Verb::Revoke, 2, 0), (Verb::Revoke, 0, 0)]);
    assert_eq!(holds(&plan), []);
}

#[test]
fn a_membership_stays_for_whatever_would_go_along() {
    let scene = || Scene::new(organization(), &[refunded(1)]).owned(0, refunded(1)).rechecks(1, Recheck::Confirmed);
    assert_eq!(actions(&scene().plan()), [(Verb::Revoke, 0, 0)]);
    // A role there that was given by hand; a role that nobody could look for; a role that is not managed.
    let mut by_hand = scene();
    by_hand.actual.targets[1].holders.push(BUYER);
    let mut unseen = scene();
    unseen.actual.targets[1] = Holding::default();
    let mut unmanaged = scene();
    unmanaged.actual.targets[0].tied.push(BUYER);
    for scene in [by_hand, unseen, unmanaged] {
        assert_eq!(holds(&scene.plan()), [(Verb::Revoke, 0, 0, Hold::Foreign)]);
    }
    // Nobody is asked about what stays anyway.
    let mut stays = scene();
    stays.actual.targets[0].tied.push(BUYER);
    stays.actual.targets[0].asked.clear();
    let plan = stays.plan();
    assert_eq!((holds(&plan), plan.verify.is_empty()), (vec![(Verb::Revoke, 0, 0, Hold::Foreign)], true));
    // A role that is ours, and whose holder was not asked for.
    let mut unproved = scene().owned(1, refunded(1));
    unproved.actual.targets[1].asked.clear();
    let not_asked = Hold::Unverified(Doubt::NotAsked);
    let plan = unproved.plan();
    assert_eq!(holds(&plan), [(Verb::Revoke, 0, 0, Hold::Foreign), (Verb::Revoke, 1, 0, not_asked)]);
}

/// `count` buyers of a lifetime, refunded or paid, one order each.
fn buyers(count: u32, standing: Standing) -> Vec<Purchase> {
    (0..count).map(|user| Purchase { user: UserIx(user), ..purchase(user, standing, 50 * DAY) }).collect()
}

#[test]
fn a_share_is_of_what_was_owned_before_the_day() {
    let refunds = buyers(3, Standing::Refunded);
    let scene = |base, revoked| {
        let mut scene = Scene::new(one_role(), &refunds);
        for refund in &refunds {
            scene = scene.owned(0, *refund).rechecks(refund.order.0, Recheck::Confirmed);
        }
        scene.constraints.limits.revocations = Limit { percent: 10.0, floor: 0 };
        scene.ledger.tally[0] = LimitUsage { base, revoked, config_granted: 0 };
        scene.plan()
    };
    assert_eq!(actions(&scene(30, 0)).len(), 3);
    let over = |bound, over| Hold::OverLimit(bound, over);
    let figures = Over { wanted: 3, spent: 0, allowed: 2, owned: 29 };
    assert_eq!(scene(29, 0).held[0].hold, over(Bound::Target(TargetIx(0)), figures));
    // Seven were taken today already: the measure is what there was before them.
    assert_eq!(actions(&scene(100, 7)).len(), 3);
    let figures = Over { wanted: 3, spent: 7, allowed: 9, owned: 99 };
    assert_eq!(scene(99, 7).held[0].hold, over(Bound::Target(TargetIx(0)), figures));
}

#[test]
fn grants_of_a_commit_are_held_against_what_was_owned_before_the_day() {
    let sold = buyers(3, Standing::Paid);
    let scene = |base, config_granted, ledger| {
        let mut scene = Scene::new(one_role(), &sold);
        scene.catalog.products[0].entitlements[0].new_since = Some(1_000);
        scene.constraints.limits.config_grants = Limit { percent: 10.0, floor: 0 };
        scene.constraints.ledger = ledger;
        scene.ledger.tally[0] = LimitUsage { base, revoked: 0, config_granted };
        scene.plan()
    };
    assert_eq!(actions(&scene(30, 0, LedgerTrust::Seasoned)).len(), 3);
    assert_eq!(actions(&scene(29, 0, LedgerTrust::Seasoned)).len(), 0);
    assert_eq!(actions(&scene(29, 0, LedgerTrust::Fresh)).len(), 3, "the first pass is what `plan` was for");
    assert_eq!(actions(&scene(70, 7, LedgerTrust::Seasoned)).len(), 0);
    let figures = Over { wanted: 3, spent: 7, allowed: 9, owned: 99 };
    assert_eq!(scene(99, 7, LedgerTrust::Seasoned).held[0].hold, Hold::OverLimit(Bound::Target(TargetIx(0)), figures));
    assert_eq!(actions(&scene(100, 7, LedgerTrust::Seasoned)).len(), 3);
}

#[test]
fn a_target_within_its_limit_may_still_exceed_the_total() {
    let two = catalog(&[role("a"), role("b")], vec![rule("a", &[0]), rule("b", &[1])]);
    let of_b: Vec<_> = buyers(2, Standing::Refunded)
        .into_iter()
        .map(|one| Purchase { product: ProductIx(1), order: OrderKey(10 + one.user.0), ..one })
        .collect();
    let of_a = buyers(2, Standing::Refunded);
    let mut scene = Scene::new(two, &[of_a.clone(), of_b.clone()].concat());
    for (target, purchases) in [(0, of_a), (1, of_b)] {
        for one in purchases {
            scene = scene.owned(target, one).rechecks(one.order.0, Recheck::Confirmed);
        }
    }
    scene.constraints.limits.revocations = Limit { percent: 0.0, floor: 3 };
    let plan = scene.plan();
    let figures = Over { wanted: 4, spent: 0, allowed: 3, owned: 4 };
    assert_eq!(actions(&plan), []);
    assert!(plan.held.iter().all(|held| held.hold == Hold::OverLimit(Bound::Total, figures)), "{:?}", plan.held);
    // One target over its own limit does not use up the total.
    scene.constraints.limits.revocations = Limit { percent: 0.0, floor: 2 };
    scene.ledger.tally[0].revoked = 1;
    let plan = scene.plan();
    assert_eq!(actions(&plan), [], "two and one spent are more than two in total");
    scene.ledger.tally[0].revoked = 0;
    scene.constraints.protected = vec![UserIx(1)];
    assert_eq!(actions(&scene.plan()), [(Verb::Revoke, 1, 0), (Verb::Revoke, 0, 0)]);
}

#[test]
fn exclusive_leaves_exactly_the_buyers() {
    let bought = purchase(1, Standing::Paid, 0);
    let mut scene = Scene::new(one_role(), &[bought]).owned(0, bought);
    scene.constraints.prune = Prune::Exclusive;
    scene.constraints.protected = vec![UserIx(8)];
    scene.actual.targets[0].holders.extend([UserIx(4), UserIx(8)]);
    let plan = scene.plan();
    assert_eq!(actions(&plan), [(Verb::Revoke, 0, 4)]);
    assert_eq!(holds(&plan), [], "who is protected is exempt");
    assert_eq!(plan.tallies[0].kept, 1, "and counted");
    scene.actual.targets[0].coverage = Coverage::Partial { seen: 3, total: 4 };
    let partial = Hold::Incomplete(Gap::Partial);
    assert_eq!(holds(&scene.plan()), [(Verb::Revoke, 0, 4, partial)]);
}

#[test]
fn a_plan_is_empty_when_there_is_nothing_to_do_or_to_report() {
    let bought = purchase(1, Standing::Paid, 0);
    assert!(Scene::new(one_role(), &[bought]).owned(0, bought).plan().is_empty());
    let mut adopts = Scene::new(one_role(), &[bought]);
    assert!(!adopts.plan().is_empty(), "a grant");
    adopts.actual.targets[0].holders.push(BUYER);
    assert!(!adopts.plan().is_empty(), "an adoption");
    assert!(!Scene::new(one_role(), &[refunded(1)]).owned(0, refunded(1)).plan().is_empty(), "a hold");
}

#[test]
fn targets_come_in_the_order_in_which_grants_are_made() {
    let mut targets: Vec<Target> = vec![role("a"), organization_role("a", "b"), membership("b")];
    targets.sort();
    assert_eq!(targets, [membership("b"), organization_role("a", "b"), role("a")]);
}

/// Paid long ago, for a month: the clock alone says that it has ended.
#[test]
fn a_source_that_cannot_be_read_may_hide_a_renewal() {
    let expired = Purchase { product: ProductIx(1), ..purchase(1, Standing::Paid, 10 * DAY) };
    let scene = || Scene::new(one_role(), &[expired]).owned(0, expired);
    assert_eq!(actions(&scene().plan()), [(Verb::Revoke, 0, 0)]);

    let mut blind = scene();
    blind.constraints.blind.insert(ProductIx(1));
    assert_eq!(holds(&blind.plan()), [(Verb::Revoke, 0, 0, Hold::Incomplete(Gap::Source))]);

    let mut elsewhere = scene();
    elsewhere.constraints.blind.insert(ProductIx(0));
    assert_eq!(actions(&elsewhere.plan()), [(Verb::Revoke, 0, 0)], "another product's source is not asked");
}

#[test]
fn exclusive_evicts_nobody_while_a_source_cannot_be_read() {
    let mut scene = Scene::new(one_role(), &[]);
    scene.constraints.prune = Prune::Exclusive;
    scene.actual.targets[0].holders.push(BUYER);
    assert_eq!(actions(&scene.plan()), [(Verb::Revoke, 0, 0)]);
    scene.constraints.blind.insert(ProductIx(0));
    assert_eq!(holds(&scene.plan()), [(Verb::Revoke, 0, 0, Hold::Incomplete(Gap::Source))]);
}

#[test]
fn exclusive_leaves_alone_what_the_file_names_no_more() {
    let mut catalog = one_role();
    catalog.products.iter_mut().for_each(|rule| rule.entitlements.clear());
    let mut scene = Scene::new(catalog, &[]);
    scene.constraints.prune = Prune::Exclusive;
    scene.actual.targets[0].holders.push(BUYER);
    let plan = scene.plan();
    assert_eq!((actions(&plan), plan.tallies[0].foreign), (vec![], 1));
}

#[test]
fn what_somebody_approved_passes_the_limit_and_a_fresh_ledger_and_nothing_else() {
    let over = || {
        let mut scene = Scene::new(one_role(), &[refunded(1)]).owned(0, refunded(1)).rechecks(1, Recheck::Confirmed);
        scene.constraints.limits.revocations = Limit { percent: 0.0, floor: 0 };
        scene
    };
    assert!(matches!(holds(&over().plan())[..], [(Verb::Revoke, 0, 0, Hold::OverLimit(Bound::Target(_), _))]));
    let approve_of = |lifts, mut scene: Scene| {
        scene.constraints.approved.insert((lifts, Verb::Revoke, TargetIx(0), BUYER));
        scene
    };
    let approve = |scene| approve_of(Lifts::FreshLedger, approve_of(Lifts::Limit, scene));
    assert_eq!(actions(&approve(over()).plan()), [(Verb::Revoke, 0, 0)]);

    let mut fresh = over();
    fresh.constraints.ledger = LedgerTrust::Fresh;
    assert_eq!(holds(&fresh.plan()), [(Verb::Revoke, 0, 0, Hold::FreshLedger)]);
    assert_eq!(actions(&approve(fresh).plan()), [(Verb::Revoke, 0, 0)]);

    let mut protected = approve(over());
    protected.constraints.protected.push(BUYER);
    assert_eq!(holds(&protected.plan()), [(Verb::Revoke, 0, 0, Hold::Protected)]);
    let doubted = approve(over().rechecks(1, Recheck::Failed));
    assert_eq!(holds(&doubted.plan()), [(Verb::Revoke, 0, 0, Hold::Unverified(Doubt::OrderUnconfirmed))]);
}

#[test]
fn a_freeze_stops_revocations_or_everything() {
    let buys = purchase(2, Standing::Paid, 50 * DAY);
    let other = Purchase { user: UserIx(1), ..buys };
    let scene = |freeze| {
        let mut scene =
            Scene::new(one_role(), &[refunded(1), other]).owned(0, refunded(1)).rechecks(1, Recheck::Confirmed);
        scene.constraints.freeze = freeze;
        scene.plan()
    };
    assert_eq!(actions(&scene(Freeze::Nothing)), [(Verb::Grant, 0, 1), (Verb::Revoke, 0, 0)]);
    assert_eq!(actions(&scene(Freeze::Revocations)), [(Verb::Grant, 0, 1)]);
    let frozen = scene(Freeze::Everything);
    let expected = [(Verb::Grant, 0, 1, Hold::Frozen), (Verb::Revoke, 0, 0, Hold::Frozen)];
    assert_eq!((actions(&frozen), &holds(&frozen)[..]), (vec![], &expected[..]));
}

#[test]
fn a_grant_that_somebody_keeps_taking_away_is_not_fought_over() {
    let bought = purchase(1, Standing::Paid, 50 * DAY);
    let mut scene = Scene::new(one_role(), &[bought]).owned(0, bought);
    scene.actual.targets[0].holders.clear();
    assert_eq!(scene.plan().actions[0].why.cause, Cause::Drift);
    scene.constraints.flapping.insert((TargetIx(0), BUYER));
    assert_eq!(holds(&scene.plan()), [(Verb::Grant, 0, 0, Hold::Flapping)]);
}

#[test]
fn what_somebody_released_is_not_adopted_again() {
    let mut scene = Scene::new(one_role(), &[purchase(1, Standing::Paid, 50 * DAY)]);
    scene.actual.targets[0].holders.push(BUYER);
    assert_eq!(scene.plan().adopt.len(), 1);
    scene.constraints.released.insert((TargetIx(0), BUYER));
    assert!(scene.plan().is_empty());
}
