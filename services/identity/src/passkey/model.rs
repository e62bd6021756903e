//! The rules of passkeys: pure.

use galen_contracts::ids::UserId;
use galen_kernel::{Id, Pii, Timestamp};
use jiff::SignedDuration;
use webauthn_rs::prelude::Credential;

/// A [`Passkey`] is identified by this.
pub(crate) enum PasskeyKind {}
/// [`Passkey`]'s id.
pub(crate) type PasskeyId = Id<PasskeyKind>;

/// A ceremony is identified by this.
pub(crate) enum CeremonyKind {}
/// A ceremony's id.
pub(crate) type CeremonyId = Id<CeremonyKind>;

/// The most passkeys of an account.
pub(crate) const MOST: usize = 20;
/// How long somebody may look for their authenticator: what WebAuthn recommends.
const CEREMONY: SignedDuration = SignedDuration::from_mins(5);
/// Longest name.
const LONGEST_NAME: usize = 64;

/// A passkey.
#[derive(Debug, Clone)]
pub(crate) struct Passkey {
    /// Identity.
    pub(crate) id: PasskeyId,
    /// Whom it logs in.
    pub(crate) account: UserId,
    /// Its public key and counter.
    pub(crate) key: webauthn_rs::prelude::Passkey,
    /// What its owner calls it.
    pub(crate) name: Name,
    /// When it was registered.
    pub(crate) created_at: Timestamp,
    /// When it last logged somebody in.
    pub(crate) last_used_at: Option<Timestamp>,
}

impl Passkey {
    /// Whether it was copied off its authenticator, by a keychain that is synchronised:
    /// such a key survives the loss of the device.
    pub(crate) fn is_backed_up(&self) -> bool {
        Credential::from(self.key.clone()).backup_state
    }
}

/// What its owner calls a passkey: 1 to 64 characters, none of them a control character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name(Pii<String>);

/// Why a text is no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must have 1 to 64 characters, and none that cannot be seen")]
pub(crate) struct NameError;

impl Name {
    /// Checks a name.
    pub(crate) fn parse(given: &str) -> Result<Self, NameError> {
        let length = given.chars().take(LONGEST_NAME + 1).count();
        if !(1..=LONGEST_NAME).contains(&length) || given.chars().any(char::is_control) {
            return Err(NameError);
        }
        Ok(Self(Pii::new(given.to_owned())))
    }

    /// The name of what nobody has named.
    pub(crate) fn unnamed() -> Self {
        Self(Pii::new("Passkey".to_owned()))
    }

    /// The name.
    pub(crate) fn as_str(&self) -> &str {
        self.0.expose()
    }
}

/// Until when a ceremony that begins now can be completed.
pub(crate) fn ceremony_ends(now: Timestamp) -> Timestamp {
    now.saturating_add(CEREMONY).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_name_is_kept_as_it_was_given_or_refused(given in "\\PC{0,70}") {
            let length = given.chars().count();
            match Name::parse(&given) {
                Ok(name) => {
                    prop_assert_eq!(name.as_str(), given.as_str());
                    prop_assert!((1..=64).contains(&length));
                }
                Err(NameError) => prop_assert!(!(1..=64).contains(&length)),
            }
        }
    }

    #[test]
    fn a_name_can_be_seen_and_does_not_print_itself() {
        assert_eq!(Name::parse("Nadia\u{7}"), Err(NameError));
        assert!(Name::parse(Name::unnamed().as_str()).is_ok());
        let name = Name::parse("Nadia's telephone").expect("a name");
        assert!(!format!("{name:?}").contains("Nadia"));
    }

    #[test]
    fn a_ceremony_lasts_five_minutes() {
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(ceremony_ends(now), now + SignedDuration::from_mins(5));
        assert_eq!(ceremony_ends(Timestamp::MAX), Timestamp::MAX);
    }
}
