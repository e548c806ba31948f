//! What failed and is tried again soon: after a second, then after twice as long each time, up to the interval of
//! the polls. Pure: `now` is an argument.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

/// The first wait.
const FIRST: SignedDuration = SignedDuration::from_secs(1);

/// Things that failed, each with its own wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Retries<K>(BTreeMap<K, Again>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Again {
    due: Timestamp,
    wait: SignedDuration,
}

impl<K> Default for Retries<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord + Clone> Retries<K> {
    /// It failed. What waits already goes on waiting. `longest`: no wait is longer.
    pub(super) fn failed(&mut self, key: K, longest: SignedDuration, now: Timestamp) {
        let wait = FIRST.min(longest);
        self.0.entry(key).or_insert(Again { due: now + wait, wait });
    }

    /// It is done, or needs no trying again.
    pub(super) fn done(&mut self, key: &K) {
        self.0.remove(key);
    }

    /// Some need no trying again.
    pub(super) fn forget(&mut self, done: impl Fn(&K) -> bool) {
        self.0.retain(|key, _| !done(key));
    }

    /// What is to be tried now. Each of them waits twice as long for the next time, unless it is
    /// [`done`](Self::done).
    pub(super) fn due(&mut self, longest: SignedDuration, now: Timestamp) -> BTreeSet<K> {
        let mut due = BTreeSet::new();
        for (key, again) in self.0.iter_mut().filter(|(_, again)| again.due <= now) {
            again.wait = again.wait.saturating_mul(2).min(longest.max(FIRST.min(longest)));
            again.due = now + again.wait;
            due.insert(key.clone());
        }
        due
    }

    /// Nothing can be tried now: what is due waits on as if it had failed again.
    pub(super) fn put_off(&mut self, longest: SignedDuration, now: Timestamp) {
        let _untried = self.due(longest, now);
    }

    /// The clock was set: each is due as long from now as before.
    pub(super) fn shift(&mut self, by: SignedDuration) {
        self.0.values_mut().for_each(|again| again.due = again.due.checked_add(by).unwrap_or(again.due));
    }

    /// When the next of them is due.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.0.values().map(|again| again.due).min()
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(millis).unwrap()
    }

    /// When something that always fails is tried within the first `until` milliseconds.
    fn tries(longest: SignedDuration, until: i64) -> Vec<i64> {
        let mut retries = Retries::default();
        retries.failed("ann", longest, at(0));
        let mut tries = Vec::new();
        while let Some(next) = retries.next().filter(|next| *next <= at(until)) {
            tries.push(next.as_millisecond());
            assert_eq!(retries.due(longest, next), ["ann"].into());
            assert_eq!(retries.due(longest, next), [].into(), "it is not due twice");
            retries.failed("ann", longest, next);
        }
        tries
    }

    #[test]
    fn the_wait_doubles_up_to_the_interval_of_the_polls() {
        let table = [
            (SignedDuration::from_secs(30), vec![1_000, 3_000, 7_000, 15_000, 31_000, 61_000, 91_000]),
            (SignedDuration::from_secs(5), vec![1_000, 3_000, 7_000, 12_000, 17_000]),
            (SignedDuration::from_millis(50), vec![50, 100, 150]),
        ];
        for (longest, expected) in table {
            assert_eq!(tries(longest, *expected.last().unwrap()), expected, "{longest}");
        }
    }

    #[test]
    fn a_clock_that_is_set_puts_nothing_off() {
        let minute = SignedDuration::from_mins(1);
        for hours in [-2, 2, -100_000] {
            let (mut retries, set) = (Retries::default(), hours * 3_600_000);
            retries.failed("ann", minute, at(0));
            retries.failed("ben", minute, at(500));
            retries.shift(SignedDuration::from_hours(hours));
            assert_eq!(retries.due(minute, at(set + 999)), [].into(), "{hours}");
            assert_eq!(retries.due(minute, at(set + 1_000)), ["ann"].into(), "{hours}");
            assert_eq!(retries.due(minute, at(set + 1_500)), ["ben"].into(), "{hours}");
        }
    }

    #[test]
    fn each_waits_for_itself_and_is_forgotten_when_it_is_done() {
        let minute = SignedDuration::from_mins(1);
        let mut retries = Retries::default();
        retries.failed("ann", minute, at(0));
        retries.failed("ben", minute, at(500));
        assert_eq!(retries.due(minute, at(1_000)), ["ann"].into());
        assert_eq!(retries.due(minute, at(1_500)), ["ben"].into());
        retries.done(&"ann");
        assert_eq!(retries.next(), Some(at(3_500)));
        retries.forget(|_| true);
        assert!(retries.is_empty() && retries.next().is_none());
        retries.failed("ann", minute, at(9_000));
        assert_eq!(retries.next(), Some(at(10_000)), "it begins anew");
    }
}
