//! Which network addresses are counted as one client.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// One IPv4 address, or one IPv6 network of 64 bits: a single client has all addresses
/// of such a network and may change them at will (RFC 4291, 2.5.4; RFC 8981). It does
/// not print itself with `Debug`: where somebody is, is personal.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Household(IpAddr);

impl Household {
    /// The household of an address. An IPv4 address mapped into IPv6 is itself.
    #[must_use]
    pub fn of(client: IpAddr) -> Self {
        Self(match client.to_canonical() {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        })
    }
}

/// In CIDR notation (RFC 4632).
impl fmt::Display for Household {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = if self.0.is_ipv4() { 32 } else { 64 };
        write!(f, "{}/{prefix}", self.0)
    }
}

impl fmt::Debug for Household {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[household]")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_household_is_written_as_a_network_and_not_printed() {
        let of = |text: &str| Household::of(text.parse().expect("an address"));
        assert_eq!(of("203.0.113.9").to_string(), "203.0.113.9/32");
        assert_eq!(of("::ffff:203.0.113.9").to_string(), "203.0.113.9/32");
        assert_eq!(of("2001:db8:1:2:3::4").to_string(), "2001:db8:1:2::/64");
        assert_eq!(format!("{:?}", of("203.0.113.9")), "[household]");
    }

    proptest! {
        #[test]
        fn one_network_of_64_bits_is_one_household(network in 0x2000_0000_0000_0000_u64..u64::MAX, a: u64, b: u64) {
            let address = |host: u64| IpAddr::V6(Ipv6Addr::from_bits(u128::from(network) << 64 | u128::from(host)));
            prop_assert_eq!(Household::of(address(a)), Household::of(address(b)));
        }

        #[test]
        fn every_ipv4_address_is_a_household(a: std::net::Ipv4Addr, b: std::net::Ipv4Addr) {
            prop_assert_eq!(Household::of(IpAddr::V4(a)) == Household::of(IpAddr::V4(b)), a == b);
            prop_assert_eq!(Household::of(IpAddr::V6(a.to_ipv6_mapped())), Household::of(IpAddr::V4(a)));
        }
    }
}
