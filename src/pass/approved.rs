//! What people have let through, in the numbers of a look: which changes that lifts, and which of them a plan uses.
//!
//! An approval covers its actions, each once: those that are still wanted go through, whatever has become of the
//! rest of the set, and a new one is held under a digest of its own. Reads the store; writes only what a person says.

use std::collections::{BTreeMap, BTreeSet};

use super::PassContext;
use super::snapshot::Snapshot;
use crate::model::{TargetIx, UserId, UserIx, Verb};
use crate::planner::Plan;
use crate::planner::approval::{HeldSet, Lifts};
use crate::planner::input::PlanConstraints;
use crate::report::{HeldChange, messages};
use crate::store::{Approval, ApprovedAction, Store, StoreError};

type Cell = (Verb, TargetIx, UserIx);

/// What is let through.
#[derive(Debug, Default)]
pub(crate) struct Approved {
    /// Sets that are let through as a whole, by digest: all or nothing of each.
    sets: BTreeMap<String, Vec<Cell>>,
    /// Digests of those.
    open: BTreeSet<String>,
    /// Single actions.
    actions: BTreeMap<Cell, Vec<ApprovedAction>>,
}

/// What of it a plan makes use of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// Sets that were let through as a whole.
    pub sets: Vec<String>,
    /// Single actions.
    pub actions: Vec<ApprovedAction>,
}

/// Lets the actions of a held set through, each once.
pub async fn approve(store: &Store, approval: &Approval, set: &[&HeldChange]) -> Result<(), StoreError> {
    let clock = messages::hold_word_of_clock();
    let action = |held: &&HeldChange| ApprovedAction {
        digest: approval.digest.clone(),
        lifts: if held.hold == clock { Lifts::Clock } else { Lifts::Amount }.word().to_owned(),
        verb: held.change.action.clone(),
        target: held.change.target_key.clone(),
        user: held.change.user.to_string(),
    };
    store.approve_actions(approval, &set.iter().map(action).collect::<Vec<_>>()).await
}

impl Approved {
    /// Reads what is let through of this pass, and tells the planner of it.
    pub(crate) async fn read(
        context: PassContext<'_>,
        snapshot: &Snapshot,
        constraints: &mut PlanConstraints,
    ) -> Result<Self, StoreError> {
        let actions = context.store.open_actions(context.now).await?;
        let by_action: BTreeSet<&str> = actions.iter().map(|action| action.digest.as_str()).collect();
        let open = context.store.open_approvals(context.now).await?.into_iter().map(|approval| approval.digest);
        let open = open.filter(|digest| !by_action.contains(digest.as_str())).collect();
        let mut approved = Self { open, ..Self::default() };
        let targets: BTreeMap<String, TargetIx> =
            snapshot.catalog.indices().map(|(ix, entry)| (entry.target.key(), ix)).collect();
        for action in actions {
            let verb = [Verb::Grant, Verb::Revoke].into_iter().find(|verb| messages::verb(*verb) == action.verb);
            let user = snapshot.user_index.ix(&UserId::from(action.user.as_str()));
            let (Some(verb), Some(target), Some(user)) = (verb, targets.get(&action.target), user) else { continue };
            let lifts = [Lifts::Amount, Lifts::Clock].into_iter().find(|lifts| lifts.word() == action.lifts);
            let Some(lifts) = lifts else { continue };
            lift(constraints, lifts, (verb, *target, user));
            approved.actions.entry((verb, *target, user)).or_default().push(action);
        }
        Ok(approved)
    }

    /// Whether nothing is let through action by action.
    pub(crate) fn has_no_actions(&self) -> bool {
        self.actions.is_empty()
    }

    /// Lets those of these sets through that are let through as a whole. Whether there were any new ones.
    pub(crate) fn take_sets(&mut self, sets: Vec<HeldSet>, constraints: &mut PlanConstraints) -> bool {
        let known = self.sets.len();
        for set in sets.into_iter().filter(|set| self.open.contains(&set.digest)) {
            set.cells.iter().for_each(|cell| lift(constraints, set.lifts, *cell));
            self.sets.insert(set.digest, set.cells);
        }
        self.sets.len() > known
    }

    /// This, and what was let through when the pass was planned once more: what counts already is not held any more.
    pub(crate) fn and(mut self, again: Self) -> Self {
        self.sets.extend(again.sets);
        self.actions.extend(again.actions);
        self
    }

    /// What a plan makes use of. What is held for another reason as well leaves its approval open.
    pub(crate) fn used(self, plan: &Plan) -> Used {
        let acts: BTreeSet<Cell> =
            plan.actions.iter().map(|action| (action.verb, action.target, action.user)).collect();
        let sets = self.sets.into_iter().filter(|(_, cells)| cells.iter().any(|cell| acts.contains(cell)));
        let actions = self.actions.into_iter().filter(|(cell, _)| acts.contains(cell));
        Used { sets: sets.map(|(digest, _)| digest).collect(), actions: actions.flat_map(|(_, of)| of).collect() }
    }
}

fn lift(constraints: &mut PlanConstraints, lifts: Lifts, (verb, target, user): Cell) {
    match lifts {
        Lifts::Amount => _ = constraints.approved.insert((verb, target, user)),
        Lifts::Clock => _ = constraints.clock_approved.insert((target, user)),
    }
}

impl Used {
    /// Whether an approval with this digest is among them.
    pub fn names(&self, digest: &str) -> bool {
        self.sets.iter().any(|set| set == digest) || self.actions.iter().any(|action| action.digest == digest)
    }
}
