//! Desired + actual + what is ours + what is allowed -> the actions that close the gap.
//!
//! Flow: for each target the three sorted runs are merged once; every user in any of them falls into
//! exactly one arm of `decide`. Wanted revocations then pass the limits, the rule that leaving an
//! organization must take nothing else along, and the proof; what fails one of them is held with the reason.
//!
//! Guarantees (promises 1 to 4 and 9): a revocation is planned only for a grant that the ledger owns (or
//! under `prune: exclusive`), that no order entitles to, whose end is proved by an order that was read
//! again or by a commit, whose holder was asked for by id, and within the limits of the day.
//!
//! Pure and total: no I/O, no clock; the same world gives the same plan. The plan is a plain value and
//! leaves no choice to whoever carries it out.

mod gate;

use std::collections::BTreeSet;

use crate::desired::{Claim, Desired, Ending, Origin, State};
use crate::limits::Over;
use crate::model::{Catalog, OrderKey, ProductIx, Prune, TargetIx, UserIx};
use crate::world::{Actual, Coverage, Guard, Holding, LedgerAge, Ours, Owned, Presence};
use gate::{keep_ties, limit_grants, limit_revocations, need_membership, prove};

/// Everything the planner looks at.
#[derive(Clone, Copy, Debug)]
pub struct World<'a> {
    /// What products entitle to.
    pub catalog: &'a Catalog,
    /// What should be.
    pub desired: &'a Desired,
    /// What is.
    pub actual: &'a Actual,
    /// What is ours.
    pub ours: &'a Ours,
    /// What is allowed.
    pub guard: &'a Guard,
}

/// What is to be done, what is withheld and why, and what is to be written down.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// In the order in which they are carried out: memberships, organization roles, roles; then
    /// revocations the other way round. Within a target by user.
    pub actions: Vec<Action>,
    /// Wanted and withheld, in the same order.
    pub held: Vec<Held>,
    /// Grants that are there, that an order explains, and that the ledger does not know yet.
    pub adopt: Vec<Action>,
    /// Rows of the ledger whose grant is gone and not wanted.
    pub forget: Vec<(TargetIx, UserIx)>,
    /// What has to be looked at before the held `Unverified` can be decided.
    pub verify: Verify,
    /// One for each target, in the order of the catalog.
    pub tallies: Vec<TargetTally>,
}

/// One change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Action {
    /// What is done.
    pub verb: Verb,
    /// On which target.
    pub target: TargetIx,
    /// For whom.
    pub user: UserIx,
    /// Because of what.
    pub why: Why,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// Give.
    Grant,
    /// Take away.
    Revoke,
    /// Write down as ours; nothing changes in Logto.
    Adopt,
}

/// The evidence of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Why {
    /// What happened.
    pub cause: Cause,
    /// The order it happened to. Absent for `exclusive`, and where the store has lost the order.
    pub order: Option<OrderKey>,
    /// The product. Absent for `exclusive`.
    pub product: Option<ProductIx>,
    /// The line of `entitlements.yaml` that maps the product to the target; zero where none does.
    pub line: u32,
    /// When: the end of what is granted ([`FOREVER`](crate::desired::FOREVER) for none), or the instant
    /// of the end. Seconds since 1970.
    pub at: i64,
}

/// What causes an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// An order was paid.
    Sale,
    /// A commit maps a product of an order that was known before.
    Commit,
    /// It was ours and is gone, although nothing ended it.
    Drift,
    /// What was paid for has ended.
    Ended(Ending),
    /// The file maps the product to this target no more.
    Unmapped,
    /// `prune: exclusive`, and no order entitles.
    Exclusive,
}

/// A wanted action that is withheld.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Held {
    /// What is wanted.
    pub action: Action,
    /// Why it is withheld.
    pub hold: Hold,
}

