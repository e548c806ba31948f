//! Desired + actual + what is ours + what is allowed -> the actions that close the gap.
//!
//! Flow: for each target the three sorted runs are merged once; every user in any of them falls into exactly one arm of
//! `decide`, which judges that one change by itself. What it lets through passes the `gates`, which judge all changes
//! together. What is stopped on the way is held, with the reason.
//!
//! Guarantees (promises 1 to 4 and 9): a revocation is planned only for a grant that the ledger owns (or
//! under `prune: exclusive`), that no order entitles to, whose end is proved by an order that was read
//! again (it has ended, or is for something else, or for somebody else) or by a commit, whose holder was asked for by
//! id, and within the limits of the day.
//!
//! # The order of the holds
//! Where several holds apply to one change, the first of these that nobody has approved is its reason. What people said
//! comes before what a look has found, what one change shows by itself (1 to 4 and 1 to 6, here and in `safeguards`)
//! before what only all of them show (in `gates` and `intents`), and the proof comes last, since it costs calls.
//!
//! For a grant:
//! 1. `Incomplete`: whether the user holds it already is not known
//! 2. `Protected`, by `protect.roles`; then `Frozen`, by a freeze of everything
//! 3. `Settling`: an earlier version of the file protects the role
//! 4. `Flapping`
//! 5. `OverLimit`, where a commit causes it
//! 6. for a role in an organization: whatever holds the membership that it needs
//!
//! For a revocation:
//! 1. `Protected`, then `Frozen`
//! 2. `FreshLedger`
//! 3. `Settling`: an earlier version of the file protects the user or the role, or prunes less
//! 4. `ClockDoubtful`
//! 5. `Incomplete`: a target, a name or a source was not read whole
//! 6. `Unverified`, where nothing says why it should end; where something does that an order elsewhere might
//!    contradict, `Incomplete`
//! 7. `Stuck`: Logto says time and again that it took it, and did not
//! 8. `Incomplete`: what the same order gives instead is held itself
//! 9. `OverLimit`
//! 10. `Foreign`: a membership would take along a role that stays
//! 11. `Unverified`: the order was not confirmed, or the holder not asked for. A membership that carries what is held
//!     for this is `Foreign`.
//!
//! Pure and total: no I/O, no clock; the same world gives the same plan. The plan is a plain value and
//! leaves no choice to the code that carries it out.

pub mod approval;
pub mod desired;
mod evidence;
mod gates;
pub mod input;
mod intents;
pub mod limits;
mod plan;
mod safeguards;
mod undo;

use crate::model::{Adopt, Catalog, Prune, TargetIx, UserIx};
use approval::Lifts;
use desired::{Claim, Desired, Ending, State};
use evidence::{given, line, released, stands_unknown, taken, taken_back};
use gates::{after_their_grants, keep_ties, limit_grants, limit_revocations, need_membership, prove};
use input::{Actual, Coverage, Freeze, Holding, LedgerTrust, LedgerView, OwnedGrant, PlanConstraints, Presence};
use intents::{hold_stuck, without_what_is_gone};
use safeguards::{is_undone, prune_settling, role_settling, user_settling};

pub use crate::model::Verb;
pub use input::Intent;
pub use intents::TRIES;
pub use plan::{
    Action, Author, Bound, Came, Cause, Closed, Doubt, Gap, Held, Hold, Mover, NewRule, Off, Plan, Safeguard,
    TargetTally, Verify, Whose, Why,
};
pub use undo::{Inverse, undo};

/// Everything the planner looks at.
#[derive(Clone, Copy, Debug)]
pub struct PlanInput<'a> {
    /// What products entitle to.
    pub catalog: &'a Catalog,
    /// What should be.
    pub desired: &'a Desired,
    /// What is.
    pub actual: &'a Actual,
    /// What is ours.
    pub ledger: &'a LedgerView,
    /// What is allowed.
    pub constraints: &'a PlanConstraints,
}

