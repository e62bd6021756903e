//! Where may be posted to: pure rules.
//!
//! An endpoint's address is typed by somebody. Posted to without a look, it would reach
//! from inside whatever a firewall keeps from outside: services of this machine, of the
//! hospital's network, and what hands out credentials in a cloud (169.254.169.254). So
//! only public addresses are posted to. Names are looked at when they have been resolved,
//! by the resolver of the connection itself: another answer a moment later does not help.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use super::settings::Settings;

/// Most characters of an address.
pub(crate) const LONGEST: usize = 2000;

/// Why an address is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AddressError {
    /// Not an address at all.
    #[error("must be an address such as https://example.org/hooks")]
    Malformed,
    /// Another scheme.
    #[error("must begin with https://")]
    Scheme,
    /// With a name or a password in it.
    #[error("must hold no user name and no password")]
    Credentials,
    /// With a fragment, which is never sent.
    #[error("must hold no fragment")]
    Fragment,
    /// An address of this machine or of a private network.
    #[error("must not be an address of a private network")]
    Private,
    /// Too long.
    #[error("must have at most 2000 characters")]
    Length,
}

/// Reads an address, in its normal form.
pub(crate) fn parse(text: &str, settings: Settings) -> Result<Url, AddressError> {
    if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(AddressError::Malformed);
    }
    let url = Url::parse(text).map_err(|_| AddressError::Malformed)?;
    match url.scheme() {
        "https" => {}
        "http" if settings.allow_http => {}
        _ => return Err(AddressError::Scheme),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(AddressError::Credentials);
    }
    if url.fragment().is_some() {
        return Err(AddressError::Fragment);
    }
    if url.as_str().len() > LONGEST {
        return Err(AddressError::Length);
    }
    if !settings.allow_private && literal(&url).is_some_and(|ip| !is_public(ip)) {
        return Err(AddressError::Private);
    }
    Ok(url)
}

/// The address that stands in place of a name: nobody resolves it.
pub(crate) fn literal(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Ipv4(ip) => Some(ip.into()),
        Host::Ipv6(ip) => Some(ip.into()),
        Host::Domain(_) => None,
    }
}

/// Whether an address is reached through the internet and is one machine's: everything
/// that the IANA registries of special addresses do not list.
pub(crate) fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => match ip.to_ipv4_mapped() {
            Some(ip) => is_public_v4(ip),
            None => is_public_v6(ip),
        },
    }
}

const fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    !(ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_documentation()
        || a == 0
        // Shared with the provider's own network (RFC 6598).
        || (a == 100 && b & 0xc0 == 64)
        // Protocols of the IETF, and the former relays of 6to4.
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        // Benchmarks (RFC 2544).
        || (a == 198 && b & 0xfe == 18)
        // Multicast, reserved, broadcast.
        || a >= 224)
}

/// Only 2000::/3 is given to anybody; of it, not what wraps addresses of IPv4 or is for
/// protocols and documents.
const fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [a, b, ..] = ip.segments();
    a & 0xe000 == 0x2000
        && !(a == 0x2001 && b < 0x200)
        && !(a == 0x2001 && b == 0xdb8)
        && a != 0x2002
        && !(a == 0x3fff && b < 0x1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRICT: Settings = Settings {
        allow_http: false,
        allow_private: false,
    };
    const LENIENT: Settings = Settings {
        allow_http: true,
        allow_private: true,
    };

    #[test]
    fn only_addresses_of_the_internet_are_public() {
        for public in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.1.1",
            "192.0.1.1",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00:1450:4001:81b::200e",
            "2001:4860:4860::8888",
            "::ffff:1.1.1.1",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for other in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:10.1.2.3",
            "::ffff:169.254.169.254",
            "64:ff9b::7f00:1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "ff02::1",
        ] {
            assert!(!is_public(other.parse().unwrap()), "{other}");
        }
    }

    #[test]
    fn an_address_has_tls_and_holds_nothing_that_is_not_sent() {
        assert!(parse("https://pay.example.org/hooks?from=galen", STRICT).is_ok());
        for (text, error) in [
            ("http://pay.example.org/", AddressError::Scheme),
            ("ftp://pay.example.org/", AddressError::Scheme),
            ("file:///etc/passwd", AddressError::Scheme),
            ("https://", AddressError::Malformed),
            ("pay.example.org", AddressError::Malformed),
            ("https://pay.example.org/a b", AddressError::Malformed),
            ("https://pay.example.org/\u{7f}", AddressError::Malformed),
            ("https://ada@pay.example.org/", AddressError::Credentials),
            ("https://:x@pay.example.org/", AddressError::Credentials),
            ("https://pay.example.org/#x", AddressError::Fragment),
        ] {
            assert_eq!(parse(text, STRICT), Err(error), "{text}");
        }
        let long = format!("https://pay.example.org/{}", "a".repeat(LONGEST));
        assert_eq!(parse(&long, STRICT), Err(AddressError::Length));
    }

    #[test]
    fn a_private_address_is_refused_however_it_is_written() {
        for text in [
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://0177.0.0.1/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://169.254.169.254/latest/meta-data/",
        ] {
            assert_eq!(parse(text, STRICT), Err(AddressError::Private), "{text}");
            assert!(parse(text, LENIENT).is_ok(), "{text}");
        }
    }
}
