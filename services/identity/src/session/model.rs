//! How long sessions last: pure rules.

use std::net::IpAddr;

use galen_access::Authentication;
use galen_access::token::ACCESS_TOKEN_SECONDS;
use galen_contracts::ids::{SessionId, UserId};
use galen_kernel::{Pii, Timestamp};
use jiff::SignedDuration;

use crate::client::ClientId;
use crate::provider::Scopes;

/// A session that is not used ends after this.
const IDLE: SignedDuration = SignedDuration::from_hours(7 * 24);
/// A session that is used ends after this all the same.
const LONGEST: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How long ended sessions are kept, to recognise their tokens.
pub(crate) const KEPT_AFTER_END: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A login on a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Session {
    /// Identity.
    pub(crate) id: SessionId,
    /// Whose.
    pub(crate) account: UserId,
    /// When it was logged in.
    pub(crate) created_at: Timestamp,
    /// When and how its owner last showed who they are.
    pub(crate) authentication: Authentication,
    /// When its token was last exchanged.
    pub(crate) last_used_at: Timestamp,
    /// When it ends by itself.
    pub(crate) expires_at: Timestamp,
    /// When it was ended.
    pub(crate) revoked_at: Option<Timestamp>,
    /// What the browser calls itself.
    pub(crate) user_agent: Option<String>,
    /// Where it was logged in from.
    pub(crate) address: Option<Pii<IpAddr>>,
    /// The client that it was opened for; `None` for Galen's own.
    pub(crate) delegation: Option<Delegation>,
}

/// For which client somebody logged in, and what its tokens are good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Delegation {
    /// The client.
    pub(crate) client: ClientId,
    /// What it asked for.
    pub(crate) scopes: Scopes,
}

impl Session {
    /// The client that it was opened for.
    pub(crate) fn client(&self) -> Option<ClientId> {
        self.delegation.as_ref().map(|given| given.client)
    }

    /// Whether a client may show its refresh tokens, or, without one, Galen's own
    /// programs.
    pub(crate) fn belongs_to(&self, client: Option<ClientId>) -> bool {
        self.client() == client
    }

    /// Whether it can still be refreshed.
    pub(crate) fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && now < self.expires_at
    }
}

/// When a session ends that cannot be prolonged: with its one access token.
pub(crate) fn expiry_without_refresh(now: Timestamp) -> Timestamp {
    later(now, SignedDuration::from_secs(ACCESS_TOKEN_SECONDS))
}

/// When a session ends that was made then and is used now.
pub(crate) fn expiry(created_at: Timestamp, now: Timestamp) -> Timestamp {
    later(now.max(created_at), IDLE).min(later(created_at, LONGEST))
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use galen_access::Method;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn use_prolongs_a_session_but_not_for_ever(days in 0_i64..40, more in 0_i64..40) {
            let created = Timestamp::UNIX_EPOCH;
            let now = created + SignedDuration::from_hours(24 * days);
            let then = now + SignedDuration::from_hours(24 * more);
            let end = expiry(created, now);
            prop_assert!(end > created && end <= created + LONGEST);
            prop_assert!(end <= now + IDLE || days > 30);
            prop_assert!(expiry(created, then) >= end);
        }
    }

    #[test]
    fn a_session_ends_when_it_says_or_when_it_is_ended() {
        let created = Timestamp::UNIX_EPOCH;
        let mut session = Session {
            id: SessionId::from_uuid(uuid::Uuid::nil()),
            account: UserId::from_uuid(uuid::Uuid::nil()),
            created_at: created,
            authentication: Authentication::new(&[Method::Password], created),
            last_used_at: created,
            expires_at: expiry(created, created),
            revoked_at: None,
            user_agent: None,
            address: None,
            delegation: None,
        };
        assert!(session.is_live(created));
        let client = ClientId::from_uuid(uuid::Uuid::nil());
        assert!(session.belongs_to(None) && !session.belongs_to(Some(client)));
        assert!(!session.is_live(session.expires_at));
        session.revoked_at = Some(created);
        assert!(!session.is_live(created));
    }
}
