//! The settings of a version of the file that keep it from doing harm, and how long they outlast that version.
//!
//! Flow: each version that was in force during a pass is kept, with the time at which the next one replaced it. Where a
//! new version is less careful, the earlier ones count beside it until their delay is over.
//!
//! Guarantee (promise 12): nothing that a version loosens counts for that version itself before `safeguards.delay` has
//! passed. What it tightens counts at once.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Limits, Protect, Prune};

/// How careful a version of the file is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Safeguards {
    /// How much is taken away.
    pub prune: Prune,
    /// How much at once.
    pub limits: Limits,
    /// Who and what is never touched.
    pub protect: Protect,
    /// For how long all of this outlasts the version that asks for it.
    pub delay: SignedDuration,
}

/// A version that passes have gone by.
#[derive(Clone, Debug, PartialEq)]
pub struct Version {
    /// How careful it is.
    pub safeguards: Safeguards,
    /// Since when passes go by another one. `None`: it is the last that they went by.
    pub left: Option<Left>,
}

/// When a version was left.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Left {
    /// When.
    pub at: Timestamp,
    /// It counts before this instant.
    pub until: Timestamp,
}

/// The safeguards of an earlier version that still count.
#[derive(Clone, Debug, PartialEq)]
pub struct Lingering {
    /// How careful it is.
    pub safeguards: Safeguards,
    /// When it was in force last.
    pub left: Timestamp,
    /// They count before this instant.
    pub until: Timestamp,
}

impl Safeguards {
    /// The version that is left at `now`: it counts for the longest delay of its own and of those that count beside it.
    /// What comes after it has no say in that, in neither direction.
    pub fn leave(&self, versions: &[Version], now: Timestamp) -> Left {
        let counting = versions.iter().filter_map(|version| count(version, now));
        let longest = counting.map(|one| one.safeguards.delay).fold(self.delay, SignedDuration::max);
        Left { at: now, until: after(now, longest) }
    }

    /// Those of `versions` that still count beside these at `now`. What asks for the very same is left out.
    pub fn lingering(&self, versions: &[Version], now: Timestamp) -> Vec<Lingering> {
        let others = versions.iter().filter(|version| version.safeguards != *self);
        let counting = others.filter_map(|version| match version.left {
            Some(_) => count(version, now),
            // No other one has followed it yet: this one does, now.
            None => {
                let Left { at, until } = version.safeguards.leave(versions, now);
                Some(Lingering { safeguards: version.safeguards.clone(), left: at, until })
            }
        });
        counting.filter(|one| now < one.until).collect()
    }
}

/// A version that was left, while it counts. One that seems to have been left later than now was left by a clock that
/// was wrong: now, at the latest.
fn count(version: &Version, now: Timestamp) -> Option<Lingering> {
    let Left { at, until } = version.left?;
    let left = at.min(now);
    let until = after(left, until.duration_since(at));
    (now < until).then(|| Lingering { safeguards: version.safeguards.clone(), left, until })
}

fn after(instant: Timestamp, delay: SignedDuration) -> Timestamp {
    instant.checked_add(delay).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Limit;

    fn safeguards(prune: Prune, hours: i64) -> Safeguards {
        let limit = Limit { percent: 10.0, floor: 5 };
        Safeguards {
            prune,
            limits: Limits { revocations: limit, config_grants: limit },
            protect: Protect::default(),
            delay: SignedDuration::from_hours(hours),
        }
    }

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + hours * 3_600).unwrap()
    }

    fn version(prune: Prune, hours: i64, left: Option<(i64, i64)>) -> Version {
        let left = left.map(|(left, until)| Left { at: at(left), until: at(until) });
        Version { safeguards: safeguards(prune, hours), left }
    }

    fn lingering(own: &Safeguards, versions: &[Version], now: i64) -> Vec<(Prune, Timestamp)> {
        let found = own.lingering(versions, at(now));
        found.into_iter().map(|one| (one.safeguards.prune, one.until)).collect()
    }

    #[test]
    fn a_version_counts_until_its_delay_is_over() {
        let own = safeguards(Prune::Exclusive, 24);
        let never = [version(Prune::Never, 24, Some((0, 24)))];
        assert_eq!(lingering(&own, &[], 0), []);
        assert_eq!(lingering(&own, &never, 0), [(Prune::Never, at(24))]);
        assert_eq!(lingering(&own, &never, 23), [(Prune::Never, at(24))]);
        assert_eq!(lingering(&own, &never, 24), []);
        // Nothing followed it before this one does.
        assert_eq!(lingering(&own, &[version(Prune::Owned, 24, None)], 500), [(Prune::Owned, at(524))]);
        // The same once more is no other version.
        assert_eq!(lingering(&own, &[version(Prune::Exclusive, 24, Some((0, 24)))], 1), []);
        // By a clock that was ahead.
        assert_eq!(lingering(&own, &[version(Prune::Owned, 24, Some((9_000, 9_024)))], 1), [(Prune::Owned, at(25))]);
    }

    #[test]
    fn what_comes_after_a_version_neither_shortens_nor_prolongs_how_long_it_counts() {
        let owned = version(Prune::Owned, 24, None);
        for hours in [0, 24, 720] {
            let next = safeguards(Prune::Exclusive, hours);
            assert_eq!(lingering(&next, std::slice::from_ref(&owned), 10), [(Prune::Owned, at(34))]);
            // What had settled before stays settled.
            assert_eq!(lingering(&next, &[version(Prune::Never, 24, Some((0, 24)))], 25), []);
        }
    }

    #[test]
    fn a_longer_delay_that_counts_holds_those_that_are_left_meanwhile() {
        let long = version(Prune::Never, 48, Some((0, 48)));
        let left = safeguards(Prune::Owned, 1).leave(std::slice::from_ref(&long), at(10));
        assert_eq!((left.at, left.until), (at(10), at(58)));
        let left = safeguards(Prune::Owned, 1).leave(&[long], at(48));
        assert_eq!(left.until, at(49));
    }
}
