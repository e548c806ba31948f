//! What people have let through, by the indices of one look: which changes that lifts, and which of them a plan uses.
//!
//! An approval covers each of its actions once: those that are still wanted go through, whatever has become of the rest
//! of the set, and a new one is held under a digest of its own. Reads the store; writes only what a person says.

use std::collections::{BTreeMap, BTreeSet};

use super::PassContext;
use super::snapshot::Snapshot;
use crate::model::{RunId, TargetIx, UserId, UserIx, Verb};
use crate::planner::approval::Lifts;
use crate::planner::input::PlanConstraints;
use crate::planner::{Came, Closed, Plan};
use crate::report::{HeldChange, messages};
use crate::store::{Approval, ApprovedAction, Store, StoreError};

/// What is let through, by what it does.
#[derive(Debug, Default)]
pub(crate) struct Approved(BTreeMap<(Verb, TargetIx, UserIx), Vec<ApprovedAction>>);

/// Lets the actions of a held set through, each once.
pub async fn approve(store: &Store, approval: &Approval, set: &[&HeldChange]) -> Result<(), StoreError> {
    let action = |held: &&HeldChange| ApprovedAction {
        digest: approval.digest.clone(),
        lifts: held.lifts.as_ref().unwrap_or(&held.hold).clone(),
        verb: held.change.action.clone(),
        target: held.change.target_key.clone(),
        user: held.change.user.to_string(),
    };
    store.approve_actions(approval, &set.iter().map(action).collect::<Vec<_>>()).await
}

impl Approved {
    /// Reads what is let through of this pass, or of taking a run back, and tells the planner of it.
    pub(crate) async fn read(
        context: PassContext<'_>,
        snapshot: &Snapshot,
        undoes: Option<&RunId>,
        constraints: &mut PlanConstraints,
    ) -> Result<Self, StoreError> {
        let mut approved = Self::default();
        let targets: BTreeMap<String, TargetIx> =
            snapshot.catalog.indices().map(|(ix, entry)| (entry.target.key(), ix)).collect();
        for action in context.store.open_actions(context.now, undoes).await? {
            let verb = [Verb::Grant, Verb::Revoke].into_iter().find(|verb| messages::verb(*verb) == action.verb);
            let lifts = Lifts::ALL.into_iter().find(|lifts| lifts.word() == action.lifts);
            let user = snapshot.user_index.ix(&UserId::from(action.user.as_str()));
            let (Some(verb), Some(lifts), Some(target), Some(user)) = (verb, lifts, targets.get(&action.target), user)
            else {
                continue;
            };
            constraints.approved.insert((lifts, verb, *target, user));
            approved.0.entry((verb, *target, user)).or_default().push(action);
        }
        Ok(approved)
    }

    /// Whether nothing is let through.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What a plan makes use of, and what was made by an earlier one that had not heard so. What is held for another
    /// reason as well leaves its approval open.
    pub(crate) fn used(self, plan: &Plan) -> Vec<ApprovedAction> {
        let acts = plan.actions.iter().map(|action| (action.verb, action.target, action.user));
        let acts: BTreeSet<(Verb, TargetIx, UserIx)> = acts.chain(plan.closed.iter().filter_map(made)).collect();
        self.0.into_iter().filter(|(cell, _)| acts.contains(cell)).flat_map(|(_, of)| of).collect()
    }
}

/// The change that was made after all.
pub(super) fn made(closed: &Closed) -> Option<(Verb, TargetIx, UserIx)> {
    let verb = match closed.came {
        Came::Granted => Verb::Grant,
        Came::Revoked => Verb::Revoke,
        Came::Kept | Came::Waits => return None,
    };
    Some((verb, closed.target, closed.user))
}