/// Why a wanted action is withheld.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hold {
    /// Leaving the organization would take along a role in it that is not ours, or that is itself held.
    Foreign,
    /// A read was not whole.
    Incomplete(Gap),
    /// More than the limit of a day.
    OverLimit(Bound, Over),
    /// The ledger has not seen a whole pass yet.
    FreshLedger,
    /// `protect` names the user or the role.
    Protected,
    /// The proof is missing.
    Unverified(Doubt),
}

/// What a read lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gap {
    /// It failed.
    Unread,
    /// The target is not there.
    Missing,
    /// It lost rows, and this one may be among them.
    Partial,
    /// The source that sells the product could not be read, so a renewal may have been missed.
    Source,
}

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bound {
    /// One target.
    Target,
    /// All targets together.
    Total,
}

/// Which proof is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Doubt {
    /// The order or the holder has not been asked for again yet; the pass does so and plans once more.
    NotAsked,
    /// The payment API did not confirm the order.
    OrderUnconfirmed,
    /// Ours, entitled by nothing, and nothing says why: the order has vanished, belongs to somebody else
    /// now, or was never paid.
    NoEvidence,
}

/// What has to be looked at before a revocation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verify {
    /// Orders to read again by id.
    pub orders: BTreeSet<OrderKey>,
    /// Holders to ask for by id.
    pub holders: BTreeSet<(TargetIx, UserIx)>,
}

impl Verify {
    /// Whether there is nothing to look at.
    pub fn is_empty(&self) -> bool {
        self.orders.is_empty() && self.holders.is_empty()
    }
}

/// The figures of one target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TargetTally {
    /// Users who should hold it.
    pub desired: u64,
    /// Users who were seen to hold it.
    pub actual: u64,
    /// Of those, users whose grant is neither ours nor wanted.
    pub foreign: u64,
    /// Users who keep it only because of a grace or an unknown standing.
    pub kept: u64,
}

impl Plan {
    /// Whether there is nothing to do and nothing to write down.
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty() && self.adopt.is_empty() && self.held.is_empty()
    }
}

/// Plans. Linear in the sizes of the runs.
pub fn plan(world: World<'_>) -> Plan {
    let mut plan = Plan::default();
    let mut grants = Vec::new();
    let mut revocations = Vec::new();
    for (target, _) in world.catalog.indices() {
        let mut tally = TargetTally::default();
        for row in merge(world, target) {
            tally.desired += u64::from(row.claim.is_some_and(|claim| claim.state == State::Entitled));
            tally.actual += u64::from(row.held);
            match decide(world, target, row) {
                Decision::Rest => {}
                Decision::Keep => tally.kept += 1,
                Decision::Foreign => tally.foreign += 1,
                Decision::Grant(why) => grants.push(Action { verb: Verb::Grant, target, user: row.user, why }),
                Decision::Adopt(why) => plan.adopt.push(Action { verb: Verb::Adopt, target, user: row.user, why }),
                Decision::Revoke(why) => revocations.push(Action { verb: Verb::Revoke, target, user: row.user, why }),
                Decision::Forget => plan.forget.push((target, row.user)),
                Decision::Hold(verb, why, hold) => {
                    plan.held.push(Held { action: Action { verb, target, user: row.user, why }, hold });
                }
            }
        }
        plan.tallies.push(tally);
    }
    let grants = limit_grants(world, grants, &mut plan.held);
    plan.actions = need_membership(world, grants, &mut plan.held);
    let revocations = limit_revocations(world, revocations, &mut plan.held);
    let revocations = keep_ties(world, revocations, &mut plan.held);
    let revocations = prove(world, revocations, &mut plan);
    // Once more: a role whose proof is missing stays, and so must the membership that carries it.
    let mut revocations = keep_ties(world, revocations, &mut plan.held);
    revocations.sort_unstable_by_key(|action| (std::cmp::Reverse(action.target), action.user));
    plan.actions.extend(revocations);
    plan.held.sort_unstable_by_key(|held| (held.action.verb, held.action.target, held.action.user));
    plan
}

