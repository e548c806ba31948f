//! Whether the clock of a pass can be trusted: whether it agrees with the `Date` of Logto, and of each source.
//!
//! Reads the store and two clocks, and asks nobody: the answers that a pass reads anyway tell the time.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::PassContext;
use crate::clock::Steady;
use crate::model::{OrderKey, SourceName};
use crate::planner::desired::Desired;
use crate::planner::input::Clock;
use crate::store::StoreError;

/// The time of a pass, or what it was by Logto's clock where that is earlier.
pub(super) fn by_logto(context: PassContext<'_>) -> Timestamp {
    logto_time(context).min(context.now)
}

/// What the time is by Logto's clock, whichever of the two is ahead. A second or two is how exact the clocks are
/// compared.
pub(super) fn logto_time(context: PassContext<'_>) -> Timestamp {
    let ahead = context.reader.skew().unwrap_or_default();
    if ahead.abs() > SignedDuration::from_secs(5) {
        context.now.checked_add(ahead).unwrap_or(context.now)
    } else {
        context.now
    }
}

/// What the servers say of our clock. Where it was set while the pass looked, nobody knows whether their answers
/// came before or after, and the worse counts.
pub(super) async fn judge(context: PassContext<'_>, desired: &Desired, began: Steady) -> Result<Clock, StoreError> {
    let jumped = began.set_until(Steady::now()).as_secs();
    let off = |server_ahead: SignedDuration| {
        let off = server_ahead.as_secs().saturating_neg();
        let before = off.saturating_sub(jumped);
        let worse = if before.unsigned_abs() > off.unsigned_abs() { before } else { off };
        // To the minute: the same trouble is the same words in the next pass.
        Clock::is_off(worse).then(|| (worse.saturating_add(30 * worse.signum())) / 60 * 60)
    };
    let sources: BTreeMap<&SourceName, i64> =
        context.sources.iter().filter_map(|source| Some((source.name(), off(source.skew()?)?))).collect();
    let mut clock = Clock { logto: context.reader.skew().and_then(off), orders: BTreeMap::new() };
    if !sources.is_empty() && clock.logto.is_none() {
        let ended: Vec<OrderKey> = desired.ended.iter().map(|past| past.order).collect();
        let of = context.store.sources_of_orders(&ended).await?.into_iter();
        clock.orders = of.filter_map(|(order, source)| Some((order, *sources.get(&source)?))).collect();
    }
    Ok(clock)
}
