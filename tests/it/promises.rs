//! What must hold of every plan for every world, read off the promises and not off the planner.
//!
//! Each function is one promise. They look things up by plain search, so that a mistake in a merge or in a
//! binary search of the planner is not repeated here.

use std::collections::BTreeSet;

use entitled::config::settings::Limit;
use entitled::desired::{Claim, Ending, Origin, State};
use entitled::limits::Over;
use entitled::model::{OrderKey, Ownership, Prune, Target, TargetIx, UserIx};
use entitled::plan::{Action, Bound, Cause, Doubt, Gap, Hold, Plan, Verb, World, plan};
use entitled::world::{Actual, Coverage, LedgerAge, Ours, Owned, Reread};

type Cell = (TargetIx, UserIx);

/// Asserts every promise that can be seen in one plan.
pub(crate) fn hold(world: World<'_>, plan: &Plan) {
    let cells = cells(world);
    takes_only_what_is_owned(world, plan);
    takes_nothing_that_is_still_wanted(world, plan);
    takes_nothing_without_proof(world, plan);
    stays_within_the_limits(world, plan);
    only_adds_to_a_fresh_ledger(world, plan);
    touches_nothing_protected(world, plan);
    gives_only_what_is_bought_and_absent(world, plan);
    drops_nothing(world, plan, &cells);
    holds_with_reason(world, plan);
    explains_itself(world, plan);
    runs_in_an_order_that_works(world, plan);
    writes_down_what_is_ours(world, plan, &cells);
    counts(world, plan, &cells);
    asks_for_what_it_needs(world, plan);
}

fn cells(world: World<'_>) -> BTreeSet<Cell> {
    let mut cells = BTreeSet::new();
    for at in 0..world.catalog.targets.len() {
        let target = TargetIx(u16::try_from(at).expect("small"));
        cells.extend(world.desired.targets[at].iter().map(|claim| (target, claim.user)));
        cells.extend(world.actual.targets[at].holders.iter().map(|user| (target, *user)));
        cells.extend(world.ours.targets[at].iter().map(|owned| (target, owned.user)));
    }
    cells
}

fn claim(world: World<'_>, (target, user): Cell) -> Option<Claim> {
    world.desired.targets[target.at()].iter().find(|claim| claim.user == user).copied()
}

fn owned(world: World<'_>, (target, user): Cell) -> Option<Owned> {
    world.ours.targets[target.at()].iter().find(|owned| owned.user == user).copied()
}

fn is_asked(world: World<'_>, (target, user): Cell) -> bool {
    world.actual.targets[target.at()].asked.contains(&user)
}

/// `None`: nobody can say.
fn held(world: World<'_>, (target, user): Cell) -> Option<bool> {
    let holding = &world.actual.targets[target.at()];
    let listed = holding.holders.contains(&user);
    match holding.coverage {
        Coverage::Unread | Coverage::Missing => None,
        Coverage::Whole => Some(listed),
        Coverage::Partial { .. } | Coverage::Asked => (listed || is_asked(world, (target, user))).then_some(listed),
    }
}

fn wanted(world: World<'_>, cell: Cell) -> bool {
    claim(world, cell).is_some_and(|claim| claim.state == State::Entitled)
}

/// Entitled, or kept by an unknown standing or a grace.
fn kept(world: World<'_>, cell: Cell) -> bool {
    claim(world, cell).is_some_and(|claim| !matches!(claim.state, State::Ended(_)))
}

fn protected(world: World<'_>, (target, user): Cell) -> bool {
    world.catalog.targets[target.at()].protected || world.guard.protected.contains(&user)
}

fn of(plan: &Plan, verb: Verb) -> impl Iterator<Item = &Action> {
    plan.actions.iter().filter(move |action| action.verb == verb)
}

fn acts(plan: &Plan, verb: Verb, (target, user): Cell) -> bool {
    of(plan, verb).any(|action| (action.target, action.user) == (target, user))
}

fn cell(action: &Action) -> Cell {
    (action.target, action.user)
}

