//! Numbers and times as people read them. Pure.

use jiff::{SignedDuration, Timestamp};

/// `1 grant`, `2 grants`.
pub fn count(n: u64, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") }
}

/// `1 person`, `5,718 people`: thousands apart.
pub fn people(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    format!("{out} {}", if number == 1 { "person" } else { "people" })
}

/// A number of bytes: `812 B`, `12.3 KiB`, `4.5 MiB`.
pub fn bytes(number: u64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.into_iter().find(|(unit, _)| number >= *unit) {
        Some((unit, word)) => format!("{:.1} {word}", number as f64 / unit as f64),
        None => format!("{number} B"),
    }
}

/// A day in UTC, as `2026-11-22`.
pub fn day(seconds: i64) -> String {
    Timestamp::from_second(seconds).map_or_else(|_| "for ever".to_owned(), |at| at.strftime("%Y-%m-%d").to_string())
}

/// A time to the second in UTC, as people read it.
pub fn datetime(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// A span of time in its two largest units: `12 d 4 h`, `4 h 12 min`, `12 min 5 s`.
pub fn span(seconds: i64) -> String {
    let seconds = seconds.max(0);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (1.., ..) => format!("{days} d {hours} h"),
        (_, 1.., _) => format!("{hours} h {minutes} min"),
        (_, _, 1..) => format!("{minutes} min {} s", seconds % 60),
        _ => format!("{seconds} s"),
    }
}

/// A length of time as the file writes it, in its two largest units: `3s`, `5m`, `1h30m`, `2d4h`.
pub fn duration(time: SignedDuration) -> String {
    let seconds = time.unsigned_abs().as_secs();
    let units = [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")];
    let Some(first) = units.iter().position(|(unit, _)| seconds >= *unit) else { return "0s".to_owned() };
    let mut rest = seconds;
    let mut text = String::new();
    for (unit, word) in units.iter().skip(first).take(2) {
        if rest >= *unit {
            text.push_str(&format!("{}{word}", rest / unit));
        }
        rest %= unit;
    }
    text
}

/// `7m ago`; `just now` within a second.
pub fn ago(then: Timestamp, now: Timestamp) -> String {
    match now.duration_since(then) {
        past if past.as_secs() > 0 => format!("{} ago", duration(past)),
        _ => "just now".to_owned(),
    }
}

/// `in 3m`; `due now` once it has come.
pub fn ahead(then: Timestamp, now: Timestamp) -> String {
    match then.duration_since(now) {
        left if left.as_secs() > 0 => format!("in {}", duration(left)),
        _ => "due now".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_come_says_when_also_once_it_has() {
        let now = Timestamp::UNIX_EPOCH;
        for (seconds, says) in [(180, "in 3m"), (1, "in 1s"), (0, "due now"), (-180, "due now")] {
            assert_eq!(ahead(now + SignedDuration::from_secs(seconds), now), says, "{seconds}");
        }
    }
}
