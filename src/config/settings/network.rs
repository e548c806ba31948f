//! A network of addresses, as `trusted_proxies` names it: `10.0.0.0/8`, or one address.

use std::net::IpAddr;

/// All addresses that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    first: IpAddr,
    bits: u8,
}

/// Why a text names no network that anybody should trust.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoNetwork {
    /// It is no address, and none with a length.
    Unreadable,
    /// Bits are set beyond its length: this network was probably meant, or another length.
    Within(Network),
    /// Every address is in it.
    Everybody,
}

impl Network {
    /// An address, or one with the count of bits that all of the network have in common.
    pub fn parse(text: &str) -> Result<Self, NoNetwork> {
        let (address, length) = text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
        let address: IpAddr = address.parse().map_err(|_| NoNetwork::Unreadable)?;
        let most = bits(address);
        let length = match length {
            None => most,
            // `+8` and `08` are numbers elsewhere.
            Some(length) if length.starts_with(['+', '0']) && length != "0" => return Err(NoNetwork::Unreadable),
            Some(length) => length.parse().ok().filter(|length| *length <= most).ok_or(NoNetwork::Unreadable)?,
        };
        if length == 0 {
            return Err(NoNetwork::Everybody);
        }
        let network = Self { first: cut(address, length), bits: length };
        if network.first == address { Ok(network.canonical()) } else { Err(NoNetwork::Within(network)) }
    }

    /// Whether an address is in it.
    pub fn contains(self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        bits(address) == bits(self.first) && cut(address, self.bits) == self.first
    }

    /// Addresses of IPv4 that are written as ones of IPv6 are still of IPv4.
    fn canonical(self) -> Self {
        match self.first.to_canonical() {
            first @ IpAddr::V4(_) if self.first.is_ipv6() && self.bits > 96 => Self { first, bits: self.bits - 96 },
            _ => self,
        }
    }
}

impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.first, self.bits)
    }
}

fn bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// An address with only its first bits, of which there is one at least.
fn cut(address: IpAddr, length: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => (address & std::net::Ipv4Addr::from(u32::MAX << (32 - length))).into(),
        IpAddr::V6(address) => (address & std::net::Ipv6Addr::from(u128::MAX << (128 - length))).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_what_begins_alike() {
        for (network, address, within) in [
            ("10.0.0.0/8", "10.255.255.255", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("10.0.0.0/9", "10.128.0.0", false),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.6", false),
            ("192.0.2.6/31", "192.0.2.7", true),
            ("192.0.2.7/32", "::ffff:192.0.2.7", true),
            ("::ffff:10.0.0.0/104", "10.1.2.3", true),
            ("::ffff:10.0.0.0/104", "11.1.2.3", false),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::", false),
            ("2001:db8::1", "2001:db8::1", true),
            ("::/1", "10.0.0.1", false),
        ] {
            let read = Network::parse(network).unwrap();
            assert_eq!(read.contains(address.parse().unwrap()), within, "{network} {address}");
        }
    }

    #[test]
    fn what_is_no_network_is_told_from_what_is_nearly_one() {
        for text in ["", "/8", "10.0.0.0/", "10.0.0.0/33", "::/129", "10.0.0.0/+8", "10.0.0.0/08", "10/8", "a.example"]
        {
            assert_eq!(Network::parse(text), Err(NoNetwork::Unreadable), "{text}");
        }
        for text in ["0.0.0.0/0", "::/0", "10.0.0.0/0"] {
            assert_eq!(Network::parse(text), Err(NoNetwork::Everybody), "{text}");
        }
        let Err(NoNetwork::Within(meant)) = Network::parse("10.1.2.3/8") else { panic!("not refused") };
        assert_eq!(meant.to_string(), "10.0.0.0/8");
    }
}