/// The managed roles of the organization whose membership `target` is.
fn roles_within(world: World<'_>, target: TargetIx) -> Vec<TargetIx> {
    let Target::Membership { organization } = &world.catalog.targets[target.at()].target else { return vec![] };
    let is_role =
        |target: &Target| matches!(target, Target::OrganizationRole { organization: of, .. } if of == organization);
    (0..).zip(&world.catalog.targets).filter(|(_, entry)| is_role(&entry.target)).map(|(at, _)| TargetIx(at)).collect()
}

/// The membership that the organization role `target` needs.
fn membership_for(world: World<'_>, target: TargetIx) -> Option<TargetIx> {
    (0..world.catalog.targets.len())
        .map(|at| TargetIx(u16::try_from(at).expect("small")))
        .find(|&membership| roles_within(world, membership).contains(&target))
}

/// Whether leaving takes something along that is not itself taken in this plan.
fn takes_along(world: World<'_>, plan: &Plan, (target, user): Cell) -> bool {
    world.actual.targets[target.at()].tied.contains(&user)
        || roles_within(world, target)
            .into_iter()
            .any(|role| held(world, (role, user)) != Some(false) && !acts(plan, Verb::Revoke, (role, user)))
}

/// What proves that a grant of ours may go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Evidence {
    /// What was bought has ended, and so has the very purchase that the grant was made for.
    End(Ending, OrderKey),
    /// The file does not map the product to the target.
    File,
    Nothing,
}

fn evidence(world: World<'_>, cell: Cell) -> Evidence {
    let Some(owned) = owned(world, cell) else { return Evidence::Nothing };
    let unmapped = !world.catalog.products[owned.product.at()].entitlements.iter().any(|gives| gives.target == cell.0);
    let known = owned.order.is_some_and(|order| world.desired.ended.contains(&(cell.1, owned.product, order)));
    match claim(world, cell) {
        Some(Claim { state: State::Ended(how), order, .. }) if known || unmapped => Evidence::End(how, order),
        _ if unmapped => Evidence::File,
        _ => Evidence::Nothing,
    }
}

/// The order that has to be read again before the evidence counts.
fn to_reread(evidence: Evidence) -> Option<OrderKey> {
    match evidence {
        Evidence::End(Ending::Refunded | Ending::Voided | Ending::Disputed, order) => Some(order),
        Evidence::End(Ending::Expired, _) | Evidence::File | Evidence::Nothing => None,
    }
}

fn takes_only_what_is_owned(world: World<'_>, plan: &Plan) {
    for action in of(plan, Verb::Revoke) {
        match world.guard.prune {
            Prune::Never => panic!("1: takes under `prune: never`: {action:?}"),
            Prune::Owned => assert!(owned(world, cell(action)).is_some(), "1: takes what is foreign: {action:?}"),
            Prune::Exclusive => {}
        }
        assert!(!takes_along(world, plan, cell(action)), "1: takes a role along that stays: {action:?}");
    }
}

fn takes_nothing_that_is_still_wanted(world: World<'_>, plan: &Plan) {
    for action in of(plan, Verb::Revoke) {
        assert!(!kept(world, cell(action)), "2: takes what an order keeps: {action:?}");
    }
}

fn takes_nothing_without_proof(world: World<'_>, plan: &Plan) {
    for action in of(plan, Verb::Revoke) {
        let cell = cell(action);
        let coverage = world.actual.targets[cell.0.at()].coverage;
        assert!(!matches!(coverage, Coverage::Unread | Coverage::Missing), "3: takes on an unread target: {action:?}");
        assert!(is_asked(world, cell), "3: takes from somebody who was not asked for by id: {action:?}");
        assert!(world.actual.targets[cell.0.at()].holders.contains(&cell.1), "3: takes what nobody saw: {action:?}");
        if owned(world, cell).is_some() {
            let evidence = evidence(world, cell);
            assert!(evidence != Evidence::Nothing, "3: takes without evidence: {action:?}");
            if let Some(order) = to_reread(evidence) {
                let reread = world.guard.reread.get(&order);
                let confirmed = matches!(reread, Some(Reread::Confirmed | Reread::Unsupported));
                assert!(confirmed, "3: takes without the order read again: {action:?}");
            }
        } else {
            let exact = matches!(coverage, Coverage::Whole | Coverage::Asked);
            assert!(exact, "3: takes by what a lossy walk did not show: {action:?}");
        }
    }
}

