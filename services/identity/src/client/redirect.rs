//! Where a client has its users sent back to, with the code (RFC 6749 section 3.1.2,
//! RFC 8252, RFC 9700 section 4.1).

use url::{Host, Url};

/// Most characters.
pub(crate) const LONGEST: usize = 512;

/// An address without a fragment and without a name or password, which is:
/// `https` anywhere, `http` on the loopback interface only, or of a scheme of an
/// application's own, named after a domain (`com.example.app:/back`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RedirectUri(String);

/// Why a text is no redirect URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RedirectUriError {
    /// Not an absolute URI of visible ASCII, or too long.
    #[error("must be an absolute URI of at most 512 characters")]
    Form,
    /// It has a fragment, where the code could not be added.
    #[error("must have no fragment")]
    Fragment,
    /// It has a user name or a password.
    #[error("must have no user name")]
    UserInfo,
    /// It is not one of those above.
    #[error(
        "must begin with https://, with http:// and a loopback address, or, for a public client, with a scheme such as com.example.app:"
    )]
    Scheme,
}

impl RedirectUri {
    /// Checks a text, which is kept as it is.
    pub(crate) fn parse(given: &str) -> Result<Self, RedirectUriError> {
        let visible = |b: u8| b.is_ascii_graphic() && !b"\"<>\\^`{|}'".contains(&b);
        if given.len() > LONGEST || given.is_empty() || !given.bytes().all(visible) {
            return Err(RedirectUriError::Form);
        }
        if given.contains('#') {
            return Err(RedirectUriError::Fragment);
        }
        let url = Url::parse(given).map_err(|_| RedirectUriError::Form)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(RedirectUriError::UserInfo);
        }
        let written = |prefix: &str| given.starts_with(prefix);
        let allowed = match url.scheme() {
            "https" => written("https://") && url.host().is_some(),
            "http" => written("http://") && url.host().is_some_and(|host| is_loopback(&host)),
            scheme => scheme.contains('.') && written(scheme),
        };
        if allowed {
            Ok(Self(given.to_owned()))
        } else {
            Err(RedirectUriError::Scheme)
        }
    }

    /// As it was given.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it leads to an application on the device instead of to a web server.
    pub(crate) fn is_private_use(&self) -> bool {
        !self.0.starts_with("https://") && !self.0.starts_with("http://")
    }

    /// Whether both lead to the same literal loopback address and differ in nothing but
    /// the port. `localhost` is a name, which may lead elsewhere.
    pub(crate) fn differs_in_port_only(&self, other: &str) -> bool {
        ["http://127.0.0.1", "http://[::1]"].iter().any(|address| {
            let rest = |uri: &str| {
                uri.strip_prefix(address)
                    .and_then(without_port)
                    .map(str::to_owned)
            };
            matches!((rest(&self.0), rest(other)), (Some(own), Some(other)) if own == other)
        })
    }
}

/// What follows the port, if there is one: `None` when that is neither a path nor a query.
fn without_port(after_host: &str) -> Option<&str> {
    let rest = match after_host.strip_prefix(':') {
        None => after_host,
        Some(with_port) => {
            let digits = with_port.bytes().take_while(u8::is_ascii_digit).count();
            let (port, rest) = with_port.split_at(digits);
            port.parse::<u16>().ok().filter(|port| *port > 0)?;
            rest
        }
    };
    (rest.is_empty() || rest.starts_with(['/', '?'])).then_some(rest)
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
        Host::Domain(name) => *name == "localhost",
    }
}

/// What a browser may send a form on to, as a source of a content security policy:
/// the address without its path. IPv6 addresses have no form there.
pub(crate) fn source(redirect_uri: &str) -> String {
    match Url::parse(redirect_uri) {
        Ok(url)
            if matches!(url.host(), Some(Host::Domain(_) | Host::Ipv4(_)))
                && !redirect_uri.contains([';', ',']) =>
        {
            let origin = url.origin();
            if origin.is_tuple() {
                origin.ascii_serialization()
            } else {
                format!("{}:", url.scheme())
            }
        }
        Ok(url) => format!("{}:", url.scheme()),
        Err(_) => "'none'".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_of_servers_and_applications_are_taken() {
        for uri in [
            "https://portal.example/back",
            "https://portal.example",
            "https://portal.example:8443/back?from=galen",
            "http://127.0.0.1/back",
            "http://127.0.0.1:7777/back",
            "http://[::1]/back",
            "http://localhost:3000/back",
            "com.example.app:/back",
            "org.hospital.ward-app://back",
        ] {
            assert_eq!(RedirectUri::parse(uri).map(|uri| uri.0), Ok(uri.to_owned()));
        }
    }

    #[test]
    fn what_would_lead_elsewhere_is_refused() {
        use RedirectUriError::{Form, Fragment, Scheme, UserInfo};
        for (uri, error) in [
            ("", Form),
            ("/back", Form),
            ("portal.example/back", Form),
            ("https://", Form),
            ("https://portal.example/a b", Form),
            ("https://portal.example\\@evil.example/", Form),
            ("https://portal.example/\u{7}", Form),
            ("https://pörtal.example/", Form),
            ("https://portal.example/#", Fragment),
            ("https://portal.example/#x", Fragment),
            ("https://portal.example@evil.example/", UserInfo),
            ("http://portal.example/back", Scheme),
            ("http://127.0.0.1.evil.example/", Scheme),
            ("https:portal.example", Scheme),
            ("HTTPS://portal.example/", Scheme),
            ("javascript:alert(1)", Scheme),
            ("data:text/html,x", Scheme),
            ("ftp://portal.example/", Scheme),
            ("app:/back", Scheme),
            ("file:///etc/passwd", Scheme),
        ] {
            assert_eq!(RedirectUri::parse(uri), Err(error), "{uri}");
        }
        let long = format!("https://portal.example/{}", "a".repeat(LONGEST));
        assert_eq!(RedirectUri::parse(&long), Err(Form));
    }

    #[test]
    fn a_form_may_be_sent_on_to_the_origin_only() {
        for (uri, expected) in [
            ("https://portal.example/back?x=1", "https://portal.example"),
            (
                "https://portal.example:8443/",
                "https://portal.example:8443",
            ),
            ("http://127.0.0.1:7777/back", "http://127.0.0.1:7777"),
            ("http://[::1]:7777/back", "http:"),
            ("com.example.app:/back", "com.example.app:"),
            ("com.example.app://back;script-src", "com.example.app:"),
        ] {
            assert_eq!(source(uri), expected, "{uri}");
        }
    }

    proptest! {
        #[test]
        fn no_address_adds_to_the_policy(text in "[!-~]{0,40}", scheme in "(https://a|http://127.0.0.1|com\\.a:)") {
            if let Ok(uri) = RedirectUri::parse(&format!("{scheme}{text}")) {
                let source = source(uri.as_str());
                prop_assert!(!source.contains([';', ',', ' ', '\'']), "{}", source);
            }
        }

        #[test]
        fn any_port_is_the_same_application(port in 1_u16.., other in 1_u16.., path in "(|/[a-z]{0,8})(|\\?[a-z]=[a-z])") {
            let registered = RedirectUri::parse(&format!("http://127.0.0.1:{port}{path}")).expect("loopback");
            let shown = format!("http://127.0.0.1:{other}{path}");
            prop_assert!(registered.differs_in_port_only(&shown));
            let longer = format!("{shown}x");
            prop_assert!(!registered.differs_in_port_only(&longer));
        }
    }
}
