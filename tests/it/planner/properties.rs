//! Random orders, catalogs, holdings and ledgers against what must hold of all of them.
//!
//! A failure prints the smallest world that shows it and the one command that finds it again.

use std::collections::BTreeMap;

use entitled::model::Recheck;
use entitled::model::{
    Adopt, Catalog, Limit, Limits, OrderKey, Ownership, Policy, ProductIx, Prune, Purchase, Rule, Standing, Target,
    TargetIx, UserIx, Verdict,
};
use entitled::planner::approval::Lifts;
use entitled::planner::desired::{Desired, desired};
use entitled::planner::input::{
    Actual, Clock, Coverage, Earlier, Freeze, Holding, LedgerTrust, LedgerView, LimitUsage, Mover, OwnedGrant,
    PlanConstraints, Rules, Turn,
};
use entitled::planner::{Action, Intent, Plan, PlanInput, Safeguard, Verb, plan};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, RngSeed, TestRunner};

use crate::promises;
use crate::support::builders::worlds::{DAY, catalog, days, membership, organization_role, role, rule};
use crate::support::oracle::aftermath;

const NOW: i64 = 60 * DAY;
const USERS: u32 = 4;
const PRODUCTS: u16 = 4;
const TARGETS: usize = 4;
const MEMBERSHIP: usize = 0;
const ORGANIZATION_ROLE: usize = 1;

/// Runs a property over many worlds. `PROPTEST_CASES` says how many.
fn check<T: std::fmt::Debug>(name: &str, worlds: impl Strategy<Value = T>, property: impl Fn(T)) {
    let config = Config::default();
    let seed = match config.rng_seed {
        RngSeed::Fixed(seed) => seed,
        RngSeed::Random => fastrand::u64(..),
    };
    let config = Config {
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        max_shrink_iters: config.max_shrink_iters.min(2_000),
        ..config
    };
    let outcome = TestRunner::new(config).run(&worlds, |world| {
        property(world);
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}\nreplay: PROPTEST_RNG_SEED={seed} cargo test --test it properties::{name}");
    }
}

/// A whole world, owned.
#[derive(Clone, Debug)]
struct Any {
    catalog: Catalog,
    purchases: Vec<Purchase>,
    actual: Actual,
    ledger: LedgerView,
    constraints: PlanConstraints,
}

impl Any {
    /// Without the word of a person, which may stand in the place of a proof that is nowhere.
    fn by_itself(mut self) -> Self {
        self.constraints.approved.retain(|(lifts, ..)| *lifts != Lifts::Proof);
        self
    }

    fn desired(&self) -> Desired {
        desired(&mut self.purchases.clone(), &self.catalog, NOW)
    }