fn share(limit: Limit, base: u64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "tests use whole percentages")]
    let percent = limit.percent as u64;
    u64::from(limit.floor).max(base * percent / 100)
}

fn stays_within_the_limits(world: World<'_>, plan: &Plan) {
    let tallies = || world.ours.tally.iter();
    let measures: [(Verb, Limit, Vec<(u64, u64)>); 2] = [
        (
            Verb::Revoke,
            world.guard.limits.revocations,
            tallies().map(|tally| (tally.owned + tally.revoked, tally.revoked)).collect(),
        ),
        (
            Verb::Grant,
            world.guard.limits.config_grants,
            tallies().map(|tally| (tally.owned.saturating_sub(tally.config_granted), tally.config_granted)).collect(),
        ),
    ];
    for (verb, limit, bases) in measures {
        let free = verb == Verb::Grant && world.guard.ledger == LedgerAge::Fresh;
        let limited =
            |action: &Action| action.verb == verb && (verb == Verb::Revoke || action.why.cause == Cause::Commit);
        let made = |target: Option<TargetIx>| {
            let on = |action: &&Action| limited(action) && target.is_none_or(|target| action.target == target);
            plan.actions.iter().filter(on).count() as u64
        };
        let over = |target: Option<TargetIx>| {
            let bound = if target.is_some() { Bound::Target } else { Bound::Total };
            let holds = plan.held.iter().filter(|held| limited(&held.action));
            let on = holds.filter(|held| target.is_none_or(|target| held.action.target == target));
            on.filter_map(|held| match held.hold {
                Hold::OverLimit(of, over) if of == bound => Some(over),
                _ => None,
            })
            .collect::<Vec<_>>()
        };
        let total = bases.iter().fold((0, 0), |sum, of| (sum.0 + of.0, sum.1 + of.1));
        let each = (0..).zip(&bases).map(|(at, base)| (Some(TargetIx(at)), *base));
        for (target, (base, spent)) in each.chain([(None, total)]) {
            let allowed = share(limit, base);
            let (made, over) = (made(target), over(target));
            assert!(free || made == 0 || spent + made <= allowed, "4: {made} {verb:?} over {allowed} on {target:?}");
            if free {
                assert!(over.is_empty(), "4: the first pass grants without the limit");
            }
            if let Some(first) = over.first() {
                assert_eq!(made, 0, "4: what is over is held whole: {target:?}");
                let expected = Over { spent, allowed, owned: base, ..*first };
                assert!(over.iter().all(|each| *each == expected), "4: the figures of {target:?}: {over:?}");
                // A role that waits for its membership takes over the reason of the membership.
                let wanted = plan.held.iter().filter(|held| {
                    limited(&held.action) && matches!(held.hold, Hold::OverLimit(_, over) if over == *first)
                });
                assert!(first.wanted <= wanted.count() as u64, "4: counts what it does not hold");
                assert!(spent + first.wanted > allowed, "4: held although it fits: {first:?}");
            }
        }
    }
}

fn only_adds_to_a_fresh_ledger(world: World<'_>, plan: &Plan) {
    if world.guard.ledger == LedgerAge::Fresh {
        assert_eq!(of(plan, Verb::Revoke).next(), None, "9: a fresh ledger takes");
    }
}

fn touches_nothing_protected(world: World<'_>, plan: &Plan) {
    for action in &plan.actions {
        let cell = cell(action);
        match action.verb {
            Verb::Revoke => assert!(!protected(world, cell), "takes what is protected: {action:?}"),
            Verb::Grant => assert!(!world.catalog.targets[cell.0.at()].protected, "gives a protected role: {action:?}"),
            Verb::Adopt => panic!("an adoption changes nothing and is no action"),
        }
    }
}

fn gives_only_what_is_bought_and_absent(world: World<'_>, plan: &Plan) {
    for action in of(plan, Verb::Grant) {
        let cell = cell(action);
        assert!(wanted(world, cell), "gives what nobody bought: {action:?}");
        assert_eq!(held(world, cell), Some(false), "gives what is there, or may be: {action:?}");
        if let Some(membership) = membership_for(world, cell.0) {
            let member = held(world, (membership, cell.1)) == Some(true);
            let joins = acts(plan, Verb::Grant, (membership, cell.1));
            assert!(member || joins, "gives a role in an organization to a stranger: {action:?}");
        }
    }
}

