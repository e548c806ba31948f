//! Where an order is now for something or somebody else, the grant comes before the revocation.

use std::collections::BTreeSet;

use crate::planner::{Action, Verb};
use crate::report::run::ActionOutcome;

/// Said of what an order gave before.
const GRANT_FAILED: &str = "what the same order gives instead could not be given first";

/// A batch without what takes away what an order gave before, while what it gives now could not be given: whoever pays
/// for it must not be left with neither. That has failed as well.
pub(super) fn without_what_waits(
    actions: &[Action],
    came: &mut Vec<(usize, ActionOutcome)>,
    batch: Vec<usize>,
) -> Vec<usize> {
    let failed = came.iter().filter(|(_, came)| matches!(came, ActionOutcome::Failed(_)));
    let failed: BTreeSet<_> = failed
        .map(|(number, _)| &actions[*number])
        .filter(|action| action.verb == Verb::Grant)
        .filter_map(|action| action.why.order)
        .collect();
    let waits = |number: &usize| actions[*number].replaced_by().is_some_and(|order| failed.contains(&order));
    let (waits, batch): (Vec<_>, Vec<_>) = batch.into_iter().partition(waits);
    came.extend(waits.into_iter().map(|number| (number, ActionOutcome::Failed(GRANT_FAILED.to_owned()))));
    batch
}
