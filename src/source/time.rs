//! The times of payment APIs: RFC 3339, a plain date, seconds or milliseconds since 1970. Pure.
//!
//! Never guesses a zone: a time that tells none is of the one that its source names, or else UTC. Knows no other calendar
//! form, and takes no time that cannot be true.

use jiff::civil::{Date, DateTime};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde_json::Value;

use crate::config::settings::source::TimeFormat;
use crate::model::Oddity;

/// Numbers above this are milliseconds: as seconds they would lie after the year 5138.
const SECONDS_END: f64 = 1e11;

/// 9999-12-31T23:59:59Z in seconds, which is how "for ever" is written. As milliseconds that, and all between
/// [`SECONDS_END`] and it, would lie before 1979, where no order does.
const LAST_SECOND: f64 = 253_402_300_799.0;

/// 2000-01-01T00:00:00Z. No order is older, and what looks older is a mark for "none" (year 1, 1970), or a number
/// that means something else (`20261125`, `2026`).
const FIRST: i64 = 946_684_800;

/// How far ahead of us the clock of a payment API may be.
const AHEAD: SignedDuration = SignedDuration::from_hours(24);

/// The same for what ends something: it would be kept until then.
const SLIGHTLY_AHEAD: SignedDuration = SignedDuration::from_mins(5);

/// Which times are possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Possible {
    /// What has happened: up to a day from now.
    Past(Timestamp),
    /// What has ended something: up to five minutes from now.
    Ended(Timestamp),
    /// What may still come.
    Any,
}

/// Reads a time out of JSON: nothing for `null` and a blank text.
///
/// # Errors
/// What is wrong with it, where it is in none of the accepted forms or cannot be true.
pub(super) fn read(value: &Value, possible: Possible, zone: &TimeZone) -> Result<Option<Timestamp>, Oddity> {
    let at = match value {
        Value::Null => return Ok(None),
        Value::String(text) if text.trim().is_empty() => return Ok(None),
        Value::String(text) => parse_in(text, zone),
        Value::Number(number) => number.as_f64().and_then(from_number),
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    plausible(at.ok_or(Oddity::NoTime)?, possible).map(Some)
}

/// A time that can be true.
///
/// # Errors
/// Why it cannot.
pub(super) fn plausible(at: Timestamp, possible: Possible) -> Result<Timestamp, Oddity> {
    match possible {
        _ if at.as_second() < FIRST => Err(Oddity::TooEarly),
        Possible::Past(now) if at.duration_since(now) > AHEAD => Err(Oddity::TooLate),
        Possible::Ended(now) if at.duration_since(now) > SLIGHTLY_AHEAD => Err(Oddity::ToCome),
        Possible::Past(_) | Possible::Ended(_) | Possible::Any => Ok(at),
    }
}

/// Reads a time as text. A text without a zone is UTC, which is what APIs that leave it out mean.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    parse_in(text, &TimeZone::UTC)
}

/// The same where a text without a zone is of this one. In the hour that a clock is set back it is the earlier of two.
fn parse_in(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(at) = text.parse::<Timestamp>() {
        return is_offset(text).then_some(at);
    }
    if text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'.'))
        && let Ok(number) = text.parse::<f64>()
    {
        return from_number(number);
    }
    let civil = text.parse::<DateTime>().or_else(|_| text.parse::<Date>().map(|date| date.at(0, 0, 0, 0)));
    civil.ok().and_then(|civil| Some(civil.to_zoned(zone.clone()).ok()?.timestamp())).or_else(|| for_ever(text))
}

/// Whether the offset of a time, where it has one, is one of RFC 3339: less than a day.
fn is_offset(text: &str) -> bool {
    let hours = text.rfind(['+', '-']).filter(|at| *at > "2026-11-26T".len()).and_then(|at| text.get(at + 1..at + 3));
    hours.and_then(|hours| hours.parse::<u8>().ok()).is_none_or(|hours| hours < 24)
}

/// The last day of the calendar stands for "for ever", and ends after the last moment that can be reckoned with.
fn for_ever(text: &str) -> Option<Timestamp> {
    let year_before = format!("9998{}", text.strip_prefix("9999").filter(|rest| rest.starts_with("-12-31"))?);
    parse(&year_before).map(|_| Timestamp::MAX)
}

/// Reads a time as a number: seconds, or milliseconds when it is too large for that. The last day of the calendar is
/// "for ever", as it is in a text.
fn from_number(number: f64) -> Option<Timestamp> {
    if !number.is_finite() {
        return None;
    }
    if (SECONDS_END..=LAST_SECOND).contains(&number) {
        return Some(Timestamp::from_second(number as i64).unwrap_or(Timestamp::MAX));
    }
    let seconds = if number.abs() > SECONDS_END { number / 1000.0 } else { number };
    Timestamp::from_millisecond((seconds * 1000.0).round() as i64).ok()
}

