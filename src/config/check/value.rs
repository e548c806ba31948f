//! The forms of single values: durations, percents, addresses of servers.
//!
//! Never knows which key a value belongs to.

use jiff::SignedDuration;

// The parser alone, which does no I/O; telling credentials and hosts apart by hand is how they leak.
use reqwest::Url;

/// A hundred years: longer than any of these settings can mean, short enough that sums of it and a time
/// never overflow.
const LONGEST_SECONDS: u64 = 36_525 * 86_400;

/// `30s`, `10m`, `24h`, `365d`, `2w`, `500ms`, and sums such as `1h30m`; `0` needs no unit.
pub fn duration(text: &str) -> Result<SignedDuration, String> {
    let text = text.trim();
    if text == "0" {
        return Ok(SignedDuration::ZERO);
    }
    let mut rest = text;
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|char: char| !char.is_ascii_digit()).unwrap_or(rest.len());
        let number: u64 = rest[..digits].parse().map_err(|_| EXPECTED_DURATION.to_owned())?;
        let unit_end = rest[digits..].find(|char: char| char.is_ascii_digit()).map_or(rest.len(), |at| digits + at);
        let milliseconds: u64 = match rest[digits..unit_end].trim() {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 604_800_000,
            "" => return Err(format!("a unit is missing: `{number}s`, `{number}m`, `{number}h` or `{number}d`")),
            _ => return Err(EXPECTED_DURATION.to_owned()),
        };
        total = number.checked_mul(milliseconds).and_then(|more| total.checked_add(more)).ok_or(TOO_LONG)?;
        rest = &rest[unit_end..];
    }
    if text.is_empty() {
        return Err(EXPECTED_DURATION.to_owned());
    }
    if total > LONGEST_SECONDS * 1_000 {
        return Err(TOO_LONG.to_owned());
    }
    Ok(SignedDuration::from_millis(i64::try_from(total).expect("a hundred years of milliseconds fit")))
}

const EXPECTED_DURATION: &str = "expected a duration such as `30s`, `10m`, `1h30m` or `365d`";
const TOO_LONG: &str = "longer than a hundred years";

/// `10%`, from 0 to 100.
pub(super) fn percent(text: &str) -> Result<f64, String> {
    let text = text.trim();
    let number = text.strip_suffix('%').map(str::trim_end);
    let plain = number.unwrap_or(text);
    let shape = plain.starts_with(|char: char| char.is_ascii_digit())
        && plain.chars().all(|char| char.is_ascii_digit() || char == '.');
    match (plain.parse::<f64>().ok().filter(|_| shape), number) {
        (Some(value), Some(_)) if value <= 100.0 => Ok(value),
        (Some(_), Some(_)) => Err("expected a percentage from `0%` to `100%`".to_owned()),
        (Some(_), None) => Err(format!("the percent sign is missing: `{plain}%`")),
        (None, _) => Err("expected a percentage such as `10%`".to_owned()),
    }
}

/// An address of a server that may be asked.
#[derive(Debug)]
pub(super) struct Address {
    url: Url,
}

/// Why an address is refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BadAddress {
    /// No absolute `http` or `https` URL.
    Form,
    /// It holds a user name or a password.
    Credentials,
    /// It holds a query or a fragment.
    Query,
}

impl Address {
    pub(super) fn parse(text: &str) -> Result<Self, BadAddress> {
        let url = Url::parse(text.trim()).map_err(|_| BadAddress::Form)?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
            return Err(BadAddress::Form);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(BadAddress::Credentials);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(BadAddress::Query);
        }
        Ok(Self { url })
    }

    /// Origin and path, without a trailing slash.
    pub(super) fn base(&self) -> String {
        self.url.as_str().trim_end_matches('/').to_owned()
    }

    pub(super) fn has_path(&self) -> bool {
        !self.url.path().trim_matches('/').is_empty()
    }

    pub(super) fn host(&self) -> &str {
        self.url.host_str().expect("`parse` takes only addresses with a host")
    }

    /// Whether what is sent there can be read on the way.
    pub(super) fn in_the_clear(&self) -> bool {
        let host = self.host().trim_start_matches('[').trim_end_matches(']');
        let loopback = host == "localhost"
            || host.ends_with(".localhost")
            || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
        self.url.scheme() == "http" && !loopback
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_sums_of_numbers_with_units() {
        let seconds = |text| duration(text).map(|duration| duration.as_secs());
        assert_eq!(seconds("30s"), Ok(30));
        assert_eq!(seconds("1h30m"), Ok(5400));
        assert_eq!(seconds("2w 1d"), Ok(15 * 86_400));
        assert_eq!(seconds("0"), Ok(0));
        assert_eq!(duration("250ms"), Ok(SignedDuration::from_millis(250)));
        for bad in ["", "s", "-5m", "1.5h", "5 parsecs", "99999999999999999999s", "400000000000000d", "101y"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
        assert!(duration("30").unwrap_err().contains("`30s`"));
    }

    #[test]
    fn percents_need_their_sign_and_end_at_100() {
        assert_eq!(percent("10%"), Ok(10.0));
        assert_eq!(percent("0.5 %"), Ok(0.5));
        assert_eq!(percent("100%"), Ok(100.0));
        for bad in ["", "%", "10", "101%", "-1%", "1e2%", "inf%", "NaN%", "ten%"] {
            assert!(percent(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn addresses_carry_no_secret_and_know_when_they_are_open() {
        let address = |text| Address::parse(text);
        assert_eq!(address("https://a.example.com/v1/").unwrap().base(), "https://a.example.com/v1");
        assert_eq!(address("https://u:p@a.example.com").unwrap_err(), BadAddress::Credentials);
        assert_eq!(address("https://a.example.com?key=1").unwrap_err(), BadAddress::Query);
        for bad in ["", "a.example.com", "ftp://a.example.com", "https://", "http:///x"] {
            assert!(!matches!(address(bad), Ok(ref found) if found.host() != "x"), "{bad}");
        }
        assert!(address("http://a.example.com").unwrap().in_the_clear());
        for closed in ["http://localhost:1", "http://127.0.0.9", "http://[::1]:80", "https://a.example.com"] {
            assert!(!address(closed).unwrap().in_the_clear(), "{closed}");
        }
    }
}