/// One user on one target, as the three runs have it.
#[derive(Clone, Copy, Debug)]
struct Row<'a> {
    user: UserIx,
    claim: Option<&'a Claim>,
    held: bool,
    owned: Option<&'a Owned>,
}

/// Every user of any of the three runs of a target, each once, in order.
fn merge<'a>(world: World<'a>, target: TargetIx) -> impl Iterator<Item = Row<'a>> {
    let mut claims = world.desired.targets[target.at()].iter().peekable();
    let mut holders = world.actual.targets[target.at()].holders.iter().copied().peekable();
    let mut owned = world.ours.targets[target.at()].iter().peekable();
    std::iter::from_fn(move || {
        let heads = [claims.peek().map(|claim| claim.user), holders.peek().copied(), owned.peek().map(|row| row.user)];
        let user = heads.into_iter().flatten().min()?;
        Some(Row {
            user,
            claim: claims.next_if(|claim| claim.user == user),
            held: holders.next_if_eq(&user).is_some(),
            owned: owned.next_if(|row| row.user == user),
        })
    })
}

/// What is to become of one grant, before limits and proofs.
enum Decision {
    /// As it should be.
    Rest,
    /// Not entitled, and left alone for now.
    Keep,
    Foreign,
    Grant(Why),
    Adopt(Why),
    Revoke(Why),
    Forget,
    Hold(Verb, Why, Hold),
}

fn decide(world: World<'_>, target: TargetIx, row: Row<'_>) -> Decision {
    let holding = &world.actual.targets[target.at()];
    let presence = holding.presence(row.user);
    let state = row.claim.map(|claim| claim.state);
    match (state, presence, row.owned) {
        (Some(State::Entitled), Presence::Held, Some(_)) => Decision::Rest,
        (Some(State::Entitled), Presence::Held, None) => Decision::Adopt(given(world, target, row)),
        (Some(State::Entitled), Presence::Absent, _) if world.catalog.target(target).protected => {
            Decision::Hold(Verb::Grant, given(world, target, row), Hold::Protected)
        }
        (Some(State::Entitled), Presence::Absent, _) => Decision::Grant(given(world, target, row)),
        (Some(State::Entitled), Presence::Unknown, _) => {
            Decision::Hold(Verb::Grant, given(world, target, row), Hold::Incomplete(gap(holding)))
        }
        (Some(State::Undecided | State::Grace(_)), Presence::Held, _) => Decision::Keep,
        // The row is kept with the claim: once the order is known again, this is drift and not a new grant.
        (Some(State::Undecided | State::Grace(_)), Presence::Absent | Presence::Unknown, _) => Decision::Rest,
        (None | Some(State::Ended(_)), Presence::Absent, Some(_)) => Decision::Forget,
        (None | Some(State::Ended(_)), Presence::Absent | Presence::Unknown, None) => Decision::Rest,
        (None | Some(State::Ended(_)), Presence::Held | Presence::Unknown, Some(owned)) => match world.guard.prune {
            Prune::Never => Decision::Keep,
            Prune::Owned | Prune::Exclusive => take_back(world, target, row, owned, presence),
        },
        (None | Some(State::Ended(_)), Presence::Held, None) => match world.guard.prune {
            Prune::Never | Prune::Owned => Decision::Foreign,
            Prune::Exclusive => evict(world, target, row),
        },
    }
}

/// A grant of ours that nothing entitles any more.
fn take_back(world: World<'_>, target: TargetIx, row: Row<'_>, owned: &Owned, presence: Presence) -> Decision {
    let why = taken(world, target, row, owned);
    let hold = |hold| Decision::Hold(Verb::Revoke, why.unwrap_or_else(|bare| bare), hold);
    match standing_hold(world, target, row.user) {
        Some(because) => hold(because),
        None if presence == Presence::Unknown => hold(Hold::Incomplete(gap(&world.actual.targets[target.at()]))),
        None => match why {
            Ok(Why { cause: Cause::Ended(Ending::Expired), product: Some(product), .. })
                if world.guard.blind.contains(&product) =>
            {
                hold(Hold::Incomplete(Gap::Source))
            }
            Ok(why) => Decision::Revoke(why),
            Err(_) => hold(Hold::Unverified(Doubt::NoEvidence)),
        },
    }
}

