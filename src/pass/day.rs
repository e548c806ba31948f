//! When what a limit holds fits into the day by itself.
//!
//! Reads the store; the counting is `planner::limits`'.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::PassContext;
use super::snapshot::Snapshot;
use crate::model::{Grant, Limits, Verb};
use crate::planner::limits::{Cap, Day, Over, fits_from};
use crate::planner::{Bound, Hold, Plan};
use crate::store::StoreError;

/// For each limit that the plan runs into, from when on what it holds fits, if nothing else happens until then. What
/// never does is not among them.
pub(super) async fn lifts_at(
    context: PassContext<'_>,
    plan: &Plan,
    snapshot: &Snapshot,
) -> Result<BTreeMap<(Verb, Bound), Timestamp>, StoreError> {
    // What is tried again and what is new are counted each by itself, and fit only together.
    let groups: BTreeSet<(Verb, Bound, Over)> = plan
        .held
        .iter()
        .filter_map(|held| match held.hold {
            Hold::OverLimit(bound, over) => Some((held.action.verb, bound, over)),
            _ => None,
        })
        .collect();
    let mut over: BTreeMap<(Verb, Bound), u64> = BTreeMap::new();
    for (verb, bound, group) in groups {
        *over.entry((verb, bound)).or_default() += group.wanted;
    }
    let mut lifts = BTreeMap::new();
    for verb in [Verb::Grant, Verb::Revoke] {
        if !over.keys().any(|(of, _)| *of == verb) {
            continue;
        }
        let waiting: Vec<Grant> = plan
            .held
            .iter()
            .filter(|held| matches!(held.hold, Hold::OverLimit(..)) && held.action.verb == verb)
            .map(|held| snapshot.grant((held.action.target, held.action.user)))
            .collect();
        let limit = |limits: &Limits| match verb {
            Verb::Grant => limits.config_grants,
            _ => limits.revocations,
        };
        let earlier = snapshot
            .lingering()
            .iter()
            .map(|one| Cap { limit: limit(&one.safeguards.limits), until: Some(one.until.as_millisecond()) });
        let caps: Vec<Cap> = earlier.chain([limit(&context.config.limits).into()]).collect();
        let days = context.store.day(verb, context.now - SignedDuration::from_hours(24), &waiting).await?;
        let mut all = days.values().fold(Day::default(), |all, one| all.and(one));
        all.sort();
        let none = Day::default();
        for ((_, bound), wanted) in over.iter().filter(|((of, _), _)| *of == verb) {
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
