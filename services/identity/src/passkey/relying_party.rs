//! The hospital as a relying party of WebAuthn: which site its passkeys are for, and
//! the verification of what authenticators answer, which is the library's.

use galen_kernel::Problem;
use galen_service::{Config, ConfigError};
use tracing::Dispatch;
use tracing::dispatcher::with_default;
use webauthn_rs::prelude::{
    AuthenticationResult, CredentialID, DiscoverableAuthentication, Passkey, PasskeyRegistration,
    PublicKeyCredential, RegisterPublicKeyCredential, Url, WebauthnError,
};
use webauthn_rs::{Webauthn, WebauthnBuilder};
use webauthn_rs_proto::{
    PublicKeyCredentialCreationOptions, PublicKeyCredentialRequestOptions, ResidentKeyRequirement,
};

use crate::account::Account;

/// Which domain passkeys are bound to, for good.
pub(crate) const DOMAIN: &str = "identity.passkey_domain";

/// Verifies what authenticators answer.
pub(crate) struct RelyingParty(Webauthn);

/// The address of the console is no domain, which passkeys need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("passkeys need a domain")]
pub(crate) struct NoDomain;

impl From<NoDomain> for Problem {
    fn from(_: NoDomain) -> Self {
        Self::conflict(
            "PASSKEYS_NEED_A_DOMAIN",
            "This hospital is reached by an IP address, which passkeys cannot be bound to.",
        )
    }
}

impl RelyingParty {
    /// The site that people reach the console at. `None` when that is an IP address:
    /// browsers bind passkeys to domains only. On the machine itself it is `localhost`.
    pub(crate) fn of(config: &Config, public_url: &str) -> Result<Option<Self>, ConfigError> {
        let domain = config.get::<String>(DOMAIN)?;
        Self::at(public_url, domain)
    }

    fn at(public_url: &str, domain: Option<String>) -> Result<Option<Self>, ConfigError> {
        let invalid = |key: &str, reason: String| ConfigError::Invalid {
            key: key.to_owned(),
            reason,
        };
        let mut site = Url::parse(public_url)
            .map_err(|e| invalid(crate::PUBLIC_URL, format!("is no address: {e}")))?;
        if is_loopback(&site) && site.set_host(Some("localhost")).is_err() {
            return Err(invalid(crate::PUBLIC_URL, "has no host".to_owned()));
        }
        let Some(host) = site.domain().map(str::to_owned) else {
            return Ok(None);
        };
        let refused = |_| {
            invalid(
                DOMAIN,
                format!("must be {host} or a domain that {host} is part of"),
            )
        };
        let domain = domain.unwrap_or_else(|| host.clone());
        WebauthnBuilder::new(&domain, &site)
            .and_then(|builder| builder.rp_name("Galen").build())
            .map(|webauthn| Some(Self(webauthn)))
            .map_err(refused)
    }

    /// Asks for a new key of an account that has these already. It must be discoverable
    /// and verify its user.
    pub(crate) fn invite(
        &self,
        account: &Account,
        known: Vec<CredentialID>,
    ) -> Result<(PublicKeyCredentialCreationOptions, PasskeyRegistration), WebauthnError> {
        let name = account.username.as_str();
        let (asked, state) = quietly(|| {
            self.0
                .start_passkey_registration(account.id.uuid(), name, name, Some(known))
        })?;
        let mut options = asked.public_key;
        if let Some(wished) = &mut options.authenticator_selection {
            wished.require_resident_key = true;
            wished.resident_key = Some(ResidentKeyRequirement::Required);
        }
        Ok((options, state))
    }

    /// Verifies a new key.
    pub(crate) fn register(
        &self,
        credential: &RegisterPublicKeyCredential,
        state: &PasskeyRegistration,
    ) -> Result<Passkey, WebauthnError> {
        quietly(|| self.0.finish_passkey_registration(credential, state))
    }

    /// Asks for a signature, of whichever key its owner chooses.
    pub(crate) fn challenge(
        &self,
    ) -> Result<
        (
            PublicKeyCredentialRequestOptions,
            DiscoverableAuthentication,
        ),
        WebauthnError,
    > {
        let (asked, state) = quietly(|| self.0.start_discoverable_authentication())?;
        Ok((asked.public_key, state))
    }

    /// Verifies a signature, and that the counter has risen if there is one.
    pub(crate) fn authenticate(
        &self,
        credential: &PublicKeyCredential,
        state: DiscoverableAuthentication,
        key: &Passkey,
    ) -> Result<AuthenticationResult, WebauthnError> {
        quietly(|| {
            self.0
                .finish_discoverable_authentication_v2(credential, state, key)
        })
    }
}

/// The library logs what clients send, wrong input even as errors; ours says what there
/// is to say.
fn quietly<T>(work: impl FnOnce() -> T) -> T {
    with_default(&Dispatch::none(), work)
}

fn is_loopback(site: &Url) -> bool {
    let host = site.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    address
        .parse::<std::net::IpAddr>()
        .is_ok_and(|address| address.is_loopback())
}

/// Why a new key is refused, for who builds a client.
pub(crate) fn reason(error: &WebauthnError) -> &'static str {
    match error {
        WebauthnError::MismatchedChallenge => "answers another challenge",
        WebauthnError::InvalidRPOrigin | WebauthnError::CredentialCrossOrigin => {
            "was made on another site"
        }
        WebauthnError::InvalidRPIDHash => "was made for another domain",
        WebauthnError::UserNotPresent | WebauthnError::UserNotVerified => {
            "does not say that its user was verified"
        }
        WebauthnError::InvalidClientDataType => "is not the answer to a registration",
        WebauthnError::CredentialAlteredAlgFromRequest => {
            "has an algorithm that was not asked for, or is registered already"
        }
        _ => "is not a credential that can be verified",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(public_url: &str, domain: Option<&str>) -> Result<Option<(String, String)>, String> {
        let party = RelyingParty::at(public_url, domain.map(str::to_owned))
            .map_err(|error| error.to_string())?;
        Ok(party.map(|party| {
            let (options, _) = party.challenge().expect("randomness");
            let origin = party.0.get_allowed_origins()[0].origin();
            (options.rp_id, origin.ascii_serialization())
        }))
    }

    #[test]
    fn passkeys_are_bound_to_the_domain_of_the_console() {
        let bound = |domain: &str, origin: &str| Ok(Some((domain.to_owned(), origin.to_owned())));
        assert_eq!(
            site("https://galen.example.org/console", None),
            bound("galen.example.org", "https://galen.example.org")
        );
        assert_eq!(
            site("https://galen.example.org:8443", Some("example.org")),
            bound("example.org", "https://galen.example.org:8443")
        );
        for loopback in ["http://127.0.0.1:8080", "http://[::1]:8080"] {
            assert_eq!(
                site(loopback, None),
                bound("localhost", "http://localhost:8080")
            );
        }
    }

    #[test]
    fn an_address_that_is_no_domain_has_no_passkeys() {
        assert_eq!(site("http://10.1.2.3:8080", None), Ok(None));
        assert_eq!(site("https://[2001:db8::1]", None), Ok(None));
    }

    #[test]
    fn somebody_elses_domain_is_refused_by_name() {
        let refused = site("https://galen.example.org", Some("example.com"));
        assert!(refused.is_err_and(|reason| reason.starts_with(DOMAIN)));
        assert!(site("https://", None).is_err_and(|reason| reason.starts_with(crate::PUBLIC_URL)));
    }
}