/// What closes the gap between what is and what should be.
///
/// Flow: each user of each target falls into one arm of `decide`; what that wants passes the gates; what is stopped is
/// held with its reason. The module says which reason comes before which.
///
/// Guarantees: pure and total; the same input gives the same plan, in the same order. Each wanted change is in exactly
/// one of `actions` and `held`, and nothing is left to decide when they are carried out.
///
/// Assumes that the runs are sorted by user, and that indices are those of `catalog`. Nothing is taken for
/// what is missing: a target that was not read completely, an order that nobody confirmed.
///
/// Caveat: a revocation that still lacks its proof is held, with what to look at in [`Plan::verify`]; the pass looks,
/// and plans once more. Linear in the sizes of the runs.
pub fn plan(input: PlanInput<'_>) -> Plan {
    let mut plan = Plan::default();
    let mut grants = Vec::new();
    let mut revocations = Vec::new();
    for (target, _) in input.catalog.indices() {
        let mut tally = TargetTally::default();
        for row in merge(input, target) {
            let row = without_what_is_gone(input, target, row);
            tally.desired += u64::from(row.claim.is_some_and(|claim| claim.state == State::Entitled));
            tally.actual += u64::from(row.held);
            match decide(input, target, row) {
                Decision::Rest => plan.follows.extend(followed(input, target, row)),
                Decision::Keep => tally.kept += 1,
                Decision::Foreign => tally.foreign += 1,
                Decision::PaidForeign => tally.foreign_paid += 1,
                Decision::Grant(why) => grants.push(Action { verb: Verb::Grant, target, user: row.user, why }),
                Decision::Adopt(why) => plan.adopt.push(Action { verb: Verb::Adopt, target, user: row.user, why }),
                Decision::Release(why) => {
                    tally.foreign += 1;
                    plan.release.push(Action { verb: Verb::Release, target, user: row.user, why });
                }
                Decision::Revoke(why) => revocations.push(Action { verb: Verb::Revoke, target, user: row.user, why }),
                Decision::Forget => plan.forget.push((target, row.user)),
                Decision::Hold(verb, why, hold) => {
                    plan.held.push(Held { action: Action { verb, target, user: row.user, why }, hold });
                }
            }
        }
        plan.tallies.push(tally);
    }
    plan.pass_gates(input, grants, revocations);
    plan
}

impl Plan {
    /// Gate after gate, in the order of the module; then everything in the order in which it is to be carried out.
    fn pass_gates(&mut self, input: PlanInput<'_>, grants: Vec<Action>, revocations: Vec<Action>) {
        let grants = limit_grants(input, grants, &mut self.held);
        self.actions = need_membership(input, grants, &mut self.held);
        let revocations = hold_stuck(input, revocations, &mut self.held);
        let revocations = after_their_grants(revocations, &mut self.held);
        let revocations = limit_revocations(input, revocations, &mut self.held);
        let revocations = keep_ties(input, revocations, &mut self.held);
        let revocations = prove(input, revocations, self);
        // Once more: a role whose proof is missing stays, and so must the membership that carries it.
        let mut revocations = keep_ties(input, revocations, &mut self.held);
        revocations.sort_unstable_by_key(|action| (std::cmp::Reverse(action.target), action.user));
        self.actions.extend(revocations);
        self.closed = intents::closed(input, &self.actions);
        self.undone = self.actions.iter().filter(|action| is_undone(input, action)).map(cell).collect();
        self.held.sort_unstable_by_key(|held| (held.action.verb, held.action.target, held.action.user));
    }
}

fn cell(action: &Action) -> (Verb, TargetIx, UserIx) {
    (action.verb, action.target, action.user)
}

/// One user on one target, as the three runs have it.
#[derive(Clone, Copy, Debug)]
struct Row<'a> {
    user: UserIx,
    claim: Option<&'a Claim>,
    held: bool,
    owned: Option<&'a OwnedGrant>,
}

/// Every user of any of the three runs of a target, each once, in order.
fn merge<'a>(input: PlanInput<'a>, target: TargetIx) -> impl Iterator<Item = Row<'a>> {
    let mut claims = input.desired.targets[target.at()].iter().peekable();
    let mut holders = input.actual.targets[target.at()].holders.iter().copied().peekable();
    let mut owned = input.ledger.targets[target.at()].iter().peekable();
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
    /// Not ours, and paid for by now.
    PaidForeign,
    Grant(Why),
    Adopt(Why),
    /// No longer ours; its holder keeps it.
    Release(Why),
    Revoke(Why),
    Forget,
    Hold(Verb, Why, Hold),
}

