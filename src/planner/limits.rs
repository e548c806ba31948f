//! How much may happen in one day: a pure count against `max(floor, percent of what was owned)`.
//!
//! A set that is over a limit is held as a whole, never trimmed to fit: nobody could say which half was right.

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

/// What the least of several limits allows.
pub fn least(limits: &[Limit], owned: u64) -> u64 {
    limits.iter().map(|limit| allowed(*limit, owned)).min().unwrap_or(u64::MAX)
}

/// A limit, and until when it counts, in milliseconds since 1970; for good where that is `None`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cap {
    /// How much.
    pub limit: Limit,
    /// Until when.
    pub until: Option<i64>,
}

impl From<Limit> for Cap {
    fn from(limit: Limit) -> Self {
        Self { limit, until: None }
    }
}

/// `None` where `wanted` more fit in beside the `spent` ones of the last 24 hours. `base` is what was owned
/// when those began: neither a slow leak nor a burst of sales changes the measure that both are held against. The least
/// of several limits decides.
pub fn over(limits: &[Limit], base: u64, spent: u64, wanted: u64) -> Option<Over> {
    let allowed = least(limits, base);
    (wanted > 0 && spent + wanted > allowed).then_some(Over { wanted, spent, allowed, owned: base })
}

/// The last 24 hours of one target, or of all of them. Times in milliseconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Day {
    /// How much is ours now.
    pub owned: u64,
    /// Since when, of what has been ours for less than the day.
    pub came: Vec<i64>,
    /// Since when and until when, of what has ceased to be ours.
    pub went: Vec<(i64, i64)>,
    /// When each thing was done that the limit counts.
    pub done: Vec<i64>,
}

/// Milliseconds.
const DAY: i64 = 86_400_000;

impl Day {
    /// To be called once all is in it, and before anything is asked.
    pub fn sort(&mut self) {
        self.came.sort_unstable();
        self.done.sort_unstable();
    }

    /// This and another one, together; to be sorted again.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        self.owned += other.owned;
        self.came.extend(&other.came);
        self.went.extend(&other.went);
        self.done.extend(&other.done);
        self
    }

    /// Whether `wanted` more fit in at an instant, if nothing else happens until then.
    fn fits(&self, limits: &[Limit], wanted: u64, at: i64) -> bool {
        let since = at - DAY;
        let later = |times: &[i64]| (times.len() - times.partition_point(|time| *time < since)) as u64;
        let gone = self.went.iter().filter(|(began, ended)| *began < since && since <= *ended).count() as u64;
        over(limits, self.owned + gone - later(&self.came), later(&self.done), wanted).is_none()
    }

    /// The second at the start of which one more thing has left the day, or become part of what a share is of.
    fn turns(&self) -> impl Iterator<Item = i64> + '_ {
        let began = self.went.iter().map(|(began, _)| began);
        self.done.iter().chain(&self.came).chain(began).map(|time| next_second(*time) + DAY)
    }
}

/// From which second on, later than `now`, `wanted` more fit into each of these days, if nothing else happens. `None`:
/// they never do. Times in milliseconds since 1970.
pub fn fits_from(caps: &[Cap], days: &[&Day], wanted: u64, now: i64) -> Option<i64> {
    let ends = caps.iter().filter_map(|cap| cap.until).map(next_second);
    let mut turns: Vec<i64> = days.iter().flat_map(|day| day.turns()).chain(ends).filter(|at| *at > now).collect();
    turns.sort_unstable();
    turns.dedup();
    turns.into_iter().find(|at| {
        let counts = |cap: &&Cap| cap.until.is_none_or(|until| *at < until);
        let limits: Vec<Limit> = caps.iter().filter(counts).map(|cap| cap.limit).collect();
        days.iter().all(|day| day.fits(&limits, wanted, *at))
    })
}

fn next_second(millis: i64) -> i64 {
    (millis.div_euclid(1_000) + 1) * 1_000
}
