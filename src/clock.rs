//! The clock of the machine, read in one place. Everything else takes `now` as an argument.

#![expect(clippy::disallowed_methods, reason = "an edge: the one place that reads the clock")]

use jiff::Timestamp;

/// Now, to the millisecond: what the store keeps, so that nothing compares unequal to itself.
pub fn now() -> Timestamp {
    Timestamp::from_millisecond(Timestamp::now().as_millisecond()).expect("now is within the range of times")
}