/// Whether something has to happen to a grant, or to be withheld.
fn calls_for(world: World<'_>, cell: Cell) -> Option<Verb> {
    if wanted(world, cell) {
        return (held(world, cell) != Some(true)).then_some(Verb::Grant);
    }
    if kept(world, cell) {
        return None;
    }
    let goes = match (owned(world, cell), world.guard.prune) {
        (_, Prune::Never) | (None, Prune::Owned) => false,
        (Some(_), Prune::Owned | Prune::Exclusive) => held(world, cell) != Some(false),
        (None, Prune::Exclusive) => held(world, cell) == Some(true),
    };
    goes.then_some(Verb::Revoke)
}

fn drops_nothing(world: World<'_>, plan: &Plan, cells: &BTreeSet<Cell>) {
    let mut seen = BTreeSet::new();
    let held = plan.held.iter().map(|held| &held.action);
    for action in plan.actions.iter().chain(held) {
        assert!(seen.insert(cell(action)), "twice in one plan: {action:?}");
        assert_eq!(calls_for(world, cell(action)), Some(action.verb), "nothing calls for {action:?}");
    }
    for &cell in cells {
        assert_eq!(calls_for(world, cell).is_some(), seen.contains(&cell), "dropped: {cell:?}");
    }
}

fn holds_with_reason(world: World<'_>, plan: &Plan) {
    for one in &plan.held {
        let cell = cell(&one.action);
        let coverage = world.actual.targets[cell.0.at()].coverage;
        let evidence = evidence(world, cell);
        let reread = to_reread(evidence).map(|order| world.guard.reread.get(&order));
        let grant = one.action.verb == Verb::Grant;
        let like_membership = membership_for(world, cell.0).is_some_and(|membership| {
            grant
                && plan.held.iter().any(|other| {
                    other.action.verb == Verb::Grant
                        && (other.action.target, other.action.user) == (membership, cell.1)
                        && other.hold == one.hold
                })
        });
        let exclusive = owned(world, cell).is_none();
        let justified = match one.hold {
            Hold::Protected if grant => world.catalog.targets[cell.0.at()].protected,
            Hold::Protected => protected(world, cell),
            Hold::FreshLedger => !grant && world.guard.ledger == LedgerAge::Fresh,
            Hold::Incomplete(gap) => {
                let expected = match coverage {
                    Coverage::Unread => Gap::Unread,
                    Coverage::Missing => Gap::Missing,
                    Coverage::Partial { .. } | Coverage::Asked | Coverage::Whole => Gap::Partial,
                };
                let lossy = !grant && exclusive && matches!(coverage, Coverage::Partial { .. });
                gap == expected && (held(world, cell).is_none() || lossy)
            }
            // The figures are checked with the limits.
            Hold::OverLimit(..) => !grant || one.action.why.cause == Cause::Commit,
            Hold::Foreign => !grant && takes_along(world, plan, cell),
            Hold::Unverified(Doubt::NoEvidence) => !grant && !exclusive && evidence == Evidence::Nothing,
            Hold::Unverified(Doubt::OrderUnconfirmed) => !grant && reread == Some(Some(&Reread::Failed)),
            Hold::Unverified(Doubt::NotAsked) => {
                !grant
                    && (exclusive || evidence != Evidence::Nothing)
                    && (!is_asked(world, cell) || reread == Some(None))
            }
        };
        assert!(justified || like_membership, "held for no reason: {one:?}");
    }
}

