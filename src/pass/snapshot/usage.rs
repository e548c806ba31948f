//! How much of the day's limits is used: read once a plan has something that a limit is for, and not with every sale.

use std::collections::{BTreeMap, BTreeSet};

use super::{DAY, Snapshot};
use crate::pass::PassContext;
use crate::planner::input::LimitUsage;
use crate::planner::{Action, Plan, Verb};
use crate::store::StoreError;

/// Whether the figures of a snapshot are those of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Usage {
    /// Nobody has asked; they are all zero.
    Unasked,
    /// They are.
    Known,
}

/// Whether a plan has anything that a limit is for, done or held.
fn is_limited(plan: &Plan) -> bool {
    let of = |action: &Action| action.verb == Verb::Revoke || action.why.cause.is_limited();
    plan.actions.iter().any(of) || plan.held.iter().any(|held| of(&held.action))
}

impl Snapshot {
    /// Reads what was used of the limits and what they are a percentage of, where `plan`, which was made without, has
    /// something that they are for. `true`: then it is to be made anew.
    pub(crate) async fn read_usage(&mut self, context: PassContext<'_>, plan: &Plan) -> Result<bool, StoreError> {
        if self.usage == Usage::Known || !is_limited(plan) {
            return Ok(false);
        }
        let yesterday = context.now - DAY;
        let base = context.store.owned_at(yesterday).await?;
        let revoked = context.store.revoked_since(yesterday).await?;
        let config_granted = context.store.config_grants_since(yesterday).await?;
        let keys: BTreeSet<String> = self.catalog.targets.iter().map(|entry| entry.target.key()).collect();
        let of = |counts: &BTreeMap<String, u64>, key: &str| counts.get(key).copied().unwrap_or_default();
        for (entry, tally) in self.catalog.targets.iter().zip(&mut self.ledger_view.tally) {
            let key = &entry.target.key();
            *tally = LimitUsage {
                base: of(&base, key),
                revoked: of(&revoked, key),
                config_granted: of(&config_granted, key),
            };
        }
        // What was taken from a target that the file has dropped since was taken all the same.
        let elsewhere = |counts: &BTreeMap<String, u64>| {
            counts.iter().filter(|(key, _)| !keys.contains(*key)).map(|(_, count)| count).sum()
        };
        self.ledger_view.tally.push(LimitUsage {
            base: elsewhere(&base),
            revoked: elsewhere(&revoked),
            config_granted: elsewhere(&config_granted),
        });
        self.usage = Usage::Known;
        Ok(true)
    }
}
