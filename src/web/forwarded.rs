//! Who asks through a proxy that the file trusts.
//!
//! Each proxy adds, at the right, the address that it was asked from. What stands at the left was sent by whoever asks
//! and may say anything. So addresses are read from the right, past those of trusted proxies, up to the first other one.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;

use super::Refused;
use crate::config::settings::network::Network;

const LIST: &str = "x-forwarded-for";
const PAIRS: &str = "forwarded";

/// An address that a proxy has passed on cannot be read.
struct Unreadable;

/// Whether an address is that of a trusted proxy.
pub(super) fn trusts(trusted: &[Network], address: IpAddr) -> bool {
    trusted.iter().any(|network| network.contains(address))
}

/// From where a request comes that `peer` has sent.
///
/// # Errors
/// Where a trusted proxy says it in a way that cannot be relied on: then nobody knows who asks.
pub(super) fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> Result<IpAddr, Refused> {
    // Whoever is no proxy of ours may claim any address.
    if !trusts(trusted, peer) {
        return Ok(peer);
    }
    let named = |name, read: fn(&str) -> Result<Vec<&str>, Unreadable>, address: fn(&str) -> Option<IpAddr>| {
        let mut lines = Vec::new();
        for line in headers.get_all(name) {
            lines.extend(read(line.to_str().map_err(|_| Unreadable)?)?);
        }
        asking(&lines, address, trusted)
    };
    let both = (named(LIST, elements, address), named(PAIRS, elements, said_for));
    match both {
        (Ok(None), Ok(None)) => Ok(peer),
        (Ok(Some(client)), Ok(None)) | (Ok(None), Ok(Some(client))) => Ok(client),
        // A proxy that sets one of them lets the other one pass as it came.
        (Ok(Some(one)), Ok(Some(other))) if one == other => Ok(one),
        _ => Err(Refused::Forwarding),
    }
}

/// The first address from the right that no trusted proxy has; the left-most where all are theirs.
fn asking(
    entries: &[&str],
    address: fn(&str) -> Option<IpAddr>,
    trusted: &[Network],
) -> Result<Option<IpAddr>, Unreadable> {
    let mut last = None;
    for entry in entries.iter().rev() {
        let address = address(entry).ok_or(Unreadable)?.to_canonical();
        last = Some(address);
        if !trusts(trusted, address) {
            break;
        }
    }
    Ok(last)
}

/// What stands between commas that are not in quotes.
fn elements(line: &str) -> Result<Vec<&str>, Unreadable> {
    split(line, ',').ok_or(Unreadable)
}

/// Absent where a quote is left open: it may have swallowed what a proxy has added.
fn split(text: &str, at: char) -> Option<Vec<&str>> {
    let mut quoted = false;
    let parts = text
        .split(|character| {
            quoted ^= character == '"';
            character == at && !quoted
        })
        .map(str::trim)
        .collect();
    (!quoted).then_some(parts)
}

/// An address, with a port or without, one of IPv6 in brackets or bare.
fn address(text: &str) -> Option<IpAddr> {
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok().map(IpAddr::V6);
    let with_port = || text.parse().ok().map(|address: SocketAddr| address.ip());
    text.parse().ok().or_else(bracketed).or_else(with_port)
}

