//! Whose request it is: the connection's other end, or who a trusted proxy says.

use std::net::IpAddr;
use std::str::FromStr;

use http::{HeaderMap, HeaderName};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// A network in CIDR notation (RFC 4632), or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Network {
    address: IpAddr,
    /// Leading bits that are the network's.
    prefix: u8,
}

/// Not a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be addresses or networks such as 10.0.0.0/8")]
pub(crate) struct NotANetwork;

impl Network {
    fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let shift = 32 - u32::from(self.prefix);
                own.to_bits().checked_shr(shift) == other.to_bits().checked_shr(shift)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let shift = 128 - u32::from(self.prefix);
                own.to_bits().checked_shr(shift) == other.to_bits().checked_shr(shift)
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix.parse().map_err(|_| NotANetwork)?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NotANetwork)?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        match prefix.unwrap_or(longest) {
            prefix if prefix <= longest => Ok(Self { address, prefix }),
            _ => Err(NotANetwork),
        }
    }
}

/// The client's address. `X-Forwarded-For` is read from its end, where the nearest
/// proxy wrote, for as long as the writer is trusted; a stranger's word is ignored.
pub(crate) fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let is_trusted = |address| trusted.iter().any(|network| network.contains(address));
    let mut client = peer.to_canonical();
    if trusted.is_empty() || !is_trusted(client) {
        return client;
    }
    let values: Vec<_> = headers.get_all(FORWARDED_FOR).iter().collect();
    for value in values.into_iter().rev() {
        // What is not an address was not written by a proxy that we know.
        let Ok(value) = value.to_str() else {
            return client;
        };
        for hop in value.rsplit(',') {
            let Ok(hop) = hop.trim().parse::<IpAddr>() else {
                return client;
            };
            client = hop.to_canonical();
            if !is_trusted(client) {
                return client;
            }
        }
    }
    client
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn forwarded(values: &[&str]) -> HeaderMap {
        values
            .iter()
            .map(|value| (FORWARDED_FOR, HeaderValue::from_str(value).unwrap()))
            .collect()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn trusted() -> Vec<Network> {
        ["10.0.0.0/8", "fd00::/8", "192.0.2.7"]
            .iter()
            .map(|text| text.parse().unwrap())
            .collect()
    }

    #[test]
    fn networks_hold_their_addresses() {
        let holds = |network: &str, address: &str| {
            network.parse::<Network>().unwrap().contains(ip(address))
        };
        assert!(holds("10.0.0.0/8", "10.255.0.1"));
        assert!(!holds("10.0.0.0/8", "11.0.0.1"));
        assert!(holds("0.0.0.0/0", "203.0.113.1"));
        assert!(!holds("0.0.0.0/0", "::1"));
        assert!(holds("::/0", "2001:db8::1"));
        assert!(holds("192.0.2.7", "192.0.2.7"));
        assert!(!holds("192.0.2.7", "192.0.2.8"));
        for wrong in [
            "",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.0/",
            "ten",
            "10.0.0.0/-1",
        ] {
            assert_eq!(wrong.parse::<Network>(), Err(NotANetwork), "{wrong}");
        }
    }

    #[test]
    fn the_nearest_stranger_is_the_client() {
        let find = |peer: &str, values: &[&str]| client(ip(peer), &forwarded(values), &trusted());
        assert_eq!(find("10.0.0.1", &["203.0.113.9"]), ip("203.0.113.9"));
        assert_eq!(
            find("10.0.0.1", &["1.1.1.1, 203.0.113.9, 10.0.0.2"]),
            ip("203.0.113.9")
        );
        assert_eq!(
            find("10.0.0.1", &["1.1.1.1", "203.0.113.9", "192.0.2.7"]),
            ip("203.0.113.9")
        );
        assert_eq!(
            find("10.0.0.1", &["1.1.1.1, nonsense, 10.0.0.2"]),
            ip("10.0.0.2")
        );
        assert_eq!(find("10.0.0.1", &[]), ip("10.0.0.1"));
        assert_eq!(find("::ffff:10.0.0.1", &["203.0.113.9"]), ip("203.0.113.9"));
    }

    proptest! {
        #[test]
        fn a_stranger_is_who_connects_whatever_is_sent(peer: IpAddr, said in "[ -~]{0,60}") {
            let networks = trusted();
            prop_assume!(!networks.iter().any(|network| network.contains(peer.to_canonical())));
            prop_assert_eq!(client(peer, &forwarded(&[&said]), &networks), peer.to_canonical());
        }

        #[test]
        fn the_last_word_is_the_trusted_proxys(peer_host in 0_u32..1 << 24, said: Vec<IpAddr>, last: std::net::Ipv4Addr) {
            let networks = trusted();
            let last = IpAddr::V4(last);
            prop_assume!(!networks.iter().any(|network| network.contains(last)));
            let peer = IpAddr::V4(std::net::Ipv4Addr::from_bits(10 << 24 | peer_host));
            let list: Vec<String> = said.iter().chain([&last]).map(ToString::to_string).collect();
            prop_assert_eq!(client(peer, &forwarded(&[&list.join(", ")]), &networks), last);
        }
    }
}
