//! What must hold of every plan for every world, read off the promises and not off the planner.
//!
//! Each function is one promise.

use std::collections::BTreeSet;

use entitled::model::Recheck;
use entitled::model::{Limit, ProductIx, Prune, TargetIx};
use entitled::planner::approval::Lifts;
use entitled::planner::desired::{Ending, Origin, State};
use entitled::planner::input::{Coverage, Freeze, LedgerTrust, NewRule, Presence, Rules, Turn};
use entitled::planner::limits::Over;
use entitled::planner::{
    Action, Bound, Came, Cause, Doubt, Gap, Held, Hold, Intent, Plan, PlanInput, TRIES, Verb, plan,
};

use super::aftermath::insert;
use super::careful::{cannot_undo_its_own_safeguards, forbidden, undone};
use super::facts::{
    Cell, Evidence, acts, cell, cells, claim, ended_by_a_wrong_clock, evidence, given_up, held, in_vain, is_asked,
    kept, membership_for, of, owned, paid_and_foreign, protected, rereads, roles_within, takes_along, vanished, wanted,
};

/// Asserts every promise that can be seen in one plan.
pub(crate) fn hold(world: PlanInput<'_>, plan: &Plan) {
    let cells = cells(world);
    takes_only_what_is_owned(world, plan);
    takes_nothing_that_is_still_wanted(world, plan);
    takes_nothing_without_proof(world, plan);
    stays_within_the_limits(world, plan);
    only_adds_to_a_fresh_ledger(world, plan);
    gives_before_it_takes(plan);
    does_nothing_that_is_frozen(world, plan);
    touches_nothing_protected(world, plan);
    cannot_undo_its_own_safeguards(world, plan);
    gives_only_what_is_bought_and_absent(world, plan);
    drops_nothing(world, plan, &cells);
    holds_with_reason(world, plan);
    explains_itself(world, plan);
    runs_in_an_order_that_works(world, plan);
    writes_down_what_is_ours(world, plan, &cells);
    counts(world, plan, &cells);
    hears_of_every_write(world, plan);
    asks_for_what_it_needs(world, plan);
}

fn takes_only_what_is_owned(world: PlanInput<'_>, plan: &Plan) {
    for action in of(plan, Verb::Revoke) {
        match world.constraints.prune {
            Prune::Never => panic!("1: takes under `prune: never`: {action:?}"),
            Prune::Owned => assert!(owned(world, cell(action)).is_some(), "1: takes what is foreign: {action:?}"),
            Prune::Exclusive => {}
        }
        assert!(!takes_along(world, plan, cell(action)), "1: takes a role along that stays: {action:?}");
        assert!(!given_up(world, cell(action)), "1: takes what somebody else gave: {action:?}");
    }
}

fn takes_nothing_that_is_still_wanted(world: PlanInput<'_>, plan: &Plan) {
    for action in of(plan, Verb::Revoke) {
        assert!(!kept(world, cell(action)), "2: takes what an order keeps: {action:?}");
    }
}

fn takes_nothing_without_proof(world: PlanInput<'_>, plan: &Plan) {
    for action in of(plan, Verb::Revoke) {
        let cell = cell(action);
        let coverage = world.actual.targets[cell.0.at()].coverage;
        assert!(!matches!(coverage, Coverage::Unread | Coverage::Missing), "3: takes on an unread target: {action:?}");
        assert!(is_asked(world, cell), "3: takes from somebody who was not asked for by id: {action:?}");
        assert!(world.actual.targets[cell.0.at()].holders.contains(&cell.1), "3: takes what nobody saw: {action:?}");
        assert!(!ended_by_a_wrong_clock(world, cell), "3: takes by a clock that is off: {action:?}");
        if owned(world, cell).is_some() {
            let vouched = let_through(world, Lifts::Proof, action);
            assert!(vouched || evidence(world, cell) != Evidence::Nothing, "3: takes without evidence: {action:?}");
            let confirmed = |reread| match reread {
                Some(Recheck::Confirmed | Recheck::Unsupported) => true,
                Some(Recheck::Failed) => vouched,
                None => false,
            };
            let all = rereads(world, cell).into_iter().all(confirmed);
            assert!(all, "3: takes without the orders read again: {action:?}");
            assert!(!by_clock_alone(world, action), "3: takes what a renewal may have extended: {action:?}");
            assert!(!replaced_unread(world, action), "3: takes what an unread source may entitle to: {action:?}");
        } else {
            assert!(world.constraints.blind.is_empty(), "3: takes what an unread order may entitle to: {action:?}");
            let exact = matches!(coverage, Coverage::Whole | Coverage::Asked);
            assert!(exact, "3: takes by what a lossy walk did not show: {action:?}");
        }
    }
}

