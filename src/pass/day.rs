//! When what a limit holds fits into the day by itself.
//!
//! Reads the store; the counting is `planner::limits`'.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::PassContext;
use super::snapshot::Snapshot;
use crate::model::{Limits, Verb};
use crate::planner::limits::{Cap, Day, fits_from};
use crate::planner::{Bound, Hold, Plan};
use crate::store::StoreError;

/// For each limit that the plan runs into, from when on what it holds fits, if nothing else happens until then. What
/// never does is not among them.
pub(super) async fn lifts_at(
    context: PassContext<'_>,
    plan: &Plan,
    snapshot: &Snapshot,
) -> Result<BTreeMap<(Verb, Bound), Timestamp>, StoreError> {
    let over: BTreeSet<(Verb, Bound, u64)> = plan
        .held
        .iter()
        .filter_map(|held| match held.hold {
            Hold::OverLimit(bound, over) => Some((held.action.verb, bound, over.wanted)),
            _ => None,
        })
        .collect();
    let mut lifts = BTreeMap::new();
    for verb in [Verb::Grant, Verb::Revoke] {
        if !over.iter().any(|(of, ..)| *of == verb) {
            continue;
        }
        let limit = |limits: &Limits| match verb {
            Verb::Grant => limits.config_grants,
            _ => limits.revocations,
        };
        let earlier = snapshot
            .lingering()
            .iter()
            .map(|one| Cap { limit: limit(&one.safeguards.limits), until: Some(one.until.as_millisecond()) });
        let caps: Vec<Cap> = earlier.chain([limit(&context.config.limits).into()]).collect();
        let days = context.store.day(verb, context.now - SignedDuration::from_hours(24)).await?;
        let mut all = days.values().fold(Day::default(), |all, one| all.and(one));
        all.sort();
        let none = Day::default();
        for (_, bound, wanted) in over.iter().filter(|(of, ..)| *of == verb) {
            // What fits into the day of its target must fit into that of all.
            let target = match bound {
                Bound::Target(target) => days.get(&snapshot.catalog.target(*target).target.key()).unwrap_or(&none),
                Bound::Total => &all,
            };
            let from = fits_from(&caps, &[target, &all], *wanted, context.now.as_millisecond());
            if let Some(at) = from.and_then(|at| Timestamp::from_millisecond(at).ok()) {
                lifts.insert((verb, *bound), at);
            }
        }
    }
    Ok(lifts)
}
