//! What is so in a world, and what a plan does, found by plain search: a mistake in a merge or in a binary
//! search of the planner is not repeated here.

use std::collections::BTreeSet;

use entitled::model::Recheck;
use entitled::model::{Adopt, ProductIx, Prune, Target, TargetIx, UserIx};
use entitled::planner::approval::Lifts;
use entitled::planner::desired::{Claim, Ending, Past, State};
use entitled::planner::input::{Coverage, Mover, OwnedGrant, Turn};
use entitled::planner::{Action, Intent, Plan, PlanInput, Verb};

pub(crate) type Cell = (TargetIx, UserIx);

pub(crate) fn cells(world: PlanInput<'_>) -> BTreeSet<Cell> {
    let mut cells = BTreeSet::new();
    for at in 0..world.catalog.targets.len() {
        let target = TargetIx(u16::try_from(at).expect("small"));
        cells.extend(world.desired.targets[at].iter().map(|claim| (target, claim.user)));
        cells.extend(world.actual.targets[at].holders.iter().map(|user| (target, *user)));
        cells.extend(world.ledger.targets[at].iter().map(|owned| (target, owned.user)));
    }
    cells
}

pub(crate) fn claim(world: PlanInput<'_>, (target, user): Cell) -> Option<Claim> {
    world.desired.targets[target.at()].iter().find(|claim| claim.user == user).copied()
}

/// What is ours. What we took is so no more once it is seen to be gone, whether or not Logto ever said so.
pub(crate) fn owned(world: PlanInput<'_>, cell @ (target, user): Cell) -> Option<OwnedGrant> {
    let taken = in_vain(world, cell).is_some() && held(world, cell) == Some(false);
    world.ledger.targets[target.at()].iter().find(|owned| owned.user == user && !taken).copied()
}

/// How often Logto said in vain that it was taken, where it was asked to and nobody has seen that it is gone.
pub(crate) fn in_vain(world: PlanInput<'_>, cell: Cell) -> Option<u32> {
    match world.constraints.open.get(&cell) {
        Some(Intent::Revocation { in_vain }) => Some(*in_vain),
        Some(Intent::Grant) | None => None,
    }
}

pub(crate) fn is_asked(world: PlanInput<'_>, (target, user): Cell) -> bool {
    world.actual.targets[target.at()].asked.contains(&user)
}

/// `None`: nobody can say.
pub(crate) fn held(world: PlanInput<'_>, (target, user): Cell) -> Option<bool> {
    let holding = &world.actual.targets[target.at()];
    let listed = holding.holders.contains(&user);
    match holding.coverage {
        Coverage::Unread | Coverage::Missing => None,
        Coverage::Whole => Some(listed),
        Coverage::Partial { .. } | Coverage::Asked => (listed || is_asked(world, (target, user))).then_some(listed),
    }
}

/// Whether Logto has the target no more and the file does not name it either: nobody holds it, and nobody will.
pub(crate) fn vanished(world: PlanInput<'_>, (target, _): Cell) -> bool {
    world.actual.targets[target.at()].coverage == Coverage::Missing && !world.catalog.gives(target)
}

pub(crate) fn wanted(world: PlanInput<'_>, cell: Cell) -> bool {
    claim(world, cell).is_some_and(|claim| claim.state == State::Entitled)
}

/// Entitled, or kept by an unknown standing or a grace.
pub(crate) fn kept(world: PlanInput<'_>, cell: Cell) -> bool {
    let unknown = || {
        let Some(owned) = owned(world, cell) else { return false };
        let mapped = &world.catalog.products[owned.product.at()].entitlements;
        let ended = |past: &Past| (past.user, Some(past.order), past.product) == (cell.1, owned.order, owned.product);
        owned.order.is_some()
            && world.constraints.turned.get(&cell) == Some(&Turn::Unknown)
            && mapped.iter().any(|gives| gives.target == cell.0)
            && !world.desired.ended.iter().any(ended)
    };
    claim(world, cell).is_some_and(|claim| !matches!(claim.state, State::Ended(_))) || unknown()
}

pub(crate) fn protected(world: PlanInput<'_>, (target, user): Cell) -> bool {
    world.catalog.targets[target.at()].protected || world.constraints.protected.contains(&user)
}

pub(crate) fn of(plan: &Plan, verb: Verb) -> impl Iterator<Item = &Action> {
    plan.actions.iter().filter(move |action| action.verb == verb)
}

pub(crate) fn acts(plan: &Plan, verb: Verb, (target, user): Cell) -> bool {
    of(plan, verb).any(|action| (action.target, action.user) == (target, user))
}

pub(crate) fn cell(action: &Action) -> Cell {
    (action.target, action.user)
}

/// The managed roles of the organization whose membership `target` is.
pub(crate) fn roles_within(world: PlanInput<'_>, target: TargetIx) -> Vec<TargetIx> {
    let Target::Membership { organization } = &world.catalog.targets[target.at()].target else { return vec![] };
    let is_role =
        |target: &Target| matches!(target, Target::OrganizationRole { organization: of, .. } if of == organization);
    (0..).zip(&world.catalog.targets).filter(|(_, entry)| is_role(&entry.target)).map(|(at, _)| TargetIx(at)).collect()
}

/// The membership that the organization role `target` needs.
pub(crate) fn membership_for(world: PlanInput<'_>, target: TargetIx) -> Option<TargetIx> {
    (0..world.catalog.targets.len())
        .map(|at| TargetIx(u16::try_from(at).expect("small")))
        .find(|&membership| roles_within(world, membership).contains(&target))
}