/// Whether only the clock says that it ended, and the source that would know of a renewal was not read.
fn by_clock_alone(world: PlanInput<'_>, action: &Action) -> bool {
    claim(world, cell(action)).is_some_and(|claim| {
        let by_clock = matches!(claim.state, State::Ended(Ending::Expired | Ending::Recounted | Ending::Lapsed));
        by_clock && world.constraints.blind.contains(&claim.product)
    })
}

/// Whether it ends only because the file does not name a source, or because a person says so, while another
/// source was not read.
fn replaced_unread(world: PlanInput<'_>, action: &Action) -> bool {
    no_order_says_so(action) && !world.constraints.blind.is_empty()
}

fn no_order_says_so(action: &Action) -> bool {
    matches!(action.why.cause, Cause::Dropped | Cause::Upgrade(NewRule::Sources) | Cause::Unexplained)
}

/// What no new order asks for.
fn by_no_order(cause: Cause) -> bool {
    matches!(cause, Cause::Commit | Cause::Resolution)
}

fn share(limit: Limit, base: u64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "tests use whole percentages")]
    let percent = limit.percent as u64;
    u64::from(limit.floor).max(base * percent / 100)
}

fn stays_within_the_limits(world: PlanInput<'_>, plan: &Plan) {
    let tallies = || world.ledger.tally.iter();
    // Of each target: what a share is of, and what was used up today.
    type Used = Vec<(u64, u64)>;
    let versions = || [&world.constraints.limits].into_iter().chain(&world.constraints.earlier.limits);
    let measures: [(Verb, Vec<Limit>, Used); 2] = [
        (
            Verb::Revoke,
            versions().map(|limits| limits.revocations).collect(),
            tallies().map(|tally| (tally.base, tally.revoked)).collect(),
        ),
        (
            Verb::Grant,
            versions().map(|limits| limits.config_grants).collect(),
            tallies().map(|tally| (tally.base, tally.config_granted)).collect(),
        ),
    ];
    for (verb, limits, bases) in measures {
        let free = verb == Verb::Grant && world.constraints.ledger == LedgerTrust::Fresh;
        // What somebody let through is not counted against the limit that it was let through to pass.
        let limited = |action: &Action| {
            let counts = verb == Verb::Revoke || by_no_order(action.why.cause);
            // What is tried again within the day was counted when it was tried before.
            let again = verb == Verb::Revoke && world.constraints.counted.contains(&cell(action));
            action.verb == verb
                && counts
                && !again
                && !undone(world, action)
                && !let_through(world, Lifts::Limit, action)
        };
        // And it needs no more than that this is allowed.
        let again = |target: Option<TargetIx>| {
            let tried = |action: &&Action| world.constraints.counted.contains(&cell(action)) && action.verb == verb;
            let free = |action: &&Action| undone(world, action) || let_through(world, Lifts::Limit, action);
            let on = |action: &&Action| target.is_none_or(|target| action.target == target);
            plan.actions.iter().any(|action| tried(&action) && !free(&action) && on(&action))
        };
        let made = |target: Option<TargetIx>| {
            let on = |action: &&Action| limited(action) && target.is_none_or(|target| action.target == target);
            plan.actions.iter().filter(on).count() as u64
        };
        let over = |target: Option<TargetIx>| {
            let bound = target.map_or(Bound::Total, Bound::Target);
            let holds =
                plan.held.iter().filter(|held| limited(&held.action) && !waits_for_membership(world, plan, held));
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
            let allowed = limits.iter().map(|limit| share(*limit, base)).min().expect("the file has one");
            let (made, over) = (made(target), over(target));
            assert!(verb == Verb::Grant || !again(target) || spent <= allowed, "4: tries again over {allowed}");
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

fn only_adds_to_a_fresh_ledger(world: PlanInput<'_>, plan: &Plan) {
    if world.constraints.ledger == LedgerTrust::Fresh {
        let unasked = of(plan, Verb::Revoke).find(|action| !let_through(world, Lifts::FreshLedger, action));
        assert_eq!(unasked, None, "9: a fresh ledger takes");
    }
}

/// Whether somebody let this very action through, past this kind of hold.
fn let_through(world: PlanInput<'_>, lifts: Lifts, action: &Action) -> bool {
    world.constraints.approved.contains(&(lifts, action.verb, action.target, action.user))
}

/// Whether a role in an organization is held only because its membership is, for the same reason.
fn waits_for_membership(world: PlanInput<'_>, plan: &Plan, held: &Held) -> bool {
    held.action.verb == Verb::Grant
        && membership_for(world, held.action.target).is_some_and(|membership| {
            let same = |other: &&Held| (other.action.target, other.action.user) == (membership, held.action.user);
            let grants = |other: &&Held| other.action.verb == Verb::Grant && other.hold == held.hold;
            plan.held.iter().filter(same).any(|other| grants(&other))
        })
}

/// Whether what the order of this gives now is held.
fn waits_for_its_grant(plan: &Plan, action: &Action) -> bool {
    let turned = matches!(action.why.cause, Cause::Exchanged | Cause::Moved(_));
    let of_it = |held: &Held| held.action.verb == Verb::Grant && held.action.why.order == action.why.order;
    turned && plan.held.iter().any(of_it)
}

/// Whoever pays must not be left with neither.
fn gives_before_it_takes(plan: &Plan) {
    let first = of(plan, Verb::Revoke).find(|action| waits_for_its_grant(plan, action));
    assert_eq!(first, None, "takes what an order gave while what it gives now is held");
}

fn does_nothing_that_is_frozen(world: PlanInput<'_>, plan: &Plan) {
    if world.constraints.freeze != Freeze::Nothing {
        assert_eq!(of(plan, Verb::Revoke).next(), None, "takes in spite of a freeze");
    }
    if world.constraints.freeze == Freeze::Everything {
        assert_eq!(of(plan, Verb::Grant).next(), None, "gives in spite of a freeze of everything");
    }
    let fought_over = |action: &&Action| world.constraints.flapping.contains(&cell(action));
    let again = of(plan, Verb::Grant).filter(fought_over).find(|action| !let_through(world, Lifts::Flapping, action));
    assert_eq!(again, None, "fights over a grant");
}

fn touches_nothing_protected(world: PlanInput<'_>, plan: &Plan) {
    for action in &plan.actions {
        let cell = cell(action);
        match action.verb {
            // What a version of the file gave away shortly before is not what `protect.roles` keeps.
            Verb::Revoke if undone(world, action) => {
                assert!(!world.constraints.protected.contains(&cell.1), "takes from who is protected: {action:?}");
            }
            Verb::Revoke => assert!(!protected(world, cell), "takes what is protected: {action:?}"),
            Verb::Grant => assert!(!world.catalog.targets[cell.0.at()].protected, "gives a protected role: {action:?}"),
            Verb::Adopt | Verb::Release => panic!("this changes nothing and is no action: {action:?}"),
        }
    }
}

fn gives_only_what_is_bought_and_absent(world: PlanInput<'_>, plan: &Plan) {
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
fn calls_for(world: PlanInput<'_>, cell: Cell) -> Option<Verb> {
    if given_up(world, cell) {
        return None;
    }
    if wanted(world, cell) {
        return (held(world, cell) != Some(true)).then_some(Verb::Grant);
    }
    if kept(world, cell) {
        return None;
    }
    let goes = match (owned(world, cell), world.constraints.prune) {
        (_, Prune::Never) | (None, Prune::Owned) => false,
        (Some(_), Prune::Owned | Prune::Exclusive) => held(world, cell) != Some(false) && !vanished(world, cell),
        // A target that no product gives is looked at for what is ours on it only: it is nobody's to empty.
        // Who is protected is exempt.
        (None, Prune::Exclusive) => {
            held(world, cell) == Some(true) && world.catalog.gives(cell.0) && !protected(world, cell)
        }
    };
    goes.then_some(Verb::Revoke)
}

fn drops_nothing(world: PlanInput<'_>, plan: &Plan, cells: &BTreeSet<Cell>) {
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

fn holds_with_reason(world: PlanInput<'_>, plan: &Plan) {
    for one in &plan.held {
        let cell = cell(&one.action);
        let coverage = world.actual.targets[cell.0.at()].coverage;
        let evidence = evidence(world, cell);
        let rereads = rereads(world, cell);
        let grant = one.action.verb == Verb::Grant;
        let like_membership = waits_for_membership(world, plan, one);
        let exclusive = owned(world, cell).is_none();
        let sells = |product: &ProductIx| {
            world.catalog.rule(*product).entitlements.iter().any(|entitlement| entitlement.target == cell.0)
        };
        let justified = match one.hold {
            Hold::Protected if grant => world.catalog.targets[cell.0.at()].protected,
            Hold::Protected => protected(world, cell),
            Hold::FreshLedger => !grant && world.constraints.ledger == LedgerTrust::Fresh,
            Hold::Frozen => world.constraints.freeze > if grant { Freeze::Revocations } else { Freeze::Nothing },
            Hold::Settling(safeguard, until) => forbidden(world, &one.action).contains(&(safeguard, until)),
            Hold::Stuck => !grant && in_vain(world, cell).is_some_and(|times| times >= TRIES),
            Hold::Flapping => grant && world.constraints.flapping.contains(&cell),
            Hold::Incomplete(Gap::Source) if exclusive => !grant && !world.constraints.blind.is_empty(),
            Hold::Incomplete(Gap::Source) => !grant && by_clock_alone(world, &one.action),
            Hold::Incomplete(Gap::Elsewhere) => !grant && replaced_unread(world, &one.action),
            Hold::Incomplete(Gap::Name) if exclusive => !grant && !world.catalog.nameless.is_empty(),
            // The product may give it by the name that stands for nothing.
            Hold::Incomplete(Gap::Name) => {
                let maybe = |product| world.catalog.nameless.contains(&product) && !sells(&product);
                !grant && owned(world, cell).is_some_and(|owned| maybe(owned.product))
            }
            Hold::Incomplete(Gap::Odd) => {
                !grant && (exclusive || no_order_says_so(&one.action)) && world.constraints.unclear.iter().any(sells)
            }
            Hold::Incomplete(Gap::Successor) => !grant && waits_for_its_grant(plan, &one.action),
            Hold::Incomplete(gap) => {
                let expected = match coverage {
                    Coverage::Unread => Gap::Unread,
                    Coverage::Missing => Gap::Missing,
                    Coverage::Partial { .. } | Coverage::Asked | Coverage::Whole => Gap::Partial,
                };
                let lossy = !grant && exclusive && matches!(coverage, Coverage::Partial { .. });
                gap == expected && (held(world, cell).is_none() || lossy)
            }
            Hold::ClockDoubtful(_) => !grant && ended_by_a_wrong_clock(world, cell),
            // The figures are checked with the limits.
            Hold::OverLimit(..) => !grant || by_no_order(one.action.why.cause),
            Hold::Foreign => !grant && takes_along(world, plan, cell),
            Hold::Unverified(Doubt::NoEvidence) => !grant && !exclusive && evidence == Evidence::Nothing,
            Hold::Unverified(Doubt::OrderUnconfirmed) => !grant && rereads.contains(&Some(Recheck::Failed)),
            Hold::Unverified(Doubt::NotAsked) => {
                let vouched = let_through(world, Lifts::Proof, &one.action);
                !grant
                    && (exclusive || vouched || evidence != Evidence::Nothing)
                    && (!is_asked(world, cell) || rereads.contains(&None))
            }
        };
        assert!(justified || like_membership, "held for no reason: {one:?}");
    }
}

fn explains_itself(world: PlanInput<'_>, plan: &Plan) {
    let held = plan.held.iter().map(|held| &held.action);
    for action in plan.actions.iter().chain(held).chain(&plan.adopt) {
        let (cell, why) = (cell(action), action.why);
        let turned = world.constraints.turned.get(&cell).copied();
        let claim = claim(world, cell);
        let line = |product: entitled::model::ProductIx| {
            let gives = &world.catalog.products[product.at()].entitlements;
            gives.iter().find(|gives| gives.target == cell.0).map_or(0, |gives| gives.line)
        };
        let replaced = |product: Option<ProductIx>| {
            let old = Some(&world.catalog.targets[cell.0.at()].target);
            let gives = product.map(|product| &world.catalog.products[product.at()].entitlements);
            gives.is_some_and(|gives| gives.iter().any(|gives| gives.replaces.as_ref() == old))
        };
        let by_claim = claim.is_some_and(|claim| {
            (why.order, why.product, why.at, why.line)
                == (Some(claim.order), Some(claim.product), claim.at, line(claim.product))
        });
        let by_ledger = owned(world, cell).is_some_and(|owned| {
            (why.order, why.product, why.line) == (owned.order, Some(owned.product), line(owned.product))
        });
        let explained = match (action.verb, why.cause) {
            (Verb::Grant, Cause::Drift | Cause::Retry) => {
                let asked = world.constraints.open.contains_key(&cell);
                by_claim && owned(world, cell).is_some() && asked == (why.cause == Cause::Retry)
            }
            // What is ours of a target that is gone, or cannot be read, was taken by nobody.
            (Verb::Grant, Cause::Sale) if owned(world, cell).is_some() => {
                by_claim && world.actual.targets[cell.0.at()].presence(cell.1) == Presence::Unknown
            }
            (Verb::Grant | Verb::Adopt, Cause::Sale) => {
                by_claim && owned(world, cell).is_none() && claim.is_some_and(|claim| claim.origin == Origin::Sale)
            }
            (Verb::Grant | Verb::Adopt, Cause::Commit) => {
                by_claim && owned(world, cell).is_none() && claim.is_some_and(|claim| claim.origin == Origin::Commit)
            }
            (Verb::Grant | Verb::Adopt, Cause::Resolution) => {
                by_claim
                    && owned(world, cell).is_none()
                    && claim.is_some_and(|claim| claim.origin == Origin::Resolution)
            }
            (Verb::Revoke, Cause::Resolution) => by_ledger && why.line == 0 && replaced(why.product),
            (Verb::Revoke, Cause::Ended(how)) => by_claim && claim.map(|claim| claim.state) == Some(State::Ended(how)),
            (Verb::Revoke, Cause::Unmapped) => by_ledger && why.line == 0 && !replaced(why.product),
            (Verb::Revoke, Cause::Exchanged) => by_ledger && turned == Some(Turn::Exchanged),
            (Verb::Revoke, Cause::Moved(mover)) => by_ledger && turned == Some(Turn::Moved(mover)),
            (Verb::Revoke, Cause::Dropped) => {
                by_ledger && turned == Some(Turn::Dropped) && world.constraints.rules >= Rules(1)
            }
            (Verb::Revoke, Cause::Upgrade(NewRule::Sources)) => {
                by_ledger && turned == Some(Turn::Dropped) && world.constraints.rules == Rules::NEW
            }
            (Verb::Revoke, Cause::Upgrade(NewRule::Quantity)) => {
                by_claim
                    && claim.map(|claim| claim.state) == Some(State::Ended(Ending::Recounted))
                    && world.constraints.rules < Rules(2)
            }
            (Verb::Revoke, Cause::Unexplained) => by_ledger && evidence(world, cell) == Evidence::Nothing,
            (Verb::Revoke, Cause::Exclusive) => owned(world, cell).is_none() && (why.order, why.line) == (None, 0),
            _ => false,
        };
        assert!(explained, "8: does not explain itself: {action:?}");
    }
}

fn runs_in_an_order_that_works(world: PlanInput<'_>, plan: &Plan) {
    let place = |verb, cell| {
        plan.actions
            .iter()
            .position(|action| (action.verb, crate::support::oracle::facts::cell(action)) == (verb, cell))
    };
    for (at, action) in plan.actions.iter().enumerate() {
        for role in roles_within(world, action.target) {
            let Some(with) = place(action.verb, (role, action.user)) else { continue };
            match action.verb {
                Verb::Grant => assert!(at < with, "gives the role before the membership"),
                Verb::Revoke | Verb::Adopt | Verb::Release => {
                    assert!(with < at, "takes the membership before the role")
                }
            }
        }
    }
    let key = |action: &Action| match action.verb {
        Verb::Grant => (0, i32::from(action.target.0), action.user),
        Verb::Revoke | Verb::Adopt | Verb::Release => (1, -i32::from(action.target.0), action.user),
    };
    assert!(plan.actions.is_sorted_by_key(key), "actions out of order: {:?}", plan.actions);
    assert!(plan.held.is_sorted_by_key(|held| (held.action.verb, held.action.target, held.action.user)));
}

fn writes_down_what_is_ours(world: PlanInput<'_>, plan: &Plan, cells: &BTreeSet<Cell>) {
    let adopted: Vec<Cell> = plan.adopt.iter().map(cell).collect();
    let is = |cell: &&Cell| {
        let there = held(world, **cell) == Some(true) && owned(world, **cell).is_none();
        let theirs = world.constraints.released.contains(*cell) || paid_and_foreign(world, **cell);
        wanted(world, **cell) && there && !theirs
    };
    assert_eq!(adopted, cells.iter().filter(is).copied().collect::<Vec<_>>(), "adopts");
    assert!(plan.adopt.iter().all(|action| action.verb == Verb::Adopt));
    let released: Vec<Cell> = plan.release.iter().map(cell).collect();
    let is = |cell: &&Cell| given_up(world, **cell);
    assert_eq!(released, cells.iter().filter(is).copied().collect::<Vec<_>>(), "gives up");
    assert!(plan.release.iter().all(|action| action.verb == Verb::Release && action.why.product.is_some()));
    let is = |cell: &&Cell| {
        let gone = held(world, **cell) == Some(false) || vanished(world, **cell);
        !kept(world, **cell) && gone && owned(world, **cell).is_some()
    };
    assert_eq!(plan.forget, cells.iter().filter(is).copied().collect::<Vec<_>>(), "forgets");
}

fn counts(world: PlanInput<'_>, plan: &Plan, cells: &BTreeSet<Cell>) {
    assert_eq!(plan.tallies.len(), world.catalog.targets.len());
    for (at, tally) in (0..).zip(&plan.tallies) {
        let count = |is: &dyn Fn(Cell) -> bool| {
            cells.iter().filter(|(target, user)| target.0 == at && is((*target, *user))).count() as u64
        };
        let never = world.constraints.prune == Prune::Never;
        assert_eq!(tally.desired, count(&|cell| wanted(world, cell)));
        assert_eq!(tally.actual, world.actual.targets[usize::from(at)].holders.len() as u64);
        let foreign = |cell| !kept(world, cell) && held(world, cell) == Some(true) && owned(world, cell).is_none();
        let exclusive = world.constraints.prune == Prune::Exclusive;
        let left = |cell: Cell| foreign(cell) && !(exclusive && world.catalog.gives(cell.0));
        assert_eq!(tally.foreign, count(&|cell| left(cell) || given_up(world, cell)));
        assert_eq!(tally.foreign_paid, count(&|cell| paid_and_foreign(world, cell)));
        let only_kept = |cell| {
            let by_order = kept(world, cell) && !wanted(world, cell) && held(world, cell) == Some(true);
            let gone = held(world, cell) == Some(false) || vanished(world, cell);
            let by_file = never && !kept(world, cell) && owned(world, cell).is_some() && !gone;
            let exempt = exclusive && foreign(cell) && world.catalog.gives(cell.0) && protected(world, cell);
            (by_order || by_file || exempt) && !given_up(world, cell)
        };
        assert_eq!(tally.kept, count(&only_kept));
    }
}

/// What Logto was asked for and never confirmed is found out by looking, and never forgotten; what it says in vain is
/// not tried for ever.
fn hears_of_every_write(world: PlanInput<'_>, plan: &Plan) {
    let is_tried = |cell: Cell| of(plan, Verb::Revoke).any(|action| (action.target, action.user) == cell);
    for (&cell, intent) in &world.constraints.open {
        let came: Vec<Came> =
            plan.closed.iter().filter(|one| (one.target, one.user) == cell).map(|one| one.came).collect();
        let expected = match (intent, held(world, cell)) {
            (Intent::Grant, Some(true)) => Some(Came::Granted),
            (Intent::Revocation { .. }, Some(false)) => Some(Came::Revoked),
            (Intent::Revocation { .. }, Some(true)) if kept(world, cell) => Some(Came::Kept),
            (Intent::Revocation { in_vain }, Some(true)) if *in_vain < TRIES && !is_tried(cell) => Some(Came::Waits),
            _ => None,
        };
        assert_eq!(came, expected.into_iter().collect::<Vec<_>>(), "of {intent:?} at {cell:?}");
    }
    assert!(plan.closed.iter().all(|one| world.constraints.open.contains_key(&(one.target, one.user))));
    for action in of(plan, Verb::Revoke).filter(|action| !let_through(world, Lifts::Stuck, action)) {
        assert!(in_vain(world, cell(action)).is_none_or(|times| times < TRIES), "tries for ever: {action:?}");
    }
}

/// What is held because nobody was asked yet is let through by the answers that the plan asks for.
fn asks_for_what_it_needs(world: PlanInput<'_>, plan: &Plan) {
    let waiting = |plan: &Plan| plan.held.iter().any(|held| held.hold == Hold::Unverified(Doubt::NotAsked));
    assert_eq!(waiting(plan), !plan.verify.is_empty(), "asks for {:?}", plan.verify);
    if plan.verify.is_empty() {
        return;
    }
    for order in &plan.verify.orders {
        assert!(!world.constraints.rechecks.contains_key(order), "asks twice for {order:?}");
    }
    let mut actual = world.actual.clone();
    for (target, user) in &plan.verify.holders {
        insert(&mut actual.targets[target.at()].asked, *user);
    }
    let mut constraints = world.constraints.clone();
    constraints.rechecks.extend(plan.verify.orders.iter().map(|order| (*order, Recheck::Confirmed)));
    let informed = self::plan(PlanInput { actual: &actual, constraints: &constraints, ..world });
    assert!(!waiting(&informed), "asks again: {:?}", informed.held);
}
