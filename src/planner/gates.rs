//! What stands between a wanted action and the plan: the limits of the day, the membership that a role
//! needs, what leaving an organization would take along, and the proof.
//!
//! Pure. Lets through or holds with the reason; never adds an action. Which gate comes before which, and before the
//! holds that look at one change alone: see the module above.

use std::collections::{BTreeMap, BTreeSet};

use super::approval::Lifts;
use super::desired::{Ending, Past};
use super::input::{LedgerTrust, LimitUsage, Presence};
use super::intents::is_counted;
use super::limits::Over;
use super::safeguards::is_undone;
use super::{Action, Bound, Cause, Doubt, Gap, Held, Hold, Plan, PlanInput, Verb, limits, line};
use crate::model::{Limit, Limits, OrderKey, Recheck, Target, TargetIx, UserIx};

/// Holds what a commit would give beyond the limit of the day. Sales and drift pass.
pub(super) fn limit_grants(input: PlanInput<'_>, grants: Vec<Action>, held: &mut Vec<Held>) -> Vec<Action> {
    if input.constraints.ledger == LedgerTrust::Fresh {
        return grants;
    }
    let (limited, mut free): (Vec<_>, Vec<_>) = grants.into_iter().partition(|grant| grant.why.cause.is_limited());
    let passed = bounded(input, limited, |limits| limits.config_grants, |tally| tally.config_granted, held);
    free.extend(passed);
    free.sort_unstable_by_key(|action| (action.target, action.user));
    free
}

/// An organization role can be given to members only: where the membership is held, so is the role, for
/// the same reason.
pub(super) fn need_membership(input: PlanInput<'_>, grants: Vec<Action>, held: &mut Vec<Held>) -> Vec<Action> {
    let waiting: BTreeMap<(&Target, UserIx), Hold> = held
        .iter()
        .filter(|held| held.action.verb == Verb::Grant)
        .map(|held| ((&input.catalog.target(held.action.target).target, held.action.user), held.hold))
        .collect();
    let membership_hold = |action: &Action| match &input.catalog.target(action.target).target {
        Target::OrganizationRole { organization, .. } => {
            waiting.get(&(&Target::Membership { organization: organization.clone() }, action.user)).copied()
        }
        Target::Membership { .. } | Target::Role { .. } => None,
    };
    let mut ready = Vec::with_capacity(grants.len());
    for action in grants {
        match membership_hold(&action) {
            Some(hold) => held.push(Held { action, hold }),
            None => ready.push(action),
        }
    }
    ready
}

pub(super) fn limit_revocations(input: PlanInput<'_>, revocations: Vec<Action>, held: &mut Vec<Held>) -> Vec<Action> {
    bounded(input, revocations, |limits| limits.revocations, |tally| tally.revoked, held)
}

/// Whether somebody let this through although it is held for that.
fn is_approved(input: PlanInput<'_>, lifts: Lifts, action: &Action) -> bool {
    input.constraints.is_approved(lifts, action.verb, (action.target, action.user))
}

/// Lets through what somebody approved, each target that stays within its limit, then all of them if the
/// sum does. What was approved is not counted against the limit that it was approved to pass; what takes back what a
/// version of the file did shortly before is for no limit; and what is tried again within the day was counted when it
/// was tried before: it only needs the limit of today to allow that.
fn bounded(
    input: PlanInput<'_>,
    actions: Vec<Action>,
    limit: impl Fn(&Limits) -> Limit,
    spent: impl Fn(&LimitUsage) -> u64,
    held: &mut Vec<Held>,
) -> Vec<Action> {
    // Those of earlier versions that still count, too: the least decides.
    let limits: Vec<Limit> =
        std::iter::once(&input.constraints.limits).chain(&input.constraints.earlier.limits).map(limit).collect();
    let is_free = |action: &Action| is_approved(input, Lifts::Limit, action) || is_undone(input, action);
    let (mut passed, actions): (Vec<_>, Vec<_>) = actions.into_iter().partition(is_free);
    let (again, new): (Vec<_>, Vec<_>) = actions.into_iter().partition(|action| is_counted(input, action));
    passed.extend(within(input, again, &limits, |tally, wanted| spent(tally).saturating_sub(wanted), held));
    passed.extend(within(input, new, &limits, |tally, _| spent(tally), held));
    passed.sort_unstable_by_key(|action| (action.target, action.user));
    passed
}

/// Those that fit, each target by itself and then all together. `spent`: how much of the day was used before so many
/// were wanted.
fn within(
    input: PlanInput<'_>,
    actions: Vec<Action>,
    limits: &[Limit],
    spent: impl Fn(&LimitUsage, u64) -> u64,
    held: &mut Vec<Held>,
) -> Vec<Action> {
    let mut passed = Vec::with_capacity(actions.len());
    let mut refuse = |actions: &[Action], bound, over: Over| {
        held.extend(actions.iter().map(|&action| Held { action, hold: Hold::OverLimit(bound, over) }));
    };
    let over = |tally: &LimitUsage, wanted: usize| {
        let wanted = wanted as u64;
        limits::over(limits, tally.base, spent(tally, wanted), wanted)
    };
    let tallies = &input.ledger.tally;
    for of_target in actions.chunk_by(|a, b| a.target == b.target) {
        match over(&tallies[of_target[0].target.at()], of_target.len()) {
            Some(over) => refuse(of_target, Bound::Target(of_target[0].target), over),
            None => passed.extend_from_slice(of_target),
        }
    }
    if let Some(over) = over(&LimitUsage::sum(tallies), passed.len()) {
        refuse(&passed, Bound::Total, over);
        passed.clear();
    }
    passed
}

