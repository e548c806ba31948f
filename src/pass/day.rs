//! When what a limit holds fits into the day by itself.
//!
//! The day of a limit is the last 24 hours. As it moves on, what was done leaves it, and what is owned grows into
//! what the percentage is of. Reads the store; decides nothing.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::PassContext;
use crate::model::{Catalog, TargetIx, Verb};
use crate::planner::limits::{Over, allowed};
use crate::planner::{Bound, Hold, Plan};
use crate::store::StoreError;

/// What a limit counts: what is done, and on which target; `None` for all of them.
pub(crate) type Counted = (Verb, Option<TargetIx>);

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// For each limit that the plan runs into, from when on what it holds fits, if nothing else happens until then. What
/// never does is not among them.
pub(super) async fn fits_from(
    context: PassContext<'_>,
    plan: &Plan,
    catalog: &Catalog,
) -> Result<BTreeMap<Counted, Timestamp>, StoreError> {
    let over = plan.held.iter().filter_map(|held| match held.hold {
        Hold::OverLimit(Bound::Target, over) => Some(((held.action.verb, Some(held.action.target)), over)),
        Hold::OverLimit(Bound::Total, over) => Some(((held.action.verb, None), over)),
        _ => None,
    });
    let over: BTreeMap<Counted, Over> = over.collect();
    let mut fits = BTreeMap::new();
    for ((verb, target), over) in over {
        let day = Day { context, verb, target: target.map(|ix| catalog.target(ix).target.key()), wanted: over.wanted };
        if let Some(at) = day.fits_from().await? {
            fits.insert((verb, target), at);
        }
    }
    Ok(fits)
}

struct Day<'a> {
    context: PassContext<'a>,
    verb: Verb,
    target: Option<String>,
    wanted: u64,
}

impl Day<'_> {
    /// By halves: each thing that leaves the day makes room for one, and takes at most one from what is allowed.
    async fn fits_from(&self) -> Result<Option<Timestamp>, StoreError> {
        let now = self.context.now;
        let done = self.context.store.counted_times(self.verb, self.target.as_deref(), now - DAY).await?;
        // A thing is of the day until the second in which it was done is over; people read whole seconds.
        let over =
            |at: Timestamp| at + DAY + SignedDuration::from_millis(1_000 - at.as_millisecond().rem_euclid(1_000));
        let leave: BTreeSet<Timestamp> = done.into_iter().map(over).chain([over(now)]).collect();
        let leave: Vec<Timestamp> = leave.into_iter().collect();
        let (mut too_soon, mut fits) = (0, leave.len());
        while too_soon < fits {
            let middle = usize::midpoint(too_soon, fits);
            if self.fits(leave[middle]).await? { fits = middle } else { too_soon = middle + 1 }
        }
        Ok(leave.get(fits).copied())
    }

    async fn fits(&self, at: Timestamp) -> Result<bool, StoreError> {
        let (store, since) = (self.context.store, at - DAY);
        let of = |counts: BTreeMap<String, u64>| -> u64 {
            let mine = counts.iter().filter(|(key, _)| self.target.as_ref().is_none_or(|target| target == *key));
            mine.map(|(_, count)| count).sum()
        };
        let limits = &self.context.config.limits;
        let (limit, spent) = match self.verb {
            Verb::Grant => (limits.config_grants, store.config_grants_since(since).await?),
            _ => (limits.revocations, store.revoked_since(since).await?),
        };
        Ok(of(spent) + self.wanted <= allowed(limit, of(store.owned_at(since).await?)))
    }
}
