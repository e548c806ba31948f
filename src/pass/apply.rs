//! Plan -> RunReport: carries a plan out, and journals before and after every write.
//!
//! Flow: memberships, organization roles, roles, then revocations the other way round; each stage in batches,
//! a few at a time; the next stage begins when the last one has ended. A grant is journaled before its call
//! and a revocation after it, so that a crash can only make the ledger claim a grant that Logto lacks, which
//! the next pass repairs.
//!
//! Guarantees: one user's failure never blocks another's; nothing is decided here that the plan has not
//! decided; when the end is asked for, what is in flight is finished and journaled, and the rest is left.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;

use super::PlannedPass;
use crate::logto::{Outcome, Writer};
use crate::model::{Grant, Ownership, RunId, Target, TargetIx, UserId, UserIx};
use crate::planner::{Action, Cause, Verb};
use crate::report::run::{ActionOutcome, ActionResult, RunReport};
use crate::shutdown::Shutdown;
use crate::store::{self, End, LedgerRow, Store, StoreError};

/// What carrying out needs: this is the only place that can write to Logto.
#[derive(Clone, Copy)]
pub struct Executor<'a> {
    /// Writes to Logto.
    pub writer: &'a Writer,
    /// Keeps the journal.
    pub store: &'a Store,
    /// The pass this belongs to.
    pub run: &'a RunId,
    /// Users a call.
    pub batch: usize,
    /// Batches in flight.
    pub at_once: usize,
    /// When the pass began.
    pub now: Timestamp,
}

/// Carries out what `sight` has planned.
pub async fn apply(
    executor: Executor<'_>,
    planned: &PlannedPass,
    shutdown: &Shutdown,
) -> Result<RunReport, StoreError> {
    let mut report = RunReport { held: planned.view.summary.held, ..RunReport::default() };
    let adopt: Vec<LedgerRow> = adoptions(planned, executor.run, executor.now);
    executor.store.journal_adoptions(executor.run, &adopt).await?;
    report.adopted = adopt.len() as u64;
    let release: Vec<End> = released(planned);
    executor.store.let_go(executor.run, &release, executor.now).await?;
    report.released = release.len() as u64;
    let forget: Vec<Grant> = forgotten(planned);
    executor.store.forget(executor.run, &forget, "neither wanted nor held any more", executor.now).await?;

    let numbered: Vec<(usize, &Action)> = planned.plan.actions.iter().enumerate().collect();
    let stage = |action: &Action| (action.verb, planned.catalog.target(action.target).target.kind());
    let mut kept = BTreeSet::new();
    for of_stage in numbered.chunk_by(|(_, a), (_, b)| stage(a) == stage(b)) {
        let batches: Vec<&[(usize, &Action)]> = of_stage
            .chunk_by(|(_, a), (_, b)| a.target == b.target)
            .flat_map(|of_target| {
                of_target.chunks(if of_target[0].1.verb == Verb::Revoke { 1 } else { executor.batch })
            })
            .collect();
        let kept_here = &kept;
        let outcomes = stream::iter(batches).map(|batch| async move {
            if shutdown.requested() {
                return Ok((batch, None));
            }
            if would_take_along(planned, batch, kept_here) {
                return Ok((batch, Some(vec![ActionOutcome::Failed(ROLE_KEPT.to_owned()); batch.len()])));
            }
            carry_out(executor, planned, batch).await.map(|outcomes| (batch, Some(outcomes)))
        });
        let outcomes: Vec<Result<_, StoreError>> = outcomes.buffered(executor.at_once.max(1)).collect().await;
        for outcome in outcomes {
            let (batch, outcomes) = outcome?;
            let Some(outcomes) = outcomes else {
                report.stopped += batch.len() as u64;
                continue;
            };
            for ((number, action), outcome) in batch.iter().zip(outcomes) {
                if let (Verb::Revoke, ActionOutcome::Failed(_)) = (action.verb, &outcome) {
                    kept.insert((action.target, action.user));
                }
                if outcome == ActionOutcome::Gone(NO_USER) {
                    report.gone.insert(planned.user_index.id(action.user).clone());
                }
                report.lines.push(ActionResult { change: planned.view.changes[*number].clone(), came: outcome });
            }
        }
    }
    Ok(report)
}