fn explains_itself(world: World<'_>, plan: &Plan) {
    let held = plan.held.iter().map(|held| &held.action);
    for action in plan.actions.iter().chain(held).chain(&plan.adopt) {
        let (cell, why) = (cell(action), action.why);
        let claim = claim(world, cell);
        let line = |product: entitled::model::ProductIx| {
            let gives = &world.catalog.products[product.at()].entitlements;
            gives.iter().find(|gives| gives.target == cell.0).map_or(0, |gives| gives.line)
        };
        let by_claim = claim.is_some_and(|claim| {
            (why.order, why.product, why.at, why.line)
                == (Some(claim.order), Some(claim.product), claim.at, line(claim.product))
        });
        let by_ledger = owned(world, cell).is_some_and(|owned| {
            (why.order, why.product, why.line) == (owned.order, Some(owned.product), line(owned.product))
        });
        let explained = match (action.verb, why.cause) {
            (Verb::Grant, Cause::Drift) => by_claim && owned(world, cell).is_some(),
            (Verb::Grant | Verb::Adopt, Cause::Sale) => {
                by_claim && owned(world, cell).is_none() && claim.is_some_and(|claim| claim.origin == Origin::Sale)
            }
            (Verb::Grant | Verb::Adopt, Cause::Commit) => {
                by_claim && owned(world, cell).is_none() && claim.is_some_and(|claim| claim.origin == Origin::Commit)
            }
            (Verb::Revoke, Cause::Ended(how)) => by_claim && claim.map(|claim| claim.state) == Some(State::Ended(how)),
            (Verb::Revoke, Cause::Unmapped) => by_ledger,
            (Verb::Revoke, Cause::Exclusive) => owned(world, cell).is_none() && (why.order, why.line) == (None, 0),
            _ => false,
        };
        assert!(explained, "8: does not explain itself: {action:?}");
    }
}

fn runs_in_an_order_that_works(world: World<'_>, plan: &Plan) {
    let place = |verb, cell| plan.actions.iter().position(|action| (action.verb, self::cell(action)) == (verb, cell));
    for (at, action) in plan.actions.iter().enumerate() {
        for role in roles_within(world, action.target) {
            let Some(with) = place(action.verb, (role, action.user)) else { continue };
            match action.verb {
                Verb::Grant => assert!(at < with, "gives the role before the membership"),
                Verb::Revoke | Verb::Adopt => assert!(with < at, "takes the membership before the role"),
            }
        }
    }
    let key = |action: &Action| match action.verb {
        Verb::Grant => (0, i32::from(action.target.0), action.user),
        Verb::Revoke | Verb::Adopt => (1, -i32::from(action.target.0), action.user),
    };
    assert!(plan.actions.is_sorted_by_key(key), "actions out of order: {:?}", plan.actions);
    assert!(plan.held.is_sorted_by_key(|held| (held.action.verb, held.action.target, held.action.user)));
}

fn writes_down_what_is_ours(world: World<'_>, plan: &Plan, cells: &BTreeSet<Cell>) {
    let adopted: Vec<Cell> = plan.adopt.iter().map(cell).collect();
    let is =
        |cell: &&Cell| wanted(world, **cell) && held(world, **cell) == Some(true) && owned(world, **cell).is_none();
    assert_eq!(adopted, cells.iter().filter(is).copied().collect::<Vec<_>>(), "adopts");
    assert!(plan.adopt.iter().all(|action| action.verb == Verb::Adopt));
    let is =
        |cell: &&Cell| !kept(world, **cell) && held(world, **cell) == Some(false) && owned(world, **cell).is_some();
    assert_eq!(plan.forget, cells.iter().filter(is).copied().collect::<Vec<_>>(), "forgets");
}

fn counts(world: World<'_>, plan: &Plan, cells: &BTreeSet<Cell>) {
    assert_eq!(plan.tallies.len(), world.catalog.targets.len());
    for (at, tally) in (0..).zip(&plan.tallies) {
        let count = |is: &dyn Fn(Cell) -> bool| {
            cells.iter().filter(|(target, user)| target.0 == at && is((*target, *user))).count() as u64
        };
        let never = world.guard.prune == Prune::Never;
        assert_eq!(tally.desired, count(&|cell| wanted(world, cell)));
        assert_eq!(tally.actual, world.actual.targets[usize::from(at)].holders.len() as u64);
        let foreign = |cell| !kept(world, cell) && held(world, cell) == Some(true) && owned(world, cell).is_none();
        let exclusive = world.guard.prune == Prune::Exclusive;
        assert_eq!(tally.foreign, if exclusive { 0 } else { count(&foreign) });
        let only_kept = |cell| {
            let by_order = kept(world, cell) && !wanted(world, cell) && held(world, cell) == Some(true);
            let by_file =
                never && !kept(world, cell) && owned(world, cell).is_some() && held(world, cell) != Some(false);
            by_order || by_file
        };
        assert_eq!(tally.kept, count(&only_kept));
    }
}