/// Writes a time for a query. Rounds down to the form's own step, so that a filter never starts too late.
pub(super) fn format(at: Timestamp, form: TimeFormat) -> String {
    match form {
        TimeFormat::Rfc3339 => at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        TimeFormat::Unix => at.as_millisecond().div_euclid(1000).to_string(),
        TimeFormat::UnixMs => at.as_millisecond().to_string(),
        TimeFormat::Date => at.strftime("%Y-%m-%d").to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_the_same_moment_reads_the_same() {
        let expected: Timestamp = "2024-05-06T07:08:09Z".parse().unwrap();
        for text in [
            "2024-05-06T07:08:09Z",
            "2024-05-06T09:08:09+02:00",
            "2024-05-06T07:08:09",
            "2024-05-06 07:08:09",
            "1714979289",
            "1714979289000",
            " 1714979289.0 ",
        ] {
            assert_eq!(parse(text), Some(expected), "{text}");
        }
        assert!(parse("2024-05-06T07:08:09-23:59").is_some() && parse("2024-05-06T07:08:09").is_some());
        assert_eq!(parse("2024-05-06T07:08:09+25:00"), None, "an offset is less than a day");
        assert_eq!(parse("2024-05-06"), "2024-05-06T00:00:00Z".parse().ok());
    }

    #[test]
    fn what_is_no_time_reads_as_none() {
        for text in
            ["", "soon", "2024-13-01", "NaN", "inf", "06/05/2024", "1e9", "0000-00-00 00:00:00", "9999-12-31 soon"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_filter_never_starts_after_the_moment_it_is_for() {
        let at: Timestamp = "2024-05-06T07:08:09.987Z".parse().unwrap();
        assert_eq!(format(at, TimeFormat::Rfc3339), "2024-05-06T07:08:09Z");
        assert_eq!(format(at, TimeFormat::Unix), "1714979289");
        assert_eq!(format(at, TimeFormat::UnixMs), "1714979289987");
        assert_eq!(format(at, TimeFormat::Date), "2024-05-06");
    }

    #[test]
    fn what_cannot_be_true_is_named_and_the_rest_is_read() {
        use Oddity::{NoTime, TooEarly, TooLate};
        use serde_json::json;
        let now: Timestamp = "2026-11-25T12:00:00Z".parse().unwrap();
        let at = |text: &str| Ok(Some(text.parse::<Timestamp>().unwrap()));
        for (value, expected) in [
            (json!(null), Ok(None)),
            (json!(""), Ok(None)),
            (json!("  "), Ok(None)),
            (json!(0), Err(TooEarly)),
            (json!("0"), Err(TooEarly)),
            (json!(-1), Err(TooEarly)),
            (json!("-1"), Err(TooEarly)),
            (json!(2026), Err(TooEarly)),
            (json!("2026"), Err(TooEarly)),
            (json!(20261125), Err(TooEarly)),
            (json!("20261125"), Err(TooEarly)),
            (json!(45986.5), Err(TooEarly)),
            (json!("45986.5"), Err(TooEarly)),
            (json!("0001-01-01T00:00:00Z"), Err(TooEarly)),
            (json!("0001-01-01"), Err(TooEarly)),
            (json!("1970-01-01T00:00:00Z"), Err(TooEarly)),
            (json!("1970-01-01 00:00:00"), Err(TooEarly)),
            (json!("1999-12-31T23:59:59Z"), Err(TooEarly)),
            (json!(946_684_799), Err(TooEarly)),
            (json!(946_684_799_999_i64), Err(TooEarly)),
            (json!(946_684_800), at("2000-01-01T00:00:00Z")),
            (json!(946_684_800_000_i64), at("2000-01-01T00:00:00Z")),
            (json!("2000-01-01"), at("2000-01-01T00:00:00Z")),
            (json!("2026-11-26T12:00:00Z"), at("2026-11-26T12:00:00Z")),
            (json!("2026-11-26T12:00:01Z"), Err(TooLate)),
            (json!("2062-11-25"), Err(TooLate)),
            (json!("9999-12-31T23:59:59Z"), Err(TooLate)),
            (json!(99_999_999_999_i64), Err(TooLate)),
            (json!(1_795_608_000_000_000_i64), Err(NoTime)),
            (json!("garbage"), Err(NoTime)),
            (json!("0000-00-00 00:00:00"), Err(NoTime)),
            (json!(true), Err(NoTime)),
            (json!([]), Err(NoTime)),
            (json!({"at": 1}), Err(NoTime)),
        ] {
            assert_eq!(read(&value, Possible::Past(now), &TimeZone::UTC), expected, "{value}");
            let still_to_come = match expected {
                Err(TooLate) => Ok(()),
                other => other.map(drop),
            };
            assert_eq!(read(&value, Possible::Any, &TimeZone::UTC).map(drop), still_to_come, "{value}");
        }
        assert_eq!(read(&json!("9999-12-31"), Possible::Any, &TimeZone::UTC), Ok(Some(Timestamp::MAX)));
    }
}
