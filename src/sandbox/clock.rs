//! The simulators' clock: the only place of theirs that reads the time.

#![expect(clippy::disallowed_methods, reason = "an edge: the simulators stamp what they make")]

use jiff::Timestamp;

/// Now, to the millisecond, as both simulated servers write it.
pub(super) fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}

/// A time in milliseconds as RFC 3339 text.
pub(super) fn rfc3339(ms: i64) -> String {
    timestamp(ms).to_string()
}

/// A time in milliseconds; the epoch where it is out of range.
pub(super) fn timestamp(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH)
}
