//! How long links work: pure rules.

use galen_contracts::identity::v1::CredentialLinkPurpose;
use galen_contracts::ids::UserId;
use galen_kernel::{Id, Timestamp};
use jiff::SignedDuration;

/// A [`Link`] is identified by this.
pub(crate) enum LinkKind {}
/// [`Link`]'s id.
pub(crate) type LinkId = Id<LinkKind>;

/// An account is not mailed another link of the same purpose within this time.
pub(crate) const PAUSE: SignedDuration = SignedDuration::from_mins(5);
/// How long links are kept after they could last be minted.
pub(crate) const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What a link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The first password of a new account.
    SetPassword,
    /// Another one for who forgot theirs.
    ResetPassword,
    /// A session, without a password.
    LogIn,
}

impl Purpose {
    /// As its column holds it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::SetPassword => "SET_PASSWORD",
            Self::ResetPassword => "RESET_PASSWORD",
            Self::LogIn => "LOG_IN",
        }
    }

    /// Reads its column.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Self::SetPassword, Self::ResetPassword, Self::LogIn]
            .into_iter()
            .find(|purpose| purpose.name() == name)
    }

    /// On the wire.
    pub(crate) const fn wire(self) -> CredentialLinkPurpose {
        match self {
            Self::SetPassword => CredentialLinkPurpose::SetPassword,
            Self::ResetPassword => CredentialLinkPurpose::ResetPassword,
            Self::LogIn => CredentialLinkPurpose::LogIn,
        }
    }

    /// The page that it leads to.
    pub(crate) const fn page(self) -> &'static str {
        match self {
            Self::SetPassword | Self::ResetPassword => "set-password",
            Self::LogIn => "magic-link",
        }
    }

    /// How long a secret works after it was mailed: a day to take up a new
    /// account, an hour for who is waiting for it, minutes where nothing else is
    /// asked of who has it.
    const fn lifetime(self) -> SignedDuration {
        match self {
            Self::SetPassword => SignedDuration::from_hours(24),
            Self::ResetPassword => SignedDuration::from_hours(1),
            Self::LogIn => SignedDuration::from_mins(15),
        }
    }

    /// A message that cannot be sent for this long is not worth sending any more.
    const fn mintable_for(self) -> SignedDuration {
        match self {
            Self::SetPassword | Self::ResetPassword => SignedDuration::from_hours(72),
            Self::LogIn => SignedDuration::from_mins(15),
        }
    }
}

/// A link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    /// Identity.
    pub(crate) id: LinkId,
    /// Whose password it sets, or who is logged in.
    pub(crate) account: UserId,
    /// What for.
    pub(crate) purpose: Purpose,
    /// When it was asked for.
    pub(crate) requested_at: Timestamp,
    /// Until when it can be minted.
    pub(crate) mintable_until: Timestamp,
    /// Used, or made worthless by another way to a new password.
    pub(crate) closed_at: Option<Timestamp>,
}

impl Link {
    /// A new link.
    pub(crate) fn new(id: LinkId, account: UserId, purpose: Purpose, now: Timestamp) -> Self {
        Self {
            id,
            account,
            purpose,
            requested_at: now,
            mintable_until: later(now, purpose.mintable_for()),
            closed_at: None,
        }
    }

    /// When a secret that is minted now stops working; `None` when none may be.
    pub(crate) fn mint(&self, now: Timestamp) -> Option<Timestamp> {
        let open = self.closed_at.is_none() && now < self.mintable_until;
        open.then(|| later(now, self.purpose.lifetime()))
    }
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn link(purpose: Purpose) -> Link {
        Link::new(
            LinkId::from_uuid(uuid::Uuid::nil()),
            UserId::from_uuid(uuid::Uuid::nil()),
            purpose,
            Timestamp::UNIX_EPOCH,
        )
    }

    proptest! {
        #[test]
        fn a_secret_works_for_its_lifetime_from_minting_and_is_not_minted_late(minutes in 0_i64..6_000) {
            let now = Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes);
            for (purpose, lifetime, mintable) in [
                (Purpose::SetPassword, 24 * 60, 72 * 60),
                (Purpose::ResetPassword, 60, 72 * 60),
                (Purpose::LogIn, 15, 15),
            ] {
                let expected = (minutes < mintable).then(|| now + SignedDuration::from_mins(lifetime));
                prop_assert_eq!(link(purpose).mint(now), expected);
            }
        }
    }

    #[test]
    fn a_closed_link_is_not_minted() {
        let closed = Link {
            closed_at: Some(Timestamp::UNIX_EPOCH),
            ..link(Purpose::SetPassword)
        };
        assert_eq!(closed.mint(Timestamp::UNIX_EPOCH), None);
    }

    #[test]
    fn purposes_are_read_as_they_are_written() {
        for purpose in [Purpose::SetPassword, Purpose::ResetPassword, Purpose::LogIn] {
            assert_eq!(Purpose::from_name(purpose.name()), Some(purpose));
        }
        assert_eq!(Purpose::from_name("OTHER"), None);
    }
}
