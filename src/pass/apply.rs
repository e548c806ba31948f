//! One batch of a plan: carried out, and journaled before and after its write. What comes in which order is
//! `execution`'s: memberships, organization roles, roles, then revocations the other way round; each stage in
//! batches, a few at a time; the next stage begins when the last one has ended.
//!
//! What is journaled, and when: [`store`] has the rule. A grant Logto says it has taken counts as gone only once the
//! holder was asked for by id.
//!
//! Guarantees: one user's failure never blocks another's; nothing is decided here that the plan has not decided.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::PlannedPass;
use super::let_through::LetThrough;
use super::observe::{self, Observed};
use crate::logto::{Outcome, Reader, Writer};
use crate::model::{Grant, Ownership, RunId, Target, TargetIx, UserId, UserIx};
use crate::planner::input::Coverage;
use crate::planner::{Action, Came, Verb};
use crate::report::run::ActionOutcome;
use crate::store::{self, ClosedIntents, End, LedgerRow, Store, StoreError};

/// What carrying out needs: this is the only place that can write to Logto.
#[derive(Clone, Copy)]
pub struct Executor<'a> {
    /// Writes to Logto.
    pub writer: &'a Writer,
    /// Keeps the journal.
    pub store: &'a Store,
    /// What of it somebody let through.
    pub(super) let_through: &'a LetThrough,
    /// The pass this belongs to.
    pub run: &'a RunId,
    /// Users a call.
    pub batch: usize,
    /// Batches in flight.
    pub at_once: usize,
    /// When the pass began.
    pub now: Timestamp,
}

pub(super) const NO_USER: &str = "the user is gone";
/// No claim can rest on it: what is given without one could never be explained or taken back.
const NO_ORDER: &str = "the store has lost the order behind it; the next pass looks again";
pub(crate) const NO_TARGET: &str = "the target is gone";
const STILL_HELD: &str = "Logto said that it was taken, and it is still held; it is tried again";
const NOT_ASKED: &str = "Logto said that it was taken, and it could not be asked whether it is gone";
const ENDING: &str = "entitled was told to stop";
/// Said of a membership.
pub(super) const ROLE_KEPT: &str = "a role in this organization could not be taken first";

/// Whether a batch ends a membership that would take along a role which was to be taken before it, and was not.
pub(super) fn would_take_along(
    planned: &PlannedPass,
    batch: &[(usize, &Action)],
    kept: &BTreeSet<(TargetIx, UserIx)>,
) -> bool {
    let target = |ix: TargetIx| &planned.catalog.target(ix).target;
    batch.iter().filter(|(_, action)| action.verb == Verb::Revoke).any(|(_, action)| match target(action.target) {
        Target::Membership { organization } => kept.iter().any(|(role, user)| {
            *user == action.user
                && matches!(target(*role), Target::OrganizationRole { organization: of, .. } if of == organization)
        }),
        Target::OrganizationRole { .. } | Target::Role { .. } => false,
    })
}

/// One batch, on one target: journaled, sent, and for a grant closed. Answers in the order of the batch. Revocations
/// are [`confirmed`](confirm_gone) and closed later, many at a time.
///
/// Guarantees: nothing is sent to Logto that is not in the journal. Where an answer leaves open what happened, so does
/// the journal, and the next pass sees what became of it.
///
/// Assumes that all of the batch has one verb and one target, and that the stage before it has ended.
///
/// # Errors
/// Where the store fails; whatever Logto says is an outcome.
pub(super) async fn carry_out(
    executor: Executor<'_>,
    planned: &PlannedPass,
    batch: &[(usize, &Action)],
) -> Result<Vec<ActionOutcome>, StoreError> {
    let (_, first) = batch[0];
    let Executor { let_through, store, run, now, .. } = executor;
    let_through.spend(store, run, batch.iter().map(|(number, _)| *number), now).await?;
    match first.verb {
        Verb::Grant => grant(executor, planned, batch).await,
        // One call each, so each is a batch of its own: several are in flight, and the end is heard between two.
        Verb::Revoke => {
            let mut came = Vec::with_capacity(batch.len());
            for (number, action) in batch {
                came.push(revoke(executor, planned, *number, action).await?);
            }
            Ok(came)
        }
        Verb::Adopt | Verb::Release => Ok(vec![ActionOutcome::AlreadySo; batch.len()]),
    }
}