/// Whether leaving takes something along that is not itself taken in this plan.
pub(crate) fn takes_along(world: PlanInput<'_>, plan: &Plan, (target, user): Cell) -> bool {
    world.actual.targets[target.at()].tied.contains(&user)
        || roles_within(world, target)
            .into_iter()
            .any(|role| held(world, (role, user)) != Some(false) && !acts(plan, Verb::Revoke, (role, user)))
}

/// Whether the file maps the product of a grant of ours to its target.
fn maps(world: PlanInput<'_>, owned: OwnedGrant, target: TargetIx) -> bool {
    world.catalog.products[owned.product.at()].entitlements.iter().any(|gives| gives.target == target)
}

/// Whether a grant of ours is given up and left where it is: somebody else gave it, or a commit alone had made it
/// ours and was taken back.
pub(crate) fn given_up(world: PlanInput<'_>, cell: Cell) -> bool {
    let Some(owned) = owned(world, cell).filter(|_| held(world, cell) == Some(true)) else { return false };
    let evicted = !kept(world, cell) && world.constraints.prune == Prune::Exclusive && world.catalog.gives(cell.0);
    let taken_back = match world.constraints.turned.get(&cell) {
        Some(Turn::Dropped) => true,
        Some(Turn::Moved(Mover::Commit)) => owned.order.is_some(),
        _ => false,
    };
    let reverted = world.constraints.adopted_by_commit.contains(&cell)
        && (taken_back || !maps(world, owned, cell.0))
        && !kept(world, cell)
        && world.constraints.prune != Prune::Never;
    !evicted && (world.constraints.given_again.contains(&cell) || reverted)
}

/// Whether it is held, not ours, paid for, and nothing that an order takes over.
pub(crate) fn paid_and_foreign(world: PlanInput<'_>, cell: Cell) -> bool {
    let there = held(world, cell) == Some(true) && owned(world, cell).is_none() && wanted(world, cell);
    let theirs = world.constraints.adopt == Adopt::Never || world.constraints.foreign.contains(&cell);
    there && theirs && !world.constraints.released.contains(&cell)
}

/// Whether a purchase that would entitle to it has ended by a clock that is not to be believed.
pub(crate) fn ended_by_a_wrong_clock(world: PlanInput<'_>, cell: Cell) -> bool {
    let clock = &world.constraints.clock;
    let by_clock = |past: &&Past| {
        let rule = &world.catalog.products[past.product.at()];
        let gives = rule.entitlements.iter().any(|gives| gives.target == cell.0);
        let timed = matches!(past.ending, Ending::Expired | Ending::Lapsed) || !rule.grace.is_zero();
        past.user == cell.1 && gives && timed && (clock.logto.is_some() || clock.orders.contains_key(&past.order))
    };
    let let_through = world.constraints.approved.contains(&(Lifts::Clock, Verb::Revoke, cell.0, cell.1));
    !let_through && world.desired.ended.iter().any(|past| by_clock(&past))
}

/// What proves that a grant of ours may go.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Evidence {
    /// What was bought has ended, and so has the very purchase that the grant was made for.
    End,
    /// The file does not map the product to the target, or does not name the source of the order.
    File,
    /// The order is for something else now, or for somebody else.
    Turn,
    Nothing,
}

pub(crate) fn evidence(world: PlanInput<'_>, cell: Cell) -> Evidence {
    let Some(owned) = owned(world, cell) else { return Evidence::Nothing };
    let turned = world.constraints.turned.get(&cell);
    // What it is for now gives the same, and has ended or has not.
    let alike = turned == Some(&Turn::Alike) && owned.order.is_some();
    let gives = |product: ProductIx| {
        world.catalog.products[product.at()].entitlements.iter().any(|gives| gives.target == cell.0)
    };
    let unmapped = !alike && !gives(owned.product);
    let mut past = world.desired.ended.iter().filter(|past| past.user == cell.1 && Some(past.order) == owned.order);
    let known = past.any(|past| past.product == owned.product || (alike && gives(past.product)));
    let dropped = turned == Some(&Turn::Dropped);
    match claim(world, cell) {
        Some(Claim { state: State::Ended(_), .. }) if known || unmapped || dropped => Evidence::End,
        _ if unmapped || dropped => Evidence::File,
        _ if turned.is_some_and(|turn| *turn != Turn::Unknown) && owned.order.is_some() && !alike => Evidence::Turn,
        _ => Evidence::Nothing,
    }
}

/// What came of reading again each order whose end is the word of a payment API: all that the buyer has for
/// the target, since any of them would entitle if it were not so, and the one that says something else now.
pub(crate) fn rereads(world: PlanInput<'_>, cell: Cell) -> Vec<Option<Recheck>> {
    let turned = match evidence(world, cell) {
        Evidence::Turn => owned(world, cell).and_then(|owned| owned.order),
        Evidence::End => None,
        Evidence::File | Evidence::Nothing => return vec![],
    };
    let gives = |past: &Past| {
        let entitlements = &world.catalog.products[past.product.at()].entitlements;
        entitlements.iter().any(|gives| gives.target == cell.0)
    };
    let theirs = world.desired.ended.iter().filter(|past| past.user == cell.1 && gives(past));
    let told = theirs.filter(|past| past.ending != Ending::Expired);
    let orders = turned.into_iter().chain(told.map(|past| past.order));
    orders.map(|order| world.constraints.rechecks.get(&order).copied()).collect()
}