/// What the ledger is to name as the reason of a grant that is as it should be: the order that pays for it. Otherwise
/// the end of one that ended long ago would be taken for the end of what pays now. What a commit made ours keeps its
/// reason, which the revert of that commit goes by.
fn followed(input: PlanInput<'_>, target: TargetIx, row: Row<'_>) -> Option<Action> {
    let (claim, owned) = (row.claim?, row.owned?);
    let pays = row.held && claim.state == State::Entitled;
    let kept = input.constraints.adopted_by_commit.contains(&(target, row.user));
    let is_other = owned.order != Some(claim.order) || owned.product != claim.product;
    let why = Why { cause: Cause::Sale, ..given(input, target, row) };
    (pays && is_other && !kept).then_some(Action { verb: Verb::Adopt, target, user: row.user, why })
}

/// What is to happen to one user on one target. In one piece: each arm is one case, and their order is the rule.
fn decide(input: PlanInput<'_>, target: TargetIx, row: Row<'_>) -> Decision {
    let holding = &input.actual.targets[target.at()];
    let presence = holding.presence(row.user);
    let state = row.claim.map(|claim| claim.state);
    let cell = (target, row.user);
    match (state, presence, row.owned) {
        (_, Presence::Held, Some(owned))
            if input.constraints.given_again.contains(&cell) && stays(input, target, state) =>
        {
            Decision::Release(released(input, target, owned, Cause::GivenAgain))
        }
        (Some(State::Entitled), Presence::Held, Some(_)) => Decision::Rest,
        // Somebody has said that it is not ours to manage, and it is as it should be.
        (Some(State::Entitled), Presence::Held, None) if input.constraints.released.contains(&cell) => Decision::Rest,
        (Some(State::Entitled), Presence::Held, None) if !may_adopt(input, cell) => Decision::PaidForeign,
        (Some(State::Entitled), Presence::Held, None) => Decision::Adopt(given(input, target, row)),
        (Some(State::Entitled), Presence::Absent, _) => {
            let why = given(input, target, row);
            match grant_hold(input, cell) {
                Some(because) => Decision::Hold(Verb::Grant, why, because),
                None => Decision::Grant(why),
            }
        }
        (Some(State::Entitled), Presence::Unknown, _) => {
            Decision::Hold(Verb::Grant, given(input, target, row), Hold::Incomplete(gap(holding)))
        }
        (Some(State::Undecided | State::Grace(_)), Presence::Held, _) => Decision::Keep,
        // The row is kept with the claim: once the order is known again, this is drift and not a new grant.
        (Some(State::Undecided | State::Grace(_)), Presence::Absent | Presence::Unknown, _) => Decision::Rest,
        (None | Some(State::Ended(_)), presence, Some(owned)) if stands_unknown(input, target, row.user, owned) => {
            if presence == Presence::Held {
                Decision::Keep
            } else {
                Decision::Rest
            }
        }
        (None | Some(State::Ended(_)), Presence::Absent, Some(_)) => Decision::Forget,
        // Deleted in Logto and named by the file no more: its grants went with it, and it never comes back.
        (None | Some(State::Ended(_)), Presence::Unknown, Some(_))
            if holding.coverage == Coverage::Missing && !input.catalog.gives(target) =>
        {
            Decision::Forget
        }
        (None | Some(State::Ended(_)), Presence::Absent | Presence::Unknown, None) => Decision::Rest,
        (None | Some(State::Ended(_)), Presence::Held | Presence::Unknown, Some(owned)) => {
            match input.constraints.prune {
                Prune::Never => Decision::Keep,
                // It was there before the commit that made an order explain it, and that commit is taken back.
                Prune::Owned | Prune::Exclusive
                    if presence == Presence::Held
                        && input.constraints.adopted_by_commit.contains(&cell)
                        && stays(input, target, state)
                        && let Some(cause) = taken_back(input, target, row.user, owned) =>
                {
                    Decision::Release(released(input, target, owned, cause))
                }
                Prune::Owned | Prune::Exclusive => take_back(input, target, row, owned, presence),
            }
        }
        (None | Some(State::Ended(_)), Presence::Held, None) => match input.constraints.prune {
            Prune::Never | Prune::Owned => Decision::Foreign,
            Prune::Exclusive => evict(input, target, row),
        },
    }
}