/// Journals grants, asks Logto for them, and journals what came of it. In one piece: the three belong together.
async fn grant(
    executor: Executor<'_>,
    planned: &PlannedPass,
    batch: &[(usize, &Action)],
) -> Result<Vec<ActionOutcome>, StoreError> {
    let claims: Vec<Option<LedgerRow>> =
        batch.iter().map(|(_, action)| row(planned, action, executor.run, executor.now)).collect();
    let rows: Vec<LedgerRow> = claims.iter().flatten().cloned().collect();
    if rows.is_empty() {
        return Ok(vec![ActionOutcome::Failed(NO_ORDER.to_owned()); batch.len()]);
    }
    let authored = batch
        .iter()
        .filter_map(|(_, action)| Some((planned.grant(action.target, action.user), planned.author(action)?)));
    executor.store.journal_authored(executor.run, &rows, &authored.collect()).await?;
    let users: Vec<UserId> = rows.iter().map(|row| row.grant.user.clone()).collect();
    let outcomes = match &rows[0].grant.target {
        Target::Role { role } => executor.writer.grant_role(role, &users).await,
        Target::Membership { organization } => executor.writer.add_members(organization, &users).await,
        Target::OrganizationRole { organization, role } => {
            executor.writer.grant_organization_role(organization, role, &users).await
        }
    };
    let outcomes: BTreeMap<UserId, Outcome> = outcomes.into_iter().collect();
    let mut refused = Vec::new();
    let mut made = Vec::new();
    let mut came = Vec::with_capacity(batch.len());
    for claim in claims {
        let Some(row) = claim else {
            came.push(ActionOutcome::Failed(NO_ORDER.to_owned()));
            continue;
        };
        came.push(match outcomes.get(&row.grant.user) {
            Some(Outcome::Done) => {
                made.push(row.grant);
                ActionOutcome::Done
            }
            Some(Outcome::AlreadySo) => {
                made.push(row.grant);
                ActionOutcome::AlreadySo
            }
            Some(Outcome::NoUser) => {
                refused.push(row.grant);
                ActionOutcome::Gone(NO_USER)
            }
            Some(Outcome::NoTarget) => {
                refused.push(row.grant);
                ActionOutcome::Gone(NO_TARGET)
            }
            Some(Outcome::Failed(error)) => {
                // Where nobody can say whether it was made, the ledger keeps the claim: a grant that we
                // made and do not know of could never be taken back.
                if !error.is_transient() {
                    refused.push(row.grant);
                }
                ActionOutcome::Failed(error.to_string())
            }
            None => ActionOutcome::Failed("Logto said nothing of this user".to_owned()),
        });
    }
    executor.store.unjournal_grants(executor.run, &refused, "Logto refused it", executor.now).await?;
    executor.store.confirm(&made, executor.now).await?;
    Ok(came)
}

async fn revoke(
    executor: Executor<'_>,
    planned: &PlannedPass,
    number: usize,
    action: &Action,
) -> Result<ActionOutcome, StoreError> {
    let grant = planned.grant(action.target, action.user);
    let because = planned.view.changes[number].because.clone();
    executor.store.begin_ends(&[end(planned, action, because)], executor.now).await?;
    Ok(match executor.writer.revoke(&grant.user, &grant.target).await {
        Outcome::Done => ActionOutcome::Done,
        // Gone with its user or its target is gone all the same.
        Outcome::AlreadySo | Outcome::NoUser | Outcome::NoTarget => ActionOutcome::AlreadySo,
        Outcome::Failed(error) => {
            // What Logto refused for good was not taken, and counts for no day.
            if !error.is_transient() {
                let refused = ClosedIntents { kept: vec![grant], ..ClosedIntents::default() };
                executor.store.close_intents(executor.run, &refused, executor.now).await?;
            }
            ActionOutcome::Failed(error.to_string())
        }
    })
}

/// Asks whether what Logto says that it has taken is gone: of a role in one call for a hundred holders, in
/// organizations in one for each user. What is gone ends; what is not, or could not be asked for, has failed, and
/// the next pass sees to it. `came`: places in the plan, each with what Logto said. `end`: when nobody is to be waited
/// for any more.
pub(super) async fn confirm_gone(
    executor: Executor<'_>,
    reader: &Reader,
    planned: &PlannedPass,
    came: &mut [(usize, ActionOutcome)],
    end: impl Future<Output = ()>,
) -> Result<(), StoreError> {
    let action = |number: usize| &planned.plan.actions[number];
    let mut asked: BTreeMap<TargetIx, BTreeSet<UserId>> = BTreeMap::new();
    for (number, _) in came.iter().filter(|(_, came)| *came == ActionOutcome::Done) {
        let Action { target, user, .. } = action(*number);
        asked.entry(*target).or_default().insert(planned.user_index.id(*user).clone());
    }
    let mut seen = Observed::of(&planned.catalog);
    let mut why = None;
    if !asked.is_empty() {
        tokio::select! {
            confirmed = observe::confirm(reader, &planned.catalog, &mut seen, asked) => {
                why = confirmed.err().map(|error| error.to_string());
            }
            () = end => why = Some(ENDING.to_owned()),
        }
    }
    let why = why.or_else(|| seen.troubles.first().map(|(_, error)| error.to_string()));
    let why = why.map_or_else(String::new, |why| format!(": {why}"));
    let (mut gone, mut in_vain) = (Vec::new(), Vec::new());
    for (number, came) in came.iter_mut() {
        let Action { target, user, .. } = action(*number);
        let (holding, user) = (&seen.targets[target.at()], planned.user_index.id(*user));
        let grant = || planned.grant(*target, action(*number).user);
        match came {
            ActionOutcome::AlreadySo => gone.push(grant()),
            ActionOutcome::Done if holding.coverage == Coverage::Missing => gone.push(grant()),
            ActionOutcome::Done if !holding.asked.contains(user) => {
                *came = ActionOutcome::Failed(format!("{NOT_ASKED}{why}"));
            }
            ActionOutcome::Done if holding.holders.contains(user) => {
                in_vain.push(grant());
                *came = ActionOutcome::Failed(STILL_HELD.to_owned());
            }
            ActionOutcome::Done => gone.push(grant()),
            ActionOutcome::Failed(_) | ActionOutcome::Gone(_) => {}
        }
    }
    let closed = ClosedIntents { revoked: gone, ..ClosedIntents::default() };
    executor.store.close_intents(executor.run, &closed, executor.now).await?;
    if in_vain.is_empty() { Ok(()) } else { executor.store.note_in_vain(&in_vain).await }
}

