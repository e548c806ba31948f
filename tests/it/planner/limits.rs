//! The count behind every limit.

use entitled::model::Limit;
use entitled::planner::limits::{Day, Over, allowed, fits_from, over};

fn limit(percent: f64, floor: u32) -> Limit {
    Limit { percent, floor }
}

#[test]
fn the_larger_of_floor_and_share_is_allowed_rounded_down() {
    assert_eq!(allowed(limit(10.0, 5), 0), 5);
    assert_eq!(allowed(limit(10.0, 5), 49), 5);
    assert_eq!(allowed(limit(10.0, 5), 59), 5);
    assert_eq!(allowed(limit(10.0, 5), 60), 6);
    assert_eq!(allowed(limit(10.0, 0), 9), 0);
    assert_eq!(allowed(limit(0.0, 0), 1_000_000), 0);
    assert_eq!(allowed(limit(100.0, 0), 1_000_000), 1_000_000);
    assert_eq!(allowed(limit(0.5, 0), 1_000), 5);
}

#[test]
fn exactly_the_limit_passes_and_one_more_does_not() {
    let five = limit(0.0, 5);
    assert_eq!(over(&[five], 100, 0, 5), None);
    assert_eq!(over(&[five], 100, 2, 3), None);
    assert_eq!(over(&[five], 100, 0, 6), Some(Over { wanted: 6, spent: 0, allowed: 5, owned: 100 }));
    assert_eq!(over(&[five], 100, 3, 3), Some(Over { wanted: 3, spent: 3, allowed: 5, owned: 100 }));
}

#[test]
fn what_wants_nothing_is_never_over() {
    assert_eq!(over(&[limit(0.0, 5)], 100, 9, 0), None);
    assert_eq!(over(&[limit(0.0, 0)], 0, 0, 0), None);
    assert!(over(&[limit(0.0, 0)], 0, 0, 1).is_some());
}

/// In milliseconds, and on no whole second.
const NOW: i64 = 1_000_000_000_500;
const DAY: i64 = 86_400_000;

/// What was ours since when and until when, and when something was done that counts.
#[derive(Clone, Debug, Default)]
struct Past {
    ours: Vec<(i64, Option<i64>)>,
    done: Vec<i64>,
}

impl Past {
    fn day(&self) -> Day {
        let stay = self.ours.iter().filter(|(_, until)| until.is_none());
        let mut day = Day {
            owned: stay.clone().count() as u64,
            came: stay.map(|(since, _)| *since).filter(|since| *since >= NOW - DAY).collect(),
            went: self.ours.iter().filter_map(|(since, until)| Some((*since, (*until)?))).collect(),
            done: self.done.clone(),
        };
        day.sort();
        day
    }

    /// As the limit is said to work: a share of what was ours when the day began, less what was done since then.
    fn fits(&self, limit: Limit, wanted: u64, at: i64) -> bool {
        let began = at - DAY;
        let ours = |(since, until): &&(i64, Option<i64>)| *since < began && until.is_none_or(|until| until >= began);
        let base = self.ours.iter().filter(ours).count() as u64;
        over(&[limit], base, self.done.iter().filter(|done| **done >= began).count() as u64, wanted).is_none()
    }

    fn and(&self, other: &Self) -> Self {
        let (mut ours, mut done) = (self.ours.clone(), self.done.clone());
        ours.extend(&other.ours);
        done.extend(&other.done);
        Self { ours, done }
    }
}

/// Every whole second is tried at which anything can have changed since `NOW`.
fn first_that_fits(limit: Limit, pasts: &[&Past], wanted: u64) -> Option<i64> {
    let first = (NOW + DAY) / 1_000 - 5;
    (first..first + 10).map(|second| second * 1_000).find(|at| pasts.iter().all(|past| past.fits(limit, wanted, *at)))
}

/// No more than two of them, in every way.
fn up_to_two<T: Copy>(of: &[T]) -> Vec<Vec<T>> {
    let pairs = of.iter().enumerate().flat_map(|(at, one)| of[at..].iter().map(|other| vec![*one, *other]));
    std::iter::once(Vec::new()).chain(of.iter().map(|one| vec![*one])).chain(pairs).collect()
}

#[test]
fn it_fits_from_the_first_second_at_which_it_would_pass() {
    let times = [NOW - 2_500, NOW - 1_500, NOW - 1_499, NOW - 500, NOW];
    let long_ago = NOW - 2 * DAY;
    let mut ours: Vec<(i64, Option<i64>)> = vec![(long_ago, None)];
    ours.extend(times.map(|since| (since, None)));
    ours.extend(times.map(|until| (long_ago, Some(until))));
    ours.extend([(NOW - 2_500, Some(NOW - 500)), (NOW - 1_500, Some(NOW))]);
    let limits = [limit(0.0, 1), limit(50.0, 0), limit(100.0, 1)];
    let mut found = 0;
    for ours in up_to_two(&ours) {
        for done in up_to_two(&times) {
            let past = Past { ours: ours.clone(), done };
            for limit in limits {
                for wanted in [1, 2] {
                    if past.fits(limit, wanted, NOW) {
                        continue;
                    }
                    let from = fits_from(&[limit.into()], &[&past.day()], wanted, NOW);
                    assert_eq!(from, first_that_fits(limit, &[&past], wanted), "{wanted} of {limit:?} after {past:?}");
                    found += usize::from(from.is_some());
                }
            }
        }
    }
    assert!(found > 1_000, "{found} of them ever fit");
}

#[test]
fn it_fits_when_every_day_has_room_and_two_days_together_are_one() {
    let times = [NOW - 2_500, NOW - 1_500, NOW];
    let pasts: Vec<Past> = up_to_two(&times)
        .into_iter()
        .flat_map(|done| {
            let ours = [vec![], vec![(NOW - 2 * DAY, None)], vec![(NOW - 1_500, None), (NOW - 2 * DAY, Some(NOW))]];
            ours.map(|ours| Past { ours, done: done.clone() })
        })
        .collect();
    for one in &pasts {
        for other in &pasts {
            for limit in [limit(0.0, 2), limit(50.0, 1)] {
                let both = [one, other];
                if !both.iter().all(|past| past.fits(limit, 1, NOW)) {
                    let from = fits_from(&[limit.into()], &[&one.day(), &other.day()], 1, NOW);
                    assert_eq!(from, first_that_fits(limit, &both, 1), "{limit:?} after {both:?}");
                }
                let sum = one.and(other);
                if !sum.fits(limit, 1, NOW) {
                    let mut day = one.day().and(&other.day());
                    day.sort();
                    assert_eq!(
                        fits_from(&[limit.into()], &[&day], 1, NOW),
                        first_that_fits(limit, &[&sum], 1),
                        "{limit:?} {sum:?}"
                    );
                }
            }
        }
    }
}