/// The address of `for=` in an element such as `for="[2001:db8::1]:4711";proto=https`, which has one.
fn said_for(element: &str) -> Option<IpAddr> {
    let pairs = split(element, ';')?;
    let mut said =
        pairs.iter().filter_map(|pair| pair.split_once('=')).filter(|(name, _)| name.eq_ignore_ascii_case("for"));
    let ((_, value), None) = (said.next()?, said.next()) else { return None };
    address(value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Behind a proxy on this machine, which stands behind those of 10.0.0.0/8 and 2001:db8:aaaa::/48.
    fn seen(peer: &str, headers: &[(&'static str, &'static str)]) -> Option<String> {
        let trusted = ["127.0.0.1", "10.0.0.0/8", "2001:db8:aaaa::/48"].map(|text| Network::parse(text).unwrap());
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        client(peer.parse().unwrap(), &map, &trusted).ok().map(|address| address.to_string())
    }

    #[test]
    fn the_right_most_address_that_is_not_trusted_asks() {
        for (list, asks) in [
            ("203.0.113.9", "203.0.113.9"),
            ("127.0.0.1, 203.0.113.9", "203.0.113.9"),
            ("198.51.100.1, 203.0.113.9,10.1.1.1 , 10.2.2.2", "203.0.113.9"),
            ("not an address, \"\", 203.0.113.9", "203.0.113.9"),
            ("203.0.113.9:4711", "203.0.113.9"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("2001:db8::1, 2001:db8:aaaa::5", "2001:db8::1"),
            ("::ffff:203.0.113.9, ::ffff:10.0.0.1", "203.0.113.9"),
            ("10.3.3.3, 10.1.1.1", "10.3.3.3"),
        ] {
            assert_eq!(seen("127.0.0.1", &[(LIST, list)]).as_deref(), Some(asks), "{list}");
            assert_eq!(seen("::ffff:127.0.0.1", &[(LIST, list)]).as_deref(), Some(asks), "{list}");
            assert_eq!(seen("192.0.2.1", &[(LIST, list)]).as_deref(), Some("192.0.2.1"), "{list}: no proxy of ours");
        }
        for (pairs, asks) in [
            ("for=203.0.113.9", "203.0.113.9"),
            ("for=127.0.0.1, For=\"203.0.113.9:4711\";proto=https;by=10.0.0.1", "203.0.113.9"),
            ("proto=http;host=\"a, b;for=1.1.1.1\";for=203.0.113.9, for=10.0.0.1", "203.0.113.9"),
            ("for=\"[2001:db8::1]\", for=\"[2001:db8:aaaa::5]:80\"", "2001:db8::1"),
        ] {
            assert_eq!(seen("127.0.0.1", &[(PAIRS, pairs)]).as_deref(), Some(asks), "{pairs}");
        }
        assert_eq!(seen("10.9.9.9", &[]).as_deref(), Some("10.9.9.9"), "the proxy itself asks");
    }

    #[test]
    fn lines_are_one_list_and_two_headers_must_agree() {
        let two = [(LIST, "203.0.113.9"), (LIST, "198.51.100.1, 10.0.0.1")];
        assert_eq!(seen("127.0.0.1", &two).as_deref(), Some("198.51.100.1"));
        let agree = [(LIST, "1.1.1.1, 203.0.113.9"), (PAIRS, "for=203.0.113.9")];
        assert_eq!(seen("127.0.0.1", &agree).as_deref(), Some("203.0.113.9"));
        let differ = [(LIST, "203.0.113.9"), (PAIRS, "for=198.51.100.1")];
        assert_eq!(seen("127.0.0.1", &differ), None);
        assert_eq!(seen("127.0.0.1", &[(LIST, "203.0.113.9"), (PAIRS, "nonsense")]), None);
    }

    #[test]
    fn what_cannot_be_read_is_nobody() {
        for list in [
            "",
            ",",
            "unknown",
            "203.0.113.9, _hidden",
            "203.0.113.9, ",
            "203.0.113.9 10.0.0.1",
            "\"203.0.113.9",
            "fe80::1%eth0",
        ] {
            assert_eq!(seen("127.0.0.1", &[(LIST, list)]), None, "{list:?}");
        }
        for pairs in [
            "",
            "for=unknown",
            "proto=https",
            "for=203.0.113.9;for=1.1.1.1",
            "for=\", for=203.0.113.9",
            "for = 203.0.113.9",
        ] {
            assert_eq!(seen("127.0.0.1", &[(PAIRS, pairs)]), None, "{pairs:?}");
        }
    }
}