/// Whether an order that entitles to what is held already takes it over.
fn may_adopt(input: PlanInput<'_>, cell: (TargetIx, UserIx)) -> bool {
    input.constraints.adopt == Adopt::Explained && !input.constraints.foreign.contains(&cell)
}

/// Whether a grant stays where it is when it is foreign.
fn stays(input: PlanInput<'_>, target: TargetIx, state: Option<State>) -> bool {
    let ended = matches!(state, None | Some(State::Ended(_)));
    !(ended && input.constraints.prune == Prune::Exclusive && input.catalog.gives(target))
}

/// A grant of ours that no order entitles to any more.
fn take_back(input: PlanInput<'_>, target: TargetIx, row: Row<'_>, owned: &OwnedGrant, presence: Presence) -> Decision {
    let why = taken(input, target, row, owned);
    let bare = why.unwrap_or_else(|bare| bare);
    let hold = |hold| Decision::Hold(Verb::Revoke, bare, hold);
    match revocation_hold(input, Prune::Owned, &Action { verb: Verb::Revoke, target, user: row.user, why: bare }) {
        Some(because) => hold(because),
        None if presence == Presence::Unknown => hold(Hold::Incomplete(gap(&input.actual.targets[target.at()]))),
        None => match why {
            Ok(_) if line(input, owned.product, target) == 0 && input.catalog.nameless.contains(&owned.product) => {
                hold(Hold::Incomplete(Gap::Name))
            }
            Ok(_) if by_clock_alone(input, row.claim) => hold(Hold::Incomplete(Gap::Source)),
            Err(_) if !input.constraints.is_approved(Lifts::Proof, Verb::Revoke, (target, row.user)) => {
                hold(Hold::Unverified(Doubt::NoEvidence))
            }
            // Whatever entitles instead may be among what was not read, or could not be.
            Ok(Why { cause: Cause::Dropped | Cause::Upgrade(NewRule::Sources), .. }) | Err(_)
                if !input.constraints.blind.is_empty() =>
            {
                hold(Hold::Incomplete(Gap::Elsewhere))
            }
            Ok(Why { cause: Cause::Dropped | Cause::Upgrade(NewRule::Sources), .. }) | Err(_)
                if is_unclear(input, target) =>
            {
                hold(Hold::Incomplete(Gap::Odd))
            }
            // Proved, or a person has given their word for it.
            Ok(why) | Err(why) => Decision::Revoke(why),
        },
    }
}

/// Whether only the clock says that what was bought has ended, and a source that may know of a renewal was not read.
fn by_clock_alone(input: PlanInput<'_>, claim: Option<&Claim>) -> bool {
    let clock = |state| matches!(state, State::Ended(Ending::Expired | Ending::Recounted | Ending::Lapsed));
    claim.is_some_and(|claim| clock(claim.state) && input.constraints.blind.contains(&claim.product))
}

/// Whether one of the orders that could not be read may be for what gives this target.
fn is_unclear(input: PlanInput<'_>, target: TargetIx) -> bool {
    input.constraints.unclear.iter().any(|product| line(input, *product, target) != 0)
}

/// A foreign grant under `prune: exclusive`.
fn evict(input: PlanInput<'_>, target: TargetIx, row: Row<'_>) -> Decision {
    // A target that only the ledger still knows is looked at for what is ours on it; it is not ours to empty.
    if !input.catalog.gives(target) {
        return Decision::Foreign;
    }
    let why = Why { cause: Cause::Exclusive, order: None, product: None, line: 0, at: 0 };
    let holding = &input.actual.targets[target.at()];
    match revocation_hold(input, Prune::Exclusive, &Action { verb: Verb::Revoke, target, user: row.user, why }) {
        // Exempt, and counted among what is kept: no person has to do anything about it, ever.
        Some(Hold::Protected) => Decision::Keep,
        Some(because) => Decision::Hold(Verb::Revoke, why, because),
        None if !input.constraints.blind.is_empty() => Decision::Hold(Verb::Revoke, why, Hold::Incomplete(Gap::Source)),
        None if !input.catalog.nameless.is_empty() => Decision::Hold(Verb::Revoke, why, Hold::Incomplete(Gap::Name)),
        None if is_unclear(input, target) => Decision::Hold(Verb::Revoke, why, Hold::Incomplete(Gap::Odd)),
        // Who is missing from a lossy walk may be the buyer whom this holder was taken for.
        None if !matches!(holding.coverage, Coverage::Whole | Coverage::Asked) => {
            Decision::Hold(Verb::Revoke, why, Hold::Incomplete(gap(holding)))
        }
        None => Decision::Revoke(why),
    }
}

