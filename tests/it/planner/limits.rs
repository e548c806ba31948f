//! The count behind every limit.

use entitled::model::Limit;
use entitled::planner::limits::{Over, allowed, over};

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
    assert_eq!(over(five, 100, 0, 5), None);
    assert_eq!(over(five, 100, 2, 3), None);
    assert_eq!(over(five, 100, 0, 6), Some(Over { wanted: 6, spent: 0, allowed: 5, owned: 100 }));
    assert_eq!(over(five, 100, 3, 3), Some(Over { wanted: 3, spent: 3, allowed: 5, owned: 100 }));
}

#[test]
fn what_wants_nothing_is_never_over() {
    assert_eq!(over(limit(0.0, 5), 100, 9, 0), None);
    assert_eq!(over(limit(0.0, 0), 0, 0, 0), None);
    assert!(over(limit(0.0, 0), 0, 0, 1).is_some());
}
