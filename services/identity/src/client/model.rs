//! What a client is, and how its registration is read: pure rules.

use galen_kernel::{Id, Timestamp, Violations};

use super::redirect::{RedirectUri, RedirectUriError};

/// Most characters of a name.
pub(crate) const LONGEST_NAME: usize = 100;
/// Most redirect URIs.
pub(crate) const MOST_URIS: usize = 20;

/// A [`Client`] is identified by this.
pub(crate) enum ClientKind {}
/// [`Client`]'s id, which is its `client_id` as well.
pub(crate) type ClientId = Id<ClientKind>;

/// An application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Client {
    /// Identity.
    pub(crate) id: ClientId,
    /// What people read when they log in for it.
    pub(crate) name: String,
    /// Whether it has a secret.
    pub(crate) confidential: bool,
    /// Where codes may be sent to.
    pub(crate) redirect_uris: Vec<RedirectUri>,
    /// Whether it may act for its users through the API, or only know who they are.
    pub(crate) api_access: bool,
    /// Whether anybody can log in with it.
    pub(crate) enabled: bool,
    /// When it was registered.
    pub(crate) created_at: Timestamp,
    /// Rises with every change.
    pub(crate) version: i64,
}

impl Client {
    /// Whether codes may be sent there: to one of the registered addresses, character
    /// by character. Only the port of a loopback address may be another, and only for
    /// a public client: an application on somebody's machine takes the port that it
    /// gets (RFC 8252 section 7.3).
    pub(crate) fn allows(&self, redirect_uri: &str) -> bool {
        self.redirect_uris.iter().any(|registered| {
            registered.as_str() == redirect_uri
                || (!self.confidential && registered.differs_in_port_only(redirect_uri))
        })
    }

    /// Whether sessions that were opened before must not go on: it was disabled, or may
    /// do less.
    pub(crate) const fn ends_sessions_of(&self, before: &Self) -> bool {
        (before.enabled && !self.enabled) || (before.api_access && !self.api_access)
    }
}

/// Reads a name: one line of visible text.
pub(crate) fn name(wrong: &mut Violations, given: &str) -> String {
    let name = given.trim();
    wrong.require(
        (1..=LONGEST_NAME).contains(&name.chars().count()),
        "/name",
        "INVALID_LENGTH",
        "must have 1 to 100 characters",
    );
    wrong.require(
        !name.chars().any(char::is_control),
        "/name",
        "INVALID_CHARACTER",
        "must hold no control characters",
    );
    name.to_owned()
}

/// Reads redirect URIs: 1 to 20, each once.
pub(crate) fn redirect_uris(
    wrong: &mut Violations,
    given: &[String],
    confidential: bool,
) -> Vec<RedirectUri> {
    wrong.require(
        (1..=MOST_URIS).contains(&given.len()),
        "/redirectUris",
        "INVALID_LENGTH",
        "must have 1 to 20 items",
    );
    let mut uris: Vec<RedirectUri> = Vec::new();
    for (place, text) in given.iter().take(MOST_URIS).enumerate() {
        let pointer = format!("/redirectUris/{place}");
        let parsed = RedirectUri::parse(text).and_then(|uri| {
            if confidential && uri.is_private_use() {
                Err(RedirectUriError::Scheme)
            } else {
                Ok(uri)
            }
        });
        if let Some(uri) = wrong.keep(&pointer, "INVALID_REDIRECT_URI", parsed) {
            wrong.require(
                !uris.contains(&uri),
                &pointer,
                "DUPLICATE",
                "is there twice",
            );
            uris.push(uri);
        }
    }
    uris
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(confidential: bool, uris: &[&str]) -> Client {
        Client {
            id: ClientId::from_uuid(uuid::Uuid::nil()),
            name: "Portal".to_owned(),
            confidential,
            redirect_uris: uris
                .iter()
                .map(|uri| RedirectUri::parse(uri).expect("a redirect URI"))
                .collect(),
            api_access: false,
            enabled: true,
            created_at: Timestamp::UNIX_EPOCH,
            version: 1,
        }
    }

    #[test]
    fn an_address_is_compared_character_by_character() {
        let portal = client(true, &["https://portal.example/back?from=galen"]);
        assert!(portal.allows("https://portal.example/back?from=galen"));
        for other in [
            "https://portal.example/back",
            "https://portal.example/back?from=galen&x=1",
            "https://portal.example/back?from=galen#",
            "https://portal.example/back/../steal?from=galen",
            "https://PORTAL.example/back?from=galen",
            "https://portal.example:443/back?from=galen",
            "https://portal.example@evil.example/back?from=galen",
            "http://portal.example/back?from=galen",
            "https://portal.example.evil.example/back?from=galen",
            "",
        ] {
            assert!(!portal.allows(other), "{other}");
        }
    }

    #[test]
    fn only_a_public_clients_loopback_port_may_vary() {
        let uris = ["http://127.0.0.1/back", "http://[::1]:7000/back"];
        let (native, server) = (client(false, &uris), client(true, &uris));
        for port in [
            "http://127.0.0.1:1/back",
            "http://127.0.0.1:65535/back",
            "http://[::1]/back",
        ] {
            assert!(native.allows(port), "{port}");
            assert!(!server.allows(port), "{port}");
        }
        for other in [
            "http://127.0.0.1:0/back",
            "http://127.0.0.1:65536/back",
            "http://127.0.0.1:/back",
            "http://127.0.0.1:80a/back",
            "http://127.0.0.1:80/back/",
            "http://127.0.0.1:80@evil.example/back",
            "http://127.0.0.1.evil.example/back",
            "https://127.0.0.1:80/back",
            "http://localhost:80/back",
        ] {
            assert!(!native.allows(other), "{other}");
        }
    }

    #[test]
    fn losing_rights_ends_sessions_and_gaining_them_does_not() {
        let before = client(true, &["https://portal.example/"]);
        let disabled = Client {
            enabled: false,
            ..before.clone()
        };
        let wider = Client {
            api_access: true,
            ..before.clone()
        };
        assert!(disabled.ends_sessions_of(&before) && before.ends_sessions_of(&wider));
        assert!(!before.ends_sessions_of(&disabled) && !wider.ends_sessions_of(&before));
        assert!(!before.ends_sessions_of(&before));
    }

    #[test]
    fn every_wrong_address_is_pointed_at() {
        let read = |uris: &[&str], confidential| {
            let mut wrong = Violations::new();
            let uris: Vec<String> = uris.iter().map(|uri| (*uri).to_owned()).collect();
            redirect_uris(&mut wrong, &uris, confidential);
            let errors = wrong.finish().err().map(|problem| problem.errors);
            let pointers = errors.into_iter().flatten().map(|error| error.pointer);
            pointers.collect::<Vec<_>>()
        };
        assert_eq!(read(&[], true), ["/redirectUris"]);
        assert_eq!(
            read(
                &[
                    "https://a.example/",
                    "ftp://b.example/",
                    "https://a.example/"
                ],
                true
            ),
            ["/redirectUris/1", "/redirectUris/2"]
        );
        assert_eq!(read(&["com.example.app:/back"], true), ["/redirectUris/0"]);
        assert!(read(&["com.example.app:/back"], false).is_empty());
        let many: Vec<String> = (0..21).map(|n| format!("https://a{n}.example/")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(read(&many, true), ["/redirectUris"]);
    }
}
