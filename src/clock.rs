//! The clock of the machine, read in one place. Everything else takes `now` as an argument.

#![expect(clippy::disallowed_methods, reason = "an edge: the one place that reads the clock")]

use std::time::Instant;

use jiff::{SignedDuration, Timestamp};

/// Now, to the millisecond: what the store keeps, so that nothing compares unequal to itself.
pub fn now() -> Timestamp {
    Timestamp::from_millisecond(Timestamp::now().as_millisecond()).expect("now is within the range of times")
}

/// Two readings that differ by less were taken a little apart.
const JITTER: SignedDuration = SignedDuration::from_secs(1);

/// The clock beside one that cannot be set, by which it shows when it was.
#[derive(Clone, Copy, Debug)]
pub struct Steady {
    wall: Timestamp,
    steady: Instant,
}

impl Steady {
    /// As of now.
    pub fn now() -> Self {
        Self::at(now(), Instant::now())
    }

    /// As of a reading of both.
    pub fn at(wall: Timestamp, steady: Instant) -> Self {
        Self { wall, steady }
    }

    /// By how much the clock was set between this reading and `later`, forward or back; zero where it only ran.
    pub fn set_until(self, later: Self) -> SignedDuration {
        let ran = later.steady.saturating_duration_since(self.steady);
        let ran = SignedDuration::try_from(ran).unwrap_or(SignedDuration::MAX);
        let set = later.wall.duration_since(self.wall).saturating_sub(ran);
        if set.abs() < JITTER { SignedDuration::ZERO } else { set }
    }
}

/// Whether so long a time is over since `then`. What was noted by a clock that was ahead is over: nobody knows how long
/// ago that was, and whoever waits for the clock to come there waits for ever.
pub fn is_over(every: SignedDuration, then: Timestamp, now: Timestamp) -> bool {
    let since = now.duration_since(then);
    since >= every || since < -JITTER
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_clock_that_is_set_shows_by_how_much_and_one_that_runs_does_not() {
        let (wall, steady) = (Timestamp::from_second(1_000_000).unwrap(), Instant::now());
        let began = Steady::at(wall, steady);
        for (ran, shows, set) in [
            (10, 10_000, 0),
            (10, 10_900, 0),
            (10, 9_100, 0),
            (10, 7_210_000, 7_200_000),
            (10, -7_190_000, -7_200_000),
            (0, 86_400_000, 86_400_000),
            (86_400, 86_400_000, 0),
            (86_400, 0, -86_400_000),
        ] {
            let later = Steady::at(wall + SignedDuration::from_millis(shows), steady + Duration::from_secs(ran));
            assert_eq!(began.set_until(later), SignedDuration::from_millis(set), "{ran} s, {shows} ms");
        }
    }

    #[test]
    fn what_was_noted_by_a_clock_that_was_ahead_is_over() {
        let (then, hour) = (Timestamp::from_second(1_000_000).unwrap(), SignedDuration::from_hours(1));
        for (seconds, over) in [(0, false), (3_599, false), (3_600, true), (-1, false), (-2, true), (-9_999_999, true)]
        {
            assert_eq!(is_over(hour, then, then + SignedDuration::from_secs(seconds)), over, "{seconds}");
        }
    }
}
