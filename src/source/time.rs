//! The times of payment APIs: RFC 3339, seconds or milliseconds since 1970. Pure.
//!
//! Never guesses a zone other than UTC, and knows no other calendar form.

use jiff::civil::{Date, DateTime};
use jiff::{Timestamp, tz::TimeZone};

use crate::config::settings::source::TimeFormat;

/// Numbers above this are milliseconds: as seconds they would lie after the year 5138.
const SECONDS_END: f64 = 1e11;

/// Reads a time as text. A text without a zone is UTC, which is what APIs that leave it out mean.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at);
    }
    if let Ok(number) = text.parse::<f64>() {
        return from_number(number);
    }
    let civil = text.parse::<DateTime>().or_else(|_| text.parse::<Date>().map(|date| date.at(0, 0, 0, 0)));
    Some(civil.ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// Reads a time as a number: seconds, or milliseconds when it is too large for that.
pub(super) fn from_number(number: f64) -> Option<Timestamp> {
    if !number.is_finite() {
        return None;
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
        assert_eq!(parse("2024-05-06"), "2024-05-06T00:00:00Z".parse().ok());
    }

    #[test]
    fn what_is_no_time_reads_as_none() {
        for text in ["", "soon", "2024-13-01", "NaN", "inf", "06/05/2024"] {
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
}
