//! What of a version of the file keeps it from doing harm, and for how long it outlasts that version.
//!
//! Flow: each version that passes went by is kept with when the next one came. Where a new one asks for less care, what
//! the ones before it asked for counts beside it until their delay is over.
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
    /// When another one came. `None`: it is the last that a pass went by.
    pub left: Option<Timestamp>,
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
    /// The longest delay of these and of those that still count.
    pub fn longest(&self, lingering: &[Lingering]) -> SignedDuration {
        lingering.iter().map(|one| one.safeguards.delay).fold(self.delay, SignedDuration::max)
    }

    /// Those of `versions` that still count beside these at `now`: whoever was in force within the longest delay of all
    /// that outlast themselves. What asks for the very same is left out.
    pub fn lingering(&self, versions: &[Version], now: Timestamp) -> Vec<Lingering> {
        // A version that no other one has followed yet is followed by this one, now. So is one that seems to have been
        // followed later than now: a clock was wrong.
        let left = |version: &Version| version.left.map_or(now, |left| left.min(now));
        let others: Vec<&Version> = versions.iter().filter(|version| version.safeguards != *self).collect();
        let outlasts = |version: &&&Version| now < after(left(version), version.safeguards.delay);
        let longest =
            others.iter().filter(outlasts).map(|one| one.safeguards.delay).fold(self.delay, SignedDuration::max);
        let counting = others.into_iter().map(|version| Lingering {
            safeguards: version.safeguards.clone(),
            left: left(version),
            until: after(left(version), longest),
        });
        counting.filter(|one| now < one.until).collect()
    }
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

    fn version(prune: Prune, hours: i64, left: Option<i64>) -> Version {
        Version { safeguards: safeguards(prune, hours), left: left.map(at) }
    }

    #[test]
    fn a_version_counts_until_its_delay_is_over() {
        let own = safeguards(Prune::Exclusive, 24);
        let lingering = |versions: &[Version], now| {
            let found = own.lingering(versions, at(now));
            found.into_iter().map(|one| (one.safeguards.prune, one.until)).collect::<Vec<_>>()
        };
        let never = version(Prune::Never, 24, Some(0));
        assert_eq!(lingering(&[], 0), []);
        assert_eq!(lingering(std::slice::from_ref(&never), 0), [(Prune::Never, at(24))]);
        assert_eq!(lingering(std::slice::from_ref(&never), 23), [(Prune::Never, at(24))]);
        assert_eq!(lingering(std::slice::from_ref(&never), 24), []);
        // Nothing followed it before this one does.
        assert_eq!(lingering(&[version(Prune::Owned, 24, None)], 500), [(Prune::Owned, at(524))]);
        // The same once more is no other version.
        assert_eq!(lingering(&[version(Prune::Exclusive, 24, Some(0))], 1), []);
        // By a clock that was ahead.
        assert_eq!(lingering(&[version(Prune::Owned, 24, Some(9_000))], 1), [(Prune::Owned, at(25))]);
    }

    #[test]
    fn the_longest_delay_counts_for_all_and_cannot_be_shortened_by_the_version_that_it_is_to_outlast() {
        let hasty = safeguards(Prune::Exclusive, 0);
        let versions = [version(Prune::Never, 1, Some(0)), version(Prune::Owned, 48, Some(10))];
        let words = |now| {
            let found = hasty.lingering(&versions, at(now));
            found.into_iter().map(|one| (one.safeguards.prune, one.until)).collect::<Vec<_>>()
        };
        assert_eq!(words(11), [(Prune::Never, at(48)), (Prune::Owned, at(58))]);
        assert_eq!(words(50), [(Prune::Owned, at(58))]);
        assert_eq!(words(58), []);
        assert_eq!(hasty.longest(&hasty.lingering(&versions, at(11))), SignedDuration::from_hours(48));
        assert_eq!(hasty.longest(&[]), SignedDuration::ZERO);
    }
}