/// Holds on a grant that do not depend on its number.
fn grant_hold(input: PlanInput<'_>, cell: (TargetIx, UserIx)) -> Option<Hold> {
    if input.catalog.target(cell.0).protected {
        return Some(Hold::Protected);
    }
    if input.constraints.freeze == Freeze::Everything {
        return Some(Hold::Frozen);
    }
    if let Some(hold) = role_settling(input, Verb::Grant, cell.0, cell.1) {
        return Some(hold);
    }
    let flapping = input.constraints.flapping.contains(&cell);
    (flapping && !input.constraints.is_approved(Lifts::Flapping, Verb::Grant, cell)).then_some(Hold::Flapping)
}

/// Holds on a revocation that do not depend on the proof: who is protected, a freeze, a ledger that knows nothing
/// yet, and a version of the file that was more careful.
fn standing_hold(input: PlanInput<'_>, target: TargetIx, user: UserIx) -> Option<Hold> {
    if input.catalog.target(target).protected {
        return Some(Hold::Protected);
    }
    user_hold(input, target, user)
        .or_else(|| user_settling(input, target, user))
        .or_else(|| role_settling(input, Verb::Revoke, target, user))
}

/// Those of them that also apply to a change that takes back what a version of the file did.
fn user_hold(input: PlanInput<'_>, target: TargetIx, user: UserIx) -> Option<Hold> {
    if input.constraints.protected.binary_search(&user).is_ok() {
        return Some(Hold::Protected);
    }
    if input.constraints.freeze != Freeze::Nothing {
        return Some(Hold::Frozen);
    }
    let approved = input.constraints.is_approved(Lifts::FreshLedger, Verb::Revoke, (target, user));
    (input.constraints.ledger == LedgerTrust::Fresh && !approved).then_some(Hold::FreshLedger)
}

/// What holds a revocation besides its proof and the limits. A clock that is off must take nothing.
fn revocation_hold(input: PlanInput<'_>, least: Prune, action: &Action) -> Option<Hold> {
    let (target, user) = (action.target, action.user);
    // What an earlier version of the file gave away is not what `protect.roles` is there to keep; and that version must
    // not shield what it did by a protection of its own.
    let hold = if is_undone(input, action) {
        user_hold(input, target, user)
    } else {
        standing_hold(input, target, user).or_else(|| prune_settling(input, least, target, user))
    };
    hold.or_else(|| clock_doubt(input, target, user).map(Hold::ClockDoubtful))
}

/// How far the clock is off by which one of a user's purchases does not entitle to the target any more:
/// whatever ends the others, with that one they would still be entitled. It does not matter which way it is
/// off, since nobody can say which of the two clocks is right.
fn clock_doubt(input: PlanInput<'_>, target: TargetIx, user: UserIx) -> Option<Off> {
    let clock = &input.constraints.clock;
    let approved = || input.constraints.is_approved(Lifts::Clock, Verb::Revoke, (target, user));
    if (clock.logto.is_none() && clock.orders.is_empty()) || approved() {
        return None;
    }
    let mut by_clock = input.desired.ended_of(user).iter().filter(|past| {
        let rule = input.catalog.rule(past.product);
        let waited = matches!(past.ending, Ending::Expired | Ending::Lapsed) || !rule.grace.is_zero();
        waited && line(input, past.product, target) != 0
    });
    match clock.logto {
        Some(by) => by_clock.next().map(|_| Off { by, whose: Whose::Logto }),
        None => by_clock.find_map(|past| {
            let by = *clock.orders.get(&past.order)?;
            Some(Off { by, whose: Whose::SourceOf(past.order) })
        }),
    }
}

fn gap(holding: &Holding) -> Gap {
    match holding.coverage {
        Coverage::Missing => Gap::Missing,
        Coverage::Unread => Gap::Unread,
        Coverage::Whole | Coverage::Asked | Coverage::Partial { .. } => Gap::Partial,
    }
}