const NO_USER: &str = "the user is gone";
/// No claim can rest on it: what is given without one could never be explained or taken back.
const NO_ORDER: &str = "the store has lost the order behind it; the next pass looks again";
const NO_TARGET: &str = "the target is gone";
const ROLE_KEPT: &str = "a role in this organization could not be taken first";

/// Whether a batch ends a membership that would take along a role which was to be taken before it, and was not.
fn would_take_along(planned: &PlannedPass, batch: &[(usize, &Action)], kept: &BTreeSet<(TargetIx, UserIx)>) -> bool {
    let target = |ix: TargetIx| &planned.catalog.target(ix).target;
    batch.iter().filter(|(_, action)| action.verb == Verb::Revoke).any(|(_, action)| match target(action.target) {
        Target::Membership { organization } => kept.iter().any(|(role, user)| {
            *user == action.user
                && matches!(target(*role), Target::OrganizationRole { organization: of, .. } if of == organization)
        }),
        Target::OrganizationRole { .. } | Target::Role { .. } => false,
    })
}

/// One batch, on one target: journal, call, journal. Answers in the order of the batch.
async fn carry_out(
    executor: Executor<'_>,
    planned: &PlannedPass,
    batch: &[(usize, &Action)],
) -> Result<Vec<ActionOutcome>, StoreError> {
    let (_, first) = batch[0];
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

async fn grant(
    executor: Executor<'_>,
    planned: &PlannedPass,
    batch: &[(usize, &Action)],
) -> Result<Vec<ActionOutcome>, StoreError> {
    let claims: Vec<Option<LedgerRow>> =
        batch.iter().map(|(_, action)| row(planned, action, executor.run, executor.now)).collect();
    let rows: Vec<LedgerRow> = claims.iter().flatten().cloned().collect();
    let Some(first) = rows.first() else { return Ok(vec![ActionOutcome::Failed(NO_ORDER.to_owned()); batch.len()]) };
    executor.store.journal_grants(executor.run, &rows).await?;
    let users: Vec<UserId> = rows.iter().map(|row| row.grant.user.clone()).collect();
    let outcomes = match &first.grant.target {
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
    let came = match executor.writer.revoke(&grant.user, &grant.target).await {
        Outcome::Done => ActionOutcome::Done,
        // Gone with its user or its target is gone all the same.
        Outcome::AlreadySo | Outcome::NoUser | Outcome::NoTarget => ActionOutcome::AlreadySo,
        Outcome::Failed(error) => return Ok(ActionOutcome::Failed(error.to_string())),
    };
    let because = planned.view.changes[number].because.clone();
    executor.store.journal_ends(executor.run, &[end(planned, action, because)], executor.now).await?;
    Ok(came)
}

/// What `sight` adopts, as the ledger writes it down.
pub fn adoptions(planned: &PlannedPass, run: &RunId, now: Timestamp) -> Vec<LedgerRow> {
    planned.plan.adopt.iter().filter_map(|action| row(planned, action, run, now)).collect()
}

/// What `sight` gives up without taking it from anybody, each for a reason.
fn released(planned: &PlannedPass) -> Vec<End> {
    let reasons = planned.view.releases.iter().map(|change| change.because.clone());
    planned.plan.release.iter().zip(reasons).map(|(action, because)| end(planned, action, because)).collect()
}

/// What ends a grant, as the trail keeps it.
fn end(planned: &PlannedPass, action: &Action, because: String) -> End {
    let order = action.why.order.and_then(|order| planned.orders.get(&order));
    End {
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
    planned.plan.forget.iter().map(|(target, user)| planned.grant(*target, *user)).collect()
}

/// The ledger's row for something that is given or adopted. `None` where the store has lost the order, which
/// no claim can rest on.
fn row(planned: &PlannedPass, action: &Action, run: &RunId, now: Timestamp) -> Option<LedgerRow> {
    let order = planned.orders.get(&action.why.order?)?;
    let product = planned.catalog.rule(action.why.product?).product.clone();
    Some(LedgerRow {
        grant: planned.grant(action.target, action.user),
        ownership: if action.verb == Verb::Adopt { Ownership::Adopted } else { Ownership::Granted },
        cause: if action.why.cause == Cause::Commit { store::Cause::Commit } else { store::Cause::Order },
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
