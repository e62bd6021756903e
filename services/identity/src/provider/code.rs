//! The code that a client exchanges for tokens: pure rules (RFC 6749 section 4.1).

use galen_access::Method;
use galen_contracts::ids::{SessionId, UserId};
use galen_kernel::Timestamp;
use jiff::SignedDuration;

use super::pkce::Challenge;
use super::scope::Scopes;
use crate::client::ClientId;
use crate::secret::SecretHash;
use crate::session::device::Device;

/// Long enough for a redirect.
const LIFETIME: SignedDuration = SignedDuration::from_secs(60);

/// A code.
pub(crate) struct AuthorizationCode {
    /// What is kept of it.
    pub(crate) hash: SecretHash,
    /// Who may exchange it.
    pub(crate) client: ClientId,
    /// Who logged in.
    pub(crate) account: UserId,
    /// Their account as it was then: it must not have changed before the exchange.
    pub(crate) account_version: i64,
    /// Where it was sent to.
    pub(crate) redirect_uri: String,
    /// What the tokens will be good for.
    pub(crate) scopes: Scopes,
    /// What the id token will repeat.
    pub(crate) nonce: Option<String>,
    /// What the verifier must fit.
    pub(crate) challenge: Challenge,
    /// How they logged in.
    pub(crate) methods: Vec<Method>,
    /// When.
    pub(crate) authenticated_at: Timestamp,
    /// When it stops working.
    pub(crate) expires_at: Timestamp,
    /// With what.
    pub(crate) device: Device,
    /// The session that it gave, when it was exchanged.
    pub(crate) session: Option<SessionId>,
}

/// Why a code gives no tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// It was given to another client, sent elsewhere, or asked for by somebody else. It
    /// still works for whom it was given to: who guesses at a verifier spoils nothing.
    Foreign,
    /// It was exchanged before, by somebody who knew the verifier as well; this is the
    /// session that it gave.
    Used(SessionId),
    /// It is too old.
    Expired,
}

impl AuthorizationCode {
    /// When a code stops working that is given now.
    pub(crate) fn expiry(now: Timestamp) -> Timestamp {
        now.saturating_add(LIFETIME).unwrap_or(Timestamp::MAX)
    }

    /// Whether whoever shows it may have tokens for it.
    pub(crate) fn judge(
        &self,
        client: ClientId,
        redirect_uri: &str,
        verifier: &str,
        now: Timestamp,
    ) -> Result<(), Unfit> {
        if client != self.client
            || redirect_uri != self.redirect_uri
            || !self.challenge.is_of(verifier)
        {
            return Err(Unfit::Foreign);
        }
        match self.session {
            Some(session) => Err(Unfit::Used(session)),
            None if now >= self.expires_at => Err(Unfit::Expired),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const BACK: &str = "https://portal.example/back";

    fn client(n: u128) -> ClientId {
        ClientId::from_uuid(Uuid::from_u128(n))
    }

    fn code(session: Option<SessionId>) -> AuthorizationCode {
        let now = Timestamp::UNIX_EPOCH;
        AuthorizationCode {
            hash: SecretHash::of(&"code".into()),
            client: client(1),
            account: UserId::from_uuid(Uuid::nil()),
            account_version: 1,
            redirect_uri: BACK.to_owned(),
            scopes: Scopes::parse("openid"),
            nonce: None,
            challenge: Challenge::parse("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")
                .expect("a challenge"),
            methods: vec![Method::Password],
            authenticated_at: now,
            expires_at: AuthorizationCode::expiry(now),
            device: Device::default(),
            session,
        }
    }

    proptest! {
        #[test]
        fn a_code_works_once_for_a_minute(seconds in 0_i64..120, used: bool) {
            let session = used.then(|| SessionId::from_uuid(Uuid::from_u128(7)));
            let now = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds);
            let expected = match session {
                Some(session) => Err(Unfit::Used(session)),
                None if seconds < 60 => Ok(()),
                None => Err(Unfit::Expired),
            };
            prop_assert_eq!(code(session).judge(client(1), BACK, VERIFIER, now), expected);
        }
    }

    #[test]
    fn who_is_not_the_one_spoils_nothing() {
        let now = Timestamp::UNIX_EPOCH;
        for session in [None, Some(SessionId::from_uuid(Uuid::nil()))] {
            let code = code(session);
            let wrong = &VERIFIER.replace('d', "e");
            for judged in [
                code.judge(client(2), BACK, VERIFIER, now),
                code.judge(client(1), "https://portal.example/", VERIFIER, now),
                code.judge(client(1), BACK, wrong, now),
                code.judge(client(1), BACK, "", now),
            ] {
                assert_eq!(judged, Err(Unfit::Foreign));
            }
        }
    }
}
