//! How much may happen in one day: a pure count against `max(floor, percent of what was owned)`.
//!
//! What is over a limit is held whole, never trimmed to fit: nobody could say which half was right.

use crate::model::Limit;

/// A limit that would be passed, with the numbers that say so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Over {
    /// How many this plan wants.
    pub wanted: u64,
    /// How many there were in the 24 hours before.
    pub spent: u64,
    /// How many are allowed in 24 hours.
    pub allowed: u64,
    /// How many grants were owned when those 24 hours began, which the percentage is of.
    pub owned: u64,
}

/// What is allowed in 24 hours where `owned` grants were owned at their start. Rounded down.
pub fn allowed(limit: Limit, owned: u64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a percentage (0 to 100) of a count far below 2^52 is a count again"
    )]
    let share = (owned as f64 * limit.percent / 100.0).floor() as u64;
    share.max(u64::from(limit.floor))
}

/// `None` where `wanted` more fit in beside the `spent` ones of the last 24 hours. `base` is what was owned
/// when those began: neither a slow leak nor a burst of sales changes the measure that both are held against.
pub fn over(limit: Limit, base: u64, spent: u64, wanted: u64) -> Option<Over> {
    let allowed = allowed(limit, base);
    (wanted > 0 && spent + wanted > allowed).then_some(Over { wanted, spent, allowed, owned: base })
}
