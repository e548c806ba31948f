//! What is said of a clock that is off.

use crate::text::human::span;

/// Why nothing is taken by the clock, and what lifts that. `by`: seconds, positive where ours is ahead. `source`:
/// whose clock disagrees, where it is not Logto's.
pub(super) fn clock_doubtful(by: i64, source: Option<&str>, approve: &str) -> (String, String) {
    let whose = source.map_or_else(|| "Logto".to_owned(), |source| format!("source `{source}`"));
    let way = if by > 0 { "ahead of" } else { "behind" };
    let by = span(by.saturating_abs());
    (
        format!("the clock of this machine is {by} {way} that of {whose}, so nothing is taken for having expired"),
        format!(
            "{approve}set the clock that is wrong by NTP: the hold lifts by itself once the two agree to within five minutes"
        ),
    )
}