/// A grant before a revocation: where an order is for something or somebody else now and what it gives there is held,
/// what it gave before stays until then.
pub(super) fn after_their_grants(revocations: Vec<Action>, held: &mut Vec<Held>) -> Vec<Action> {
    let waiting: BTreeSet<OrderKey> =
        held.iter().filter(|held| held.action.verb == Verb::Grant).filter_map(|held| held.action.why.order).collect();
    let stays = |action: &Action| action.replaced_by().is_some_and(|order| waiting.contains(&order));
    let (staying, going): (Vec<_>, Vec<_>) = revocations.into_iter().partition(stays);
    held.extend(staying.into_iter().map(|action| Held { action, hold: Hold::Incomplete(Gap::Successor) }));
    going
}

/// Leaving an organization loses every role in it. So a membership goes only where each role that the
/// member holds there is managed and goes in this very plan.
pub(super) fn keep_ties(input: PlanInput<'_>, revocations: Vec<Action>, held: &mut Vec<Held>) -> Vec<Action> {
    let going: BTreeSet<(TargetIx, UserIx)> = revocations.iter().map(|action| (action.target, action.user)).collect();
    let stays = |action: &Action| {
        let Target::Membership { organization } = &input.catalog.target(action.target).target else { return false };
        let unmanaged = input.actual.targets[action.target.at()].tied.binary_search(&action.user).is_ok();
        let managed = input.catalog.indices().any(|(role, entry)| {
            matches!(&entry.target, Target::OrganizationRole { organization: of, .. } if of == organization)
                && input.actual.targets[role.at()].presence(action.user) != Presence::Absent
                && !going.contains(&(role, action.user))
        });
        unmanaged || managed
    };
    let (staying, leaving): (Vec<_>, Vec<_>) = revocations.into_iter().partition(stays);
    held.extend(staying.into_iter().map(|action| Held { action, hold: Hold::Foreign }));
    leaving
}

/// Lets through what is proved just now: the holder asked for by id, and the orders behind it read again.
/// Notes in `plan` what is still to be asked.
pub(super) fn prove(input: PlanInput<'_>, revocations: Vec<Action>, plan: &mut Plan) -> Vec<Action> {
    let mut proved = Vec::with_capacity(revocations.len());
    for action in revocations {
        let asked = input.actual.targets[action.target.at()].is_asked(action.user);
        let mut unread = BTreeSet::new();
        let mut failed = false;
        for order in told(input, &action) {
            match input.constraints.rechecks.get(&order) {
                Some(Recheck::Confirmed | Recheck::Unsupported) => {}
                Some(Recheck::Failed) => failed |= !is_approved(input, Lifts::Proof, &action),
                None => _ = unread.insert(order),
            }
        }
        let doubt = match failed {
            true => Doubt::OrderUnconfirmed,
            false if asked && unread.is_empty() => {
                proved.push(action);
                continue;
            }
            false => Doubt::NotAsked,
        };
        plan.held.push(Held { action, hold: Hold::Unverified(doubt) });
        if doubt == Doubt::NotAsked {
            plan.verify.orders.append(&mut unread);
            plan.verify.holders.insert((action.target, action.user));
        }
    }
    proved
}

/// The orders of which a payment API must say the same again: the one that is for something or somebody else
/// now; all whose end it told and that would entitle if it said otherwise; and subscriptions, since a renewal may
/// not have been read yet. An expiry is proved by the clock, a mapping or a source that is gone and `exclusive`
/// by the file.
fn told(input: PlanInput<'_>, action: &Action) -> impl Iterator<Item = OrderKey> {
    let (turned, past): (Option<OrderKey>, &[Past]) = match action.why.cause {
        Cause::Exchanged | Cause::Moved(_) => (action.why.order, input.desired.ended_of(action.user)),
        Cause::Ended(_) | Cause::Dropped | Cause::Upgrade(_) => (None, input.desired.ended_of(action.user)),
        // A person says so, or the file does; the others are no reason to take anything.
        Cause::Unmapped
        | Cause::Resolution
        | Cause::Undone
        | Cause::Exclusive
        | Cause::Unexplained
        | Cause::GivenAgain
        | Cause::Sale
        | Cause::Commit
        | Cause::Drift
        | Cause::Retry => (None, &[]),
    };
    let target = action.target;
    let by_word = move |past: &&Past| past.ending != Ending::Expired && line(input, past.product, target) != 0;
    turned.into_iter().chain(past.iter().filter(by_word).map(|past| past.order))
}
