//! Grants of ours that are missing because their user was deleted: nobody took anything away.
//!
//! Asks Logto whether such users still exist, and forgets those that do not; grants and revokes nothing.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::snapshot::Snapshot;
use super::{PassContext, PassError};
use crate::model::{Grant, Resolution, RunId, UserId, UserIx, Verb};
use crate::planner::desired::Desired;
use crate::planner::{Action, Cause, Plan};
use crate::report::run::RunReport;
use crate::store::{BuyerKey, Store, StoreError};

/// What became of the users to whom a plan would give again what is ours.
pub(super) enum Missed {
    /// They are all there.
    Nobody,
    /// Some are gone. Their orders are nobody's now, and are to be looked at anew.
    Buyers,
    /// Some are gone, and no order is theirs: what was wanted for them is wanted no more.
    Holders,
}

/// Looks for those to whom `plan` would give again what is ours, and lets go of who is gone: their orders wait for
/// an account, and `wanted` speaks of them no more.
pub(super) async fn let_go(
    context: PassContext<'_>,
    snapshot: &Snapshot,
    plan: &Plan,
    wanted: &mut Desired,
) -> Result<Missed, PassError> {
    let held = plan.held.iter().map(|held| &held.action);
    let ours = |cause| matches!(cause, Cause::Drift | Cause::Retry);
    let again = |action: &&Action| action.verb == Verb::Grant && ours(action.why.cause);
    let missed: BTreeSet<UserIx> = plan.actions.iter().chain(held).filter(again).map(|action| action.user).collect();
    if missed.is_empty() {
        return Ok(Missed::Nobody);
    }
    let users: Vec<UserId> = missed.iter().map(|user| snapshot.user_index.id(*user).clone()).collect();
    let there = context.reader.users_by_id(&users).await?;
    let gone: Vec<UserId> = users.into_iter().filter(|user| !there.contains(user)).collect();
    if gone.is_empty() {
        return Ok(Missed::Nobody);
    }
    let buyers: Vec<BuyerKey> = context.store.buyers_of_users(&gone).await?;
    if !buyers.is_empty() {
        let nobody: Vec<_> = buyers.into_iter().map(|buyer| (buyer, Resolution::NoAccount)).collect();
        context.store.resolve_buyers(&nobody, context.now).await?;
        return Ok(Missed::Buyers);
    }
    let gone: BTreeSet<UserIx> = gone.iter().filter_map(|user| snapshot.user_index.ix(user)).collect();
    wanted.targets.iter_mut().for_each(|claims| claims.retain(|claim| !gone.contains(&claim.user)));
    Ok(Missed::Holders)
}

/// A user whom Logto does not know any more is nobody again: what was ours of theirs is closed, and their buyers wait
/// for an account.
pub(super) async fn lose_sight_of(
    store: &Store,
    run: &RunId,
    report: &RunReport,
    now: Timestamp,
) -> Result<(), StoreError> {
    let gone: Vec<UserId> = report.gone.iter().cloned().collect();
    if gone.is_empty() {
        return Ok(());
    }
    let theirs: Vec<Grant> = store.ledger(Some(&gone)).await?.into_iter().map(|row| row.grant).collect();
    store.forget(run, &theirs, "Logto no longer knows the user", now).await?;
    let buyers = store.buyers_of_users(&gone).await?;
    let nobody: Vec<_> = buyers.into_iter().map(|key| (key, Resolution::NoAccount)).collect();
    store.resolve_buyers(&nobody, now).await
}