/// What a look says of writes that nobody had heard back of; without some users.
pub(super) fn closed_but(planned: &PlannedPass, left: &BTreeSet<UserIx>) -> ClosedIntents {
    let mut closed = ClosedIntents::default();
    for one in planned.plan.closed.iter().filter(|one| !left.contains(&one.user)) {
        let of_it = match one.came {
            Came::Granted => &mut closed.granted,
            Came::Revoked => &mut closed.revoked,
            Came::Kept => &mut closed.kept,
            Came::Waits => &mut closed.waiting,
        };
        of_it.push(planned.grant(one.target, one.user));
    }
    closed
}

/// What a plan adopts, as the ledger writes it down.
pub fn adoptions(planned: &PlannedPass, run: &RunId, now: Timestamp) -> Vec<LedgerRow> {
    adoptions_but(planned, &BTreeSet::new(), run, now)
}

/// The same without some users.
pub(super) fn adoptions_but(
    planned: &PlannedPass,
    left: &BTreeSet<UserIx>,
    run: &RunId,
    now: Timestamp,
) -> Vec<LedgerRow> {
    let adopt = planned.plan.adopt.iter().filter(|action| !left.contains(&action.user));
    adopt.filter_map(|action| row(planned, action, run, now)).collect()
}

/// Grants of ours of which the ledger is to name another order, without some users.
pub(super) fn followed_but(
    planned: &PlannedPass,
    left: &BTreeSet<UserIx>,
    run: &RunId,
    now: Timestamp,
) -> Vec<LedgerRow> {
    let follows = planned.plan.follows.iter().filter(|action| !left.contains(&action.user));
    follows.filter_map(|action| row(planned, action, run, now)).collect()
}

/// What a plan gives up without taking it from anybody, each for a reason; without some users.
pub(super) fn released(planned: &PlannedPass, left: &BTreeSet<UserIx>) -> Vec<End> {
    let reasons = planned.view.releases.iter().map(|change| change.because.clone());
    let release = planned.plan.release.iter().zip(reasons).filter(|(action, _)| !left.contains(&action.user));
    release.map(|(action, because)| end(planned, action, because)).collect()
}

/// What ends a grant, as the trail keeps it.
fn end(planned: &PlannedPass, action: &Action, because: String) -> End {
    let order = action.why.order.and_then(|order| planned.orders.get(&order));
    End {
        author: planned.author(action),
        grant: planned.grant(action.target, action.user),
        because,
        order: order.map(|order| (order.source.clone(), order.id.clone())),
        product: action.why.product.map(|product| planned.catalog.rule(product).product.clone()),
        line: (action.why.line > 0).then_some(action.why.line),
        commit: planned.view.config.version().to_owned(),
    }
}

/// What of the ledger nobody holds and nothing wants.
pub fn forgotten(planned: &PlannedPass) -> Vec<Grant> {
    forgotten_but(planned, &BTreeSet::new())
}

/// The same without some users.
pub(super) fn forgotten_but(planned: &PlannedPass, left: &BTreeSet<UserIx>) -> Vec<Grant> {
    let forget = planned.plan.forget.iter().filter(|(_, user)| !left.contains(user));
    forget.map(|(target, user)| planned.grant(*target, *user)).collect()
}

/// The ledger's row for something that is given or adopted. `None` where the store has lost the order, which
/// no claim can rest on.
fn row(planned: &PlannedPass, action: &Action, run: &RunId, now: Timestamp) -> Option<LedgerRow> {
    let order = planned.orders.get(&action.why.order?)?;
    let product = planned.catalog.rule(action.why.product?).product.clone();
    let ownership = if action.verb == Verb::Adopt { Ownership::Adopted } else { Ownership::Granted };
    let by_commit = match ownership {
        // It counts for the limit.
        Ownership::Granted => action.why.cause.is_limited(),
        // It is given up when the commit is taken back.
        Ownership::Adopted => action.why.cause.is_limited() || planned.new_sources.contains(&order.source),
    };
    Some(LedgerRow {
        grant: planned.grant(action.target, action.user),
        ownership,
        cause: if by_commit { store::Cause::Commit } else { store::Cause::Order },
        source: order.source.clone(),
        order: order.id.clone(),
        order_key: action.why.order,
        product,
        line: action.why.line,
        commit: planned.view.config.version().to_owned(),
        since: now,
        run: run.clone(),
        undone: 0,
    })
}
