//! When each thing is due. Pure: `now` and the random number are arguments.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::model::SourceName;

/// A failed pass is tried again after this long at the latest,
const RETRY: SignedDuration = SignedDuration::from_secs(30);
/// and after this long when it was the first to fail; each further one waits twice as long.
const RETRY_FIRST: SignedDuration = SignedDuration::from_secs(1);

/// The next time of everything that happens by the clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    polls: BTreeMap<SourceName, Timestamp>,
    full_pass: Timestamp,
    change: Option<Timestamp>,
    /// Passes in a row that failed.
    failures: u32,
}

impl Schedule {
    /// Everything is due now.
    pub fn all_due(sources: impl IntoIterator<Item = SourceName>, now: Timestamp) -> Self {
        Self { polls: sources.into_iter().map(|name| (name, now)).collect(), full_pass: now, change: None, failures: 0 }
    }

    /// The earliest time at which anything is due.
    pub fn next(&self) -> Timestamp {
        let polls = self.polls.values().copied();
        polls.chain([self.full_pass]).chain(self.change).min().expect("a full pass is always scheduled")
    }

    /// When the next full pass is due.
    pub fn full_pass(&self) -> Timestamp {
        self.full_pass
    }

    /// The next instant at which something ends by itself.
    pub fn change(&self) -> Option<Timestamp> {
        self.change
    }

    /// When a source is polled next.
    pub fn poll(&self, source: &SourceName) -> Option<Timestamp> {
        self.polls.get(source).copied()
    }

    /// When the next source is polled.
    pub fn next_poll(&self) -> Option<Timestamp> {
        self.polls.values().copied().min()
    }

    /// Whether a source is to be polled.
    pub fn poll_due(&self, source: &SourceName, now: Timestamp) -> bool {
        self.polls.get(source).is_none_or(|at| *at <= now)
    }

    /// Whether every target is to be looked at: by the clock, or because something ends just now.
    pub fn full_pass_due(&self, now: Timestamp) -> bool {
        self.full_pass <= now || self.change.is_some_and(|at| at <= now)
    }

    /// Makes everything due.
    pub fn hurry(&mut self, now: Timestamp) {
        self.full_pass = now;
        self.polls.values_mut().for_each(|at| *at = now);
    }

    /// Makes a full pass due at a time, if it is not due before.
    pub fn hurry_full_pass(&mut self, at: Timestamp) {
        self.full_pass = self.full_pass.min(at);
    }

    /// Makes one source due.
    pub fn hurry_source(&mut self, source: &SourceName, now: Timestamp) {
        self.polls.insert(source.clone(), now);
    }

    /// A source was polled, well or not.
    pub fn polled(&mut self, source: &SourceName, every: SignedDuration, now: Timestamp) {
        self.polls.insert(source.clone(), now + every);
    }

    /// A source could not be polled at all: it is tried again as soon as a pass that failed.
    pub fn poll_failed(&mut self, source: &SourceName, every: SignedDuration, now: Timestamp) {
        self.polls.insert(source.clone(), now + every.min(RETRY));
    }

    /// A full pass went well. `dice`, from 0 to 1, spreads the next one over a tenth of the interval, so
    /// that several daemons that were started together do not stay together. `change`: when an
    /// entitlement ends by itself.
    pub fn passed(&mut self, every: SignedDuration, change: Option<Timestamp>, dice: f64, now: Timestamp) {
        self.full_pass = now + every.mul_f64(0.95 + dice.clamp(0.0, 1.0) / 10.0);
        self.change = change;
        self.failures = 0;
    }

    /// A quick pass has seen that something ends by itself, maybe sooner than all that was known to.
    pub fn foresee(&mut self, change: Option<Timestamp>) {
        self.change = self.change.into_iter().chain(change).min();
    }

    /// The clock was set, so that it says of every time to come that it is so much later. What ends at a time of the
    /// clock still ends then.
    pub fn shift(&mut self, by: SignedDuration) {
        self.polls.values_mut().chain([&mut self.full_pass]).for_each(|at| *at = at.checked_add(by).unwrap_or(*at));
    }

    /// A full pass failed.
    pub fn failed(&mut self, every: SignedDuration, now: Timestamp) {
        let wait = RETRY_FIRST.saturating_mul(1 << self.failures.min(10)).min(RETRY);
        self.failures += 1;
        self.full_pass = now + every.min(wait);
        self.change = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: SignedDuration = SignedDuration::from_mins(1);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn everything_is_due_at_the_start_and_then_in_its_own_time() {
        let shop = SourceName::from("shop");
        let mut schedule = Schedule::all_due([shop.clone()], at(0));
        assert!(schedule.poll_due(&shop, at(0)) && schedule.full_pass_due(at(0)));
        schedule.polled(&shop, SignedDuration::from_secs(30), at(0));
        schedule.passed(MINUTE, None, 0.5, at(0));
        assert!(!schedule.poll_due(&shop, at(29)) && schedule.poll_due(&shop, at(30)));
        assert!(!schedule.full_pass_due(at(59)) && schedule.full_pass_due(at(60)));
        assert_eq!(schedule.next(), at(30));
    }

    #[test]
    fn jitter_stays_within_a_tenth() {
        for (dice, due) in [(0.0, 57), (1.0, 63)] {
            let mut schedule = Schedule::all_due([], at(0));
            schedule.passed(MINUTE, None, dice, at(0));
            assert!(!schedule.full_pass_due(at(due - 1)) && schedule.full_pass_due(at(due)));
        }
    }

    #[test]
    fn what_ends_by_itself_wakes_on_its_second() {
        let mut schedule = Schedule::all_due([], at(0));
        schedule.passed(MINUTE, Some(at(7)), 0.5, at(0));
        assert_eq!(schedule.next(), at(7));
        assert!(!schedule.full_pass_due(at(6)) && schedule.full_pass_due(at(7)));
    }

    #[test]
    fn of_two_that_end_the_sooner_wakes() {
        let mut schedule = Schedule::all_due([], at(0));
        schedule.passed(MINUTE, None, 0.5, at(0));
        schedule.foresee(Some(at(9)));
        schedule.foresee(Some(at(7)));
        schedule.foresee(None);
        assert_eq!(schedule.next(), at(7));
    }

    #[test]
    fn a_clock_that_is_set_puts_nothing_off() {
        let shop = SourceName::from("shop");
        for hours in [-2, 2, -100_000] {
            let (mut schedule, set) = (Schedule::all_due([shop.clone()], at(0)), hours * 3_600);
            schedule.polled(&shop, SignedDuration::from_secs(30), at(0));
            schedule.passed(MINUTE, Some(at(45)), 0.5, at(0));
            schedule.shift(SignedDuration::from_hours(hours));
            assert_eq!(schedule.poll(&shop), Some(at(set + 30)));
            assert_eq!((schedule.full_pass(), schedule.change()), (at(set + 60), Some(at(45))));
        }
    }

    #[test]
    fn a_failure_is_tried_again_soon_and_then_less_often() {
        let mut schedule = Schedule::all_due([], at(0));
        let mut now = 0;
        for wait in [1, 2, 4, 8, 16, 30, 30] {
            schedule.failed(SignedDuration::from_mins(10), at(now));
            now += wait;
            assert_eq!(schedule.next(), at(now));
        }
        schedule.failed(SignedDuration::from_secs(5), at(0));
        assert_eq!(schedule.next(), at(5));
        schedule.passed(MINUTE, None, 0.5, at(0));
        schedule.failed(MINUTE, at(0));
        assert_eq!(schedule.next(), at(1));
    }
}