/// A foreign grant under `prune: exclusive`.
fn evict(world: World<'_>, target: TargetIx, row: Row<'_>) -> Decision {
    // A target that only the ledger still knows is looked at for what is ours on it; it is not ours to empty.
    if !world.catalog.gives(target) {
        return Decision::Foreign;
    }
    let why = Why { cause: Cause::Exclusive, order: None, product: None, line: 0, at: 0 };
    let holding = &world.actual.targets[target.at()];
    match standing_hold(world, target, row.user) {
        Some(because) => Decision::Hold(Verb::Revoke, why, because),
        None if !world.guard.blind.is_empty() => Decision::Hold(Verb::Revoke, why, Hold::Incomplete(Gap::Source)),
        // Who is missing from a lossy walk may be the buyer whom this holder was taken for.
        None if !matches!(holding.coverage, Coverage::Whole | Coverage::Asked) => {
            Decision::Hold(Verb::Revoke, why, Hold::Incomplete(gap(holding)))
        }
        None => Decision::Revoke(why),
    }
}

/// Holds that do not depend on the proof: who is protected, and a ledger that knows nothing yet.
fn standing_hold(world: World<'_>, target: TargetIx, user: UserIx) -> Option<Hold> {
    if world.catalog.target(target).protected || world.guard.protected.binary_search(&user).is_ok() {
        return Some(Hold::Protected);
    }
    (world.guard.ledger == LedgerAge::Fresh).then_some(Hold::FreshLedger)
}

fn gap(holding: &Holding) -> Gap {
    match holding.coverage {
        Coverage::Missing => Gap::Missing,
        Coverage::Unread => Gap::Unread,
        Coverage::Whole | Coverage::Asked | Coverage::Partial { .. } => Gap::Partial,
    }
}

/// Why something is given or adopted.
fn given(world: World<'_>, target: TargetIx, row: Row<'_>) -> Why {
    let claim = row.claim.expect("only an entitled row is given anything");
    let cause = match (row.owned, claim.origin) {
        (Some(_), _) => Cause::Drift,
        (None, Origin::Sale) => Cause::Sale,
        (None, Origin::Commit) => Cause::Commit,
    };
    Why {
        cause,
        order: Some(claim.order),
        product: Some(claim.product),
        line: line(world, claim.product, target),
        at: claim.at,
    }
}

/// Why something of ours is taken away; `Err` carries what is known where nothing proves it.
fn taken(world: World<'_>, target: TargetIx, row: Row<'_>, owned: &Owned) -> Result<Why, Why> {
    let mapped = line(world, owned.product, target);
    // The end of one order says nothing of another: the one that caused the grant must have ended too.
    let accounted = world
        .desired
        .ended_of(row.user)
        .iter()
        .any(|past| Some(past.order) == owned.order && past.product == owned.product);
    match row.claim {
        Some(&Claim { state: State::Ended(how), order, product, at, .. }) if accounted || mapped == 0 => {
            let line = line(world, product, target);
            Ok(Why { cause: Cause::Ended(how), order: Some(order), product: Some(product), line, at })
        }
        _ => {
            let why =
                Why { cause: Cause::Unmapped, order: owned.order, product: Some(owned.product), line: mapped, at: 0 };
            if mapped == 0 { Ok(why) } else { Err(why) }
        }
    }
}

/// The line that maps a product to a target; zero where none does.
fn line(world: World<'_>, product: ProductIx, target: TargetIx) -> u32 {
    let rule = world.catalog.rule(product);
    rule.entitlements.iter().find(|entitlement| entitlement.target == target).map_or(0, |entitlement| entitlement.line)
}