/// What is held because nobody was asked yet is let through by the answers that the plan asks for.
fn asks_for_what_it_needs(world: World<'_>, plan: &Plan) {
    let waiting = |plan: &Plan| plan.held.iter().any(|held| held.hold == Hold::Unverified(Doubt::NotAsked));
    assert_eq!(waiting(plan), !plan.verify.is_empty(), "asks for {:?}", plan.verify);
    if plan.verify.is_empty() {
        return;
    }
    for order in &plan.verify.orders {
        assert!(!world.guard.reread.contains_key(order), "asks twice for {order:?}");
    }
    let mut actual = world.actual.clone();
    for (target, user) in &plan.verify.holders {
        insert(&mut actual.targets[target.at()].asked, *user);
    }
    let mut guard = world.guard.clone();
    guard.reread.extend(plan.verify.orders.iter().map(|order| (*order, Reread::Confirmed)));
    let informed = self::plan(World { actual: &actual, guard: &guard, ..world });
    assert!(!waiting(&informed), "asks again: {:?}", informed.held);
}

fn insert<T: Ord>(sorted: &mut Vec<T>, one: T) {
    if let Err(at) = sorted.binary_search(&one) {
        sorted.insert(at, one);
    }
}

/// The world after the plan was carried out and written down.
pub(crate) fn carried_out(world: World<'_>, plan: &Plan) -> (Actual, Ours) {
    let (mut actual, mut ours) = (world.actual.clone(), world.ours.clone());
    let row = |action: &Action, ownership| Owned {
        user: action.user,
        order: action.why.order,
        product: action.why.product.expect("whatever is given has a product"),
        ownership,
    };
    let write = |rows: &mut Vec<Owned>, row: Owned| match rows.binary_search_by_key(&row.user, |of| of.user) {
        Ok(at) => rows[at] = row,
        Err(at) => rows.insert(at, row),
    };
    for action in plan.actions.iter().chain(&plan.adopt) {
        let at = action.target.at();
        let (holding, rows, tally) = (&mut actual.targets[at], &mut ours.targets[at], &mut ours.tally[at]);
        match action.verb {
            Verb::Adopt => {
                write(rows, row(action, Ownership::Adopted));
                tally.owned += 1;
            }
            Verb::Grant => {
                insert(&mut holding.holders, action.user);
                insert(&mut holding.asked, action.user);
                tally.owned += u64::from(action.why.cause != Cause::Drift);
                tally.config_granted += u64::from(action.why.cause == Cause::Commit);
                write(rows, row(action, Ownership::Granted));
            }
            Verb::Revoke => {
                holding.holders.retain(|holder| *holder != action.user);
                let before = rows.len();
                rows.retain(|row| row.user != action.user);
                tally.owned -= (before - rows.len()) as u64;
                tally.revoked += 1;
            }
        }
    }
    for (target, user) in &plan.forget {
        ours.targets[target.at()].retain(|row| row.user != *user);
        ours.tally[target.at()].owned -= 1;
    }
    (actual, ours)
}

/// Planning again says the same, and planning after the plan was carried out says that nothing is left to do.
pub(crate) fn settles(world: World<'_>, first: &Plan) {
    assert_eq!(&plan(world), first, "the same world, another plan");
    let (actual, ours) = carried_out(world, first);
    let after = World { actual: &actual, ours: &ours, ..world };
    let second = plan(after);
    // A share grows with what is owned, so grants may make room for what was over the limit.
    let whole = |limit: Limit| limit.percent == 0.0 || limit.percent == 100.0;
    if whole(world.guard.limits.revocations) && whole(world.guard.limits.config_grants) {
        assert_eq!(second.actions, [], "the second pass still acts");
    }
    let over = |action: &Action| {
        first.held.iter().any(|held| cell(&held.action) == cell(action) && matches!(held.hold, Hold::OverLimit(..)))
    };
    assert!(second.actions.iter().all(over), "the second pass acts anew: {:?}", second.actions);
    assert_eq!(second.adopt, [], "the second pass still adopts");
    assert_eq!(second.forget, [], "the second pass still forgets");
}
