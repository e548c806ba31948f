//! The approvals that a plan uses while it is carried out: each is spent with its change, and given back if the change
//! was not made.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::PlannedPass;
use super::approved::made;
use crate::model::{RunId, TargetIx, UserIx, Verb};
use crate::planner::approval::Lifts;
use crate::report::messages;
use crate::report::run::ActionOutcome;
use crate::store::{ApprovedAction, Store, StoreError};

/// What somebody let through of a plan that is carried out, by its place in the plan: each is spent when its change is
/// begun, and given back when that was not made.
#[derive(Debug)]
pub(super) struct LetThrough(BTreeMap<usize, Vec<ApprovedAction>>);

impl LetThrough {
    pub(super) fn of(planned: &PlannedPass) -> Self {
        let mut by_change: BTreeMap<_, Vec<ApprovedAction>> = BTreeMap::new();
        for one in &planned.approvals {
            by_change.entry((one.verb.as_str(), one.target.as_str(), one.user.as_str())).or_default().push(one.clone());
        }
        let changes = planned.view.changes.iter().enumerate().filter_map(|(number, change)| {
            let of = by_change.remove(&(change.action.as_str(), change.target_key.as_str(), change.user.as_str()))?;
            Some((number, of))
        });
        Self(changes.collect())
    }

    /// Before these places of the plan are carried out.
    pub(super) async fn spend(
        &self,
        store: &Store,
        run: &RunId,
        begun: impl Iterator<Item = usize>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let spent: Vec<ApprovedAction> = begun.flat_map(|number| self.at(number)).cloned().collect();
        store.spend_actions(run, &spent, now).await
    }

    /// After they were. Where nobody knows whether a change was made, the next look tells, before anything else is
    /// begun: until then it counts as one that was not.
    pub(super) async fn settle(
        &self,
        store: &Store,
        run: &RunId,
        came: &[(usize, ActionOutcome)],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (mut carried_out, mut given_back) = (Vec::new(), Vec::new());
        for (number, came) in came {
            let of = match came {
                ActionOutcome::Done | ActionOutcome::AlreadySo => &mut carried_out,
                ActionOutcome::Failed(_) | ActionOutcome::Gone(_) => &mut given_back,
            };
            // Whoever let it be tried once more has had that, whatever came of it.
            let failed = matches!(came, ActionOutcome::Failed(_));
            let is_over = |one: &&ApprovedAction| !failed || one.lifts != Lifts::Stuck.word();
            of.extend(self.at(*number).iter().filter(is_over).cloned());
        }
        store.settle_actions(run, &carried_out, &given_back, now).await
    }

    fn at(&self, number: usize) -> &[ApprovedAction] {
        self.0.get(&number).map_or(&[], Vec::as_slice)
    }
}

/// Spends what let through the changes of which this look has seen that they were made.
pub(super) async fn spend_what_was_made(
    store: &Store,
    planned: &PlannedPass,
    left: &BTreeSet<UserIx>,
    run: &RunId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let closed = planned.plan.closed.iter().filter(|closed| !left.contains(&closed.user)).filter_map(made);
    let key = |(verb, target, user): (Verb, TargetIx, UserIx)| {
        let target = planned.catalog.target(target).target.key();
        (messages::verb(verb), target, planned.user_index.id(user).as_str())
    };
    let closed: BTreeSet<(&str, String, &str)> = closed.map(key).collect();
    let is_made = |one: &&ApprovedAction| closed.contains(&(one.verb.as_str(), one.target.clone(), one.user.as_str()));
    let made: Vec<ApprovedAction> = planned.approvals.iter().filter(is_made).cloned().collect();
    store.spend_actions(run, &made, now).await?;
    store.settle_actions(run, &made, &[], now).await
}