    fn with<T>(&self, plan_pass: impl FnOnce(PlanInput<'_>, &Plan) -> T) -> T {
        let (desired, Self { catalog, actual, ledger, constraints, .. }) = (self.desired(), self);
        let world = PlanInput { catalog, desired: &desired, actual, ledger, constraints };
        plan_pass(world, &plan(world))
    }

    fn plan(&self) -> Plan {
        self.with(|_, plan| plan.clone())
    }

    fn maps(&self, product: ProductIx, target: TargetIx) -> bool {
        self.catalog.rule(product).entitlements.iter().any(|gives| gives.target == target)
    }

    fn owned(&self, action: &Action) -> Option<OwnedGrant> {
        self.ledger.find(action.target, action.user).copied()
    }

    fn with_purchases(&self, purchases: Vec<Purchase>) -> Self {
        Self { purchases, ..self.clone() }
    }
}

fn changes(plan: &Plan, verb: Verb) -> Vec<(TargetIx, UserIx)> {
    plan.actions.iter().filter(|action| action.verb == verb).map(|action| (action.target, action.user)).collect()
}

fn policy() -> impl Strategy<Value = Policy> {
    select(&[Policy::Keep, Policy::Revoke][..])
}

/// What an order behind a grant may say now.
const TURNS: [Turn; 6] =
    [Turn::Exchanged, Turn::Alike, Turn::Moved(Mover::Shop), Turn::Moved(Mover::Commit), Turn::Dropped, Turn::Unknown];

fn every_target() -> [Target; TARGETS] {
    [membership("acme"), organization_role("acme", "editor"), role("beta"), role("paid")]
}

prop_compose! {
    fn any_rule()(
        gives in prop::array::uniform4(any::<bool>()),
        valid_for in select(&[None, Some(10), Some(45)][..]),
        grace in select(&[0, 3][..]),
        policies in prop::array::uniform3(policy()),
        new_since in select(&[None, Some(50)][..]),
        replaces in prop::option::weighted(0.3, 0..4_u16),
    ) -> Rule {
        let given = |at: &u16| {
            let at = usize::from(*at);
            // An organization role implies the membership.
            gives[at] || (at == MEMBERSHIP && gives[ORGANIZATION_ROLE])
        };
        let targets: Vec<u16> = (0..4).filter(given).collect();
        let mut rule = rule("any", &targets);
        rule.valid_for = valid_for.map(days);
        rule.grace = days(grace);
        [rule.on_refund, rule.on_partial_refund, rule.on_dispute] = policies;
        for gives in &mut rule.entitlements {
            gives.new_since = new_since;
            gives.replaces = replaces.map(|at| every_target()[usize::from(at)].clone());
        }
        rule
    }
}

prop_compose! {
    /// The last product maps to nothing: only the ledger still knows it.
    fn any_catalog()(
        mut rules in prop::collection::vec(any_rule(), usize::from(PRODUCTS)),
        protected in prop::option::weighted(0.2, 0..TARGETS),
    ) -> Catalog {
        rules.push(rule("gone", &[]));
        let mut catalog = catalog(&every_target(), rules);
        if let Some(at) = protected {
            catalog.targets[at].protected = true;
        }
        catalog
    }
}

prop_compose! {
    fn any_purchase()(
        user in 0..USERS,
        product in 0..=PRODUCTS,
        at in 0..=60_i64,
        standing in prop_oneof![2 => Just(Standing::Paid), 3 => select(&Standing::ALL[..])],
        quantity in 0..3_u8,
        seen in 0..100_u32,
        slack in 0..3_u32,
    ) -> Purchase {
        let (user, product) = (UserIx(user), ProductIx(product));
        Purchase { user, product, at: at * DAY, order: OrderKey(0), standing, quantity, seen, slack: slack * 86_400 }
    }
}

prop_compose! {
    fn any_purchases()(mut purchases in prop::collection::vec(any_purchase(), 0..14)) -> Vec<Purchase> {
        for (order, purchase) in (0..).zip(&mut purchases) {
            purchase.order = OrderKey(order);
        }
        purchases
    }
}

fn users(bits: u8) -> Vec<UserIx> {
    (0..USERS).filter(|user| bits >> user & 1 == 1).map(UserIx).collect()
}

prop_compose! {
    fn any_actual()(
        mut held in prop::array::uniform4(0..16_u8),
        asked in prop::array::uniform4(prop_oneof![Just(15), 0..16_u8]),
        tied in prop_oneof![Just(0), 0..16_u8],
        coverage in prop::array::uniform4(prop_oneof![
            4 => Just(Coverage::Whole),
            1 => Just(Coverage::Partial { seen: 1, total: 2 }),
            1 => Just(Coverage::Asked),
            1 => select(&[Coverage::Unread, Coverage::Missing][..]),
        ]),
    ) -> Actual {
        held[MEMBERSHIP] |= held[ORGANIZATION_ROLE] | tied;
        let holding = |at: usize| Holding {
            holders: users(held[at]),
            coverage: coverage[at],
            asked: users(asked[at]),
            tied: if at == MEMBERSHIP { users(tied) } else { vec![] },
        };
        Actual { targets: (0..TARGETS).map(holding).collect() }
    }
}

prop_compose! {
    fn any_owned()(order in prop::option::weighted(0.9, 0..16_u32), product in 0..=PRODUCTS) -> OwnedGrant {
        let (order, product) = (order.map(OrderKey), ProductIx(product));
        OwnedGrant { user: UserIx(0), order, product, ownership: Ownership::Granted }
    }
}

/// A ledger whose rows name, mostly, a purchase that there is.
fn any_ours(purchases: Vec<Purchase>) -> impl Strategy<Value = LedgerView> {
    let row = (prop::option::of(any_owned()), prop::bool::weighted(0.7), any::<Index>());
    let rows = prop::collection::vec(row, TARGETS * USERS as usize);
    let spent = prop::collection::vec((0..3_u64, 0..3_u64, 0..8_u64), TARGETS);
    (rows, spent).prop_map(move |(rows, spent)| {
        let mut ledger = LedgerView::default();
        for (of_target, (revoked, config_granted, elsewhere)) in rows.chunks(USERS as usize).zip(spent) {
            let row = |(user, (owned, real, pick)): (u32, &(Option<OwnedGrant>, bool, Index))| {
                let mut owned = OwnedGrant { user: UserIx(user), ..(*owned)? };
                let theirs: Vec<_> = purchases.iter().filter(|one| one.user == owned.user).collect();
                if *real && !theirs.is_empty() {
                    let one = theirs[pick.index(theirs.len())];
                    (owned.order, owned.product) = (Some(one.order), one.product);
                }
                Some(owned)
            };
            let rows: Vec<OwnedGrant> = (0..).zip(of_target).filter_map(row).collect();
            ledger.tally.push(LimitUsage { base: rows.len() as u64 + elsewhere, revoked, config_granted });
            ledger.targets.push(rows);
        }
        ledger
    })
}

fn limit() -> impl Strategy<Value = Limit> {
    let percent = prop_oneof![Just(0.0), Just(100.0), (1..100_u8).prop_map(f64::from)];
    let floor = prop_oneof![0..5_u32, Just(1_000)];
    (percent, floor).prop_map(|(percent, floor)| Limit { percent, floor })
}

const AMPLE: Limit = Limit { percent: 100.0, floor: 1_000 };

fn any_intent() -> impl Strategy<Value = Intent> {
    prop_oneof![Just(Intent::Grant), (0..5_u32).prop_map(|in_vain| Intent::Revocation { in_vain })]
}

/// Mostly none that still counts.
fn any_earlier(ample: bool) -> impl Strategy<Value = Earlier> {
    let prune = prop::collection::vec((select(&[Prune::Never, Prune::Owned, Prune::Exclusive][..]), 0..9_i64), 0..3);
    let limits = (limit(), limit()).prop_map(|(revocations, config_grants)| Limits { revocations, config_grants });
    let limits = prop::collection::vec(limits, 0..3);
    let roles = prop::collection::btree_map((0..TARGETS as u16).prop_map(TargetIx), 0..9_i64, 0..3);
    let users = prop::collection::btree_map((0..USERS).prop_map(UserIx), 0..9_i64, 0..3);
    let safeguard = select(&[Safeguard::Role, Safeguard::Prune][..]);
    let settled = prop::collection::btree_set((safeguard, (0..TARGETS as u16).prop_map(TargetIx)), 0..2);
    let parts = (prune, limits, roles, users, settled);
    let earlier = parts.prop_map(move |(prune, limits, roles, users, settled)| Earlier {
        settled,
        prune,
        limits: if ample { Vec::new() } else { limits },
        roles,
        users,
    });
    prop_oneof![3 => Just(Earlier::default()), 2 => earlier]
}

/// Mostly one that is right.
fn any_clock() -> impl Strategy<Value = Clock> {
    let orders = prop::collection::btree_map((0..16_u32).prop_map(OrderKey), Just(600_i64), 0..4);
    let off = (prop::option::of(Just(-600_i64)), orders).prop_map(|(logto, orders)| Clock { logto, orders });
    prop_oneof![5 => Just(Clock::default()), 2 => off]
}

prop_compose! {
    fn any_guard(ample: bool)(
        prune in select(&[Prune::Never, Prune::Owned, Prune::Owned, Prune::Exclusive][..]),
        revocations in limit(),
        config_grants in limit(),
        ledger in prop_oneof![1 => Just(LedgerTrust::Fresh), 4 => Just(LedgerTrust::Seasoned)],
        protected in prop_oneof![3 => Just(0), 1 => 0..16_u8],
        freeze in prop_oneof![
            6 => Just(Freeze::Nothing),
            1 => Just(Freeze::Revocations),
            1 => Just(Freeze::Everything),
        ],
        minded in prop::collection::vec((0..6_u16, 0..8_u32, 0..13_u8), 0..18),
        earlier in any_earlier(ample),
        open in prop::collection::btree_map((0..TARGETS as u16, 0..USERS), (any_intent(), any::<bool>()), 0..5),
        adopt in prop_oneof![3 => Just(Adopt::Explained), 1 => Just(Adopt::Never)],
        clock in any_clock(),
        blind in prop_oneof![4 => Just(None), 1 => (0..4_u16).prop_map(Some)],
        rechecks in prop::collection::vec(prop_oneof![
            3 => Just(Some(Recheck::Confirmed)),
            1 => Just(Some(Recheck::Unsupported)),
            1 => Just(Some(Recheck::Failed)),
            1 => Just(None),
        ], 16),
    ) -> PlanConstraints {
        let limits = if ample {
            Limits { revocations: AMPLE, config_grants: AMPLE }
        } else {
            Limits { revocations, config_grants }
        };
        let rechecks: BTreeMap<_, _> =
            (0..).zip(rechecks).filter_map(|(order, rechecks)| Some((OrderKey(order), rechecks?))).collect();
        let blind = blind.map(ProductIx).into_iter().collect();
        let of = |kind: u8| minded.iter().filter(move |one| one.2 == kind).map(|one| (TargetIx(one.0), UserIx(one.1)));
        let lifts = [(0, Lifts::Limit), (0, Lifts::FreshLedger), (6, Lifts::Clock), (6, Lifts::Proof), (1, Lifts::Flapping), (10, Lifts::Stuck), (6, Lifts::Settling(Safeguard::Role)), (1, Lifts::Settling(Safeguard::User)), (10, Lifts::Settling(Safeguard::Prune)),];
        let approved = lifts.into_iter().flat_map(|(kind, lifts)| {
            let both = move |(target, user)| [Verb::Revoke, Verb::Grant].map(|verb| (lifts, verb, target, user));
            of(kind).step_by(if kind == 1 { 2 } else { 1 }).flat_map(both)
        });
        let open = open.into_iter().map(|((target, user), asked)| ((TargetIx(target), UserIx(user)), asked));
        let open: BTreeMap<_, _> = open.collect();
        let today = open.iter().filter(|(_, (intent, today))| *today && *intent != Intent::Grant);
        PlanConstraints {
            counted: today.map(|(cell, _)| *cell).collect(),
            protected: users(protected),
            blind,
            freeze,
            earlier,
            undoes: of(12).flat_map(|(target, user)| [Verb::Grant, Verb::Revoke].map(|verb| (verb, target, user))).collect(),
            approved: approved.collect(),
            flapping: of(1).collect(),
            open: open.iter().map(|(cell, (intent, _))| (*cell, *intent)).collect(),
            released: of(2).collect(),
            turned: of(7).chain(of(8)).chain(of(9)).zip(TURNS.into_iter().cycle()).collect(),
            rules: if ample { Rules::SETTLED } else { Rules::NEW },
            rechecks,
            foreign: of(3).collect(),
            adopted_by_commit: of(4).chain(of(9)).collect(),
            // Where an order explains it, what was given again may be ours again.
            given_again: of(5).filter(|_| adopt == Adopt::Never).collect(),
            adopt,
            clock,
            ..PlanConstraints::new(prune, limits, ledger)
        }
    }
}

fn worlds(ample: bool) -> impl Strategy<Value = Any> {
    let parts = (any_catalog(), any_purchases(), any_actual(), any_guard(ample));
    parts.prop_flat_map(|(catalog, purchases, actual, constraints)| {
        any_ours(purchases.clone()).prop_map(move |ledger| Any {
            catalog: catalog.clone(),
            purchases: purchases.clone(),
            actual: actual.clone(),
            ledger,
            constraints: constraints.clone(),
        })
    })
}

/// A world whose limits are never met: what holds user by user is not to be seen through them.
fn ample() -> impl Strategy<Value = Any> {
    worlds(true)
}

#[test]
fn every_promise_is_kept() {
    check("every_promise_is_kept", worlds(false), |any| any.with(promises::hold));
}

#[test]
fn a_second_pass_is_empty() {
    check("a_second_pass_is_empty", worlds(false), |any| any.with(aftermath::settles));
}

#[test]
fn permuting_the_purchases_changes_nothing() {
    let shuffled = worlds(false).prop_flat_map(|any| {
        let purchases = Just(any.purchases.clone()).prop_shuffle();
        (Just(any), purchases)
    });
    check("permuting_the_purchases_changes_nothing", shuffled, |(any, purchases)| {
        let other = any.with_purchases(purchases);
        assert_eq!(any.desired(), other.desired());
        assert_eq!(any.plan(), other.plan());
    });
}

#[test]
fn what_is_taken_was_bought_once_and_is_not_any_more() {
    check("what_is_taken_was_bought_once_and_is_not_any_more", worlds(false), |any| {
        let any = any.by_itself();
        let plan = any.plan();
        for action in plan.actions.iter().filter(|action| action.verb == Verb::Revoke) {
            let on_target = |one: &&Purchase| one.user == action.user && any.maps(one.product, action.target);
            for purchase in any.purchases.iter().filter(on_target) {
                let rule = any.catalog.rule(purchase.product);
                // Ingested alone, without what other purchases add to it.
                let verdict = rule.verdict(purchase.standing);
                let alone = rule.valid_for.is_none_or(|valid| purchase.at + valid.as_secs() > NOW);
                assert!(verdict != Verdict::Entitles || !alone, "{action:?} although {purchase:?}");
                assert_ne!(verdict, Verdict::Undecided, "{action:?} although {purchase:?}");
                let slack = purchase.at + i64::from(purchase.slack) > NOW;
                assert!(verdict != Verdict::Lasts || !slack, "{action:?} although {purchase:?}");
                let grace = purchase.at + rule.grace.as_secs() > NOW;
                assert!(
                    !matches!(verdict, Verdict::Ends | Verdict::Lasts) || !grace,
                    "{action:?} although {purchase:?}"
                );
            }
            let Some(owned) = any.owned(action) else {
                assert_eq!(any.constraints.prune, Prune::Exclusive);
                continue;
            };
            let named = |one: &Purchase| Some(one.order) == owned.order && one.product == owned.product;
            let known = any.purchases.iter().any(|one| one.user == action.user && named(one));
            let turned = any.constraints.turned.contains_key(&(action.target, action.user));
            assert!(known || turned || !any.maps(owned.product, action.target), "{action:?} of {owned:?}");
        }
    });
}

#[test]
fn one_more_paid_order_takes_nothing_from_anybody() {
    check("one_more_paid_order_takes_nothing_from_anybody", (ample(), any_purchase()), |(any, new)| {
        let mut more = any.with_purchases(any.purchases.clone());
        let valid = more.catalog.rule(new.product).valid_for;
        if valid.is_some_and(|valid| new.at + valid.as_secs() <= NOW) {
            return;
        }
        more.purchases.push(Purchase { order: OrderKey(99), standing: Standing::Paid, ..new });
        let before = changes(&any.plan(), Verb::Revoke);
        for revoked in changes(&more.plan(), Verb::Revoke) {
            assert!(before.contains(&revoked), "{revoked:?}");
        }
    });
}

#[test]
fn an_order_that_becomes_unknown_changes_nothing_either_way() {
    check("an_order_that_becomes_unknown_changes_nothing_either_way", (ample(), any::<Index>()), |(any, pick)| {
        if any.purchases.is_empty() {
            return;
        }
        let mut blurred = any.clone();
        let at = pick.index(any.purchases.len());
        blurred.purchases[at].standing = Standing::Unknown;
        let (before, after) = (any.plan(), blurred.plan());
        for verb in [Verb::Grant, Verb::Revoke] {
            let before = changes(&before, verb);
            assert!(changes(&after, verb).iter().all(|one| before.contains(one)), "{:?}", after.actions);
        }
    });
}

#[test]
fn a_vanished_order_takes_nothing() {
    check("a_vanished_order_takes_nothing", (ample(), any::<Index>()), |(any, pick)| {
        if any.purchases.is_empty() {
            return;
        }
        let any = any.by_itself();
        let mut purchases = any.purchases.clone();
        let gone = purchases.swap_remove(pick.index(purchases.len()));
        let fewer = any.with_purchases(purchases);
        let before = changes(&any.plan(), Verb::Revoke);
        let desired = fewer.desired();
        for action in fewer.plan().actions {
            let Some(owned) = any.owned(&action) else { continue };
            // What an order says now is known only of one that is there.
            let turned = any.constraints.turned.contains_key(&(action.target, action.user));
            if action.verb != Verb::Revoke || !any.maps(owned.product, action.target) || turned {
                continue;
            }
            let new = !before.contains(&(action.target, action.user));
            let silent = desired.claim(action.target, action.user).is_none();
            assert!(!(new && silent), "nobody says anything of {action:?} any more");
            let its_own = (action.user, owned.order, owned.product) == (gone.user, Some(gone.order), gone.product);
            assert!(!its_own, "{action:?} after its own order vanished");
        }
    });
}

#[test]
fn nothing_is_taken_on_the_word_of_an_unread_target() {
    check("nothing_is_taken_on_the_word_of_an_unread_target", (ample(), 0..TARGETS), |(any, at)| {
        let mut unread = any.clone();
        unread.actual.targets[at] = Holding::default();
        let before = changes(&any.plan(), Verb::Revoke);
        for revoked in changes(&unread.plan(), Verb::Revoke) {
            assert!(before.contains(&revoked) && revoked.0.at() != at, "{revoked:?}");
        }
    });
}

#[test]
fn a_lost_ledger_only_adds() {
    check("a_lost_ledger_only_adds", worlds(false), |any| {
        let mut lost = any.clone();
        lost.ledger = LedgerView { targets: vec![vec![]; TARGETS], tally: vec![LimitUsage::default(); TARGETS] };
        // It is fresh; and even once it has seen a pass, it owns nothing that only the old one knew.
        // Approvals are kept in the same file, and are lost with it.
        lost.constraints.approved.clear();
        lost.constraints.ledger = LedgerTrust::Fresh;
        assert_eq!(changes(&lost.plan(), Verb::Revoke), []);
        lost.constraints.ledger = LedgerTrust::Seasoned;
        if lost.constraints.prune != Prune::Exclusive {
            assert_eq!(changes(&lost.plan(), Verb::Revoke), []);
        }
    });
}
