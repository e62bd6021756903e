//! Which passwords are accepted: NIST SP 800-63B section 5.1.1.2. A minimum length
//! and a list of what everybody tries first; no rules about digits and signs.

use std::collections::HashSet;
use std::sync::LazyLock;

use secrecy::{ExposeSecret as _, SecretString};
use unicode_normalization::UnicodeNormalization as _;

use crate::account::Username;

/// Fewest characters (Unicode code points).
pub(crate) const SHORTEST: usize = 8;
/// Most characters.
pub(crate) const LONGEST: usize = 128;

/// The passwords that lists of leaked passwords begin with, in lower case.
static COMMON: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| include_str!("common.txt").lines().collect());

/// Why a new password is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PolicyError {
    /// Too easily guessed by trying all.
    #[error("must have at least 8 characters")]
    TooShort,
    /// Longer than anybody types; hashing time is bounded.
    #[error("must have at most 128 characters")]
    TooLong,
    /// The first guess of anybody.
    #[error("must not be the user name")]
    EqualsUsername,
    /// The next guesses of anybody.
    #[error("is one of the most used passwords")]
    TooCommon,
}

impl PolicyError {
    /// Stable code of the field error.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::TooShort => "TOO_SHORT",
            Self::TooLong => "TOO_LONG",
            Self::EqualsUsername => "EQUALS_USERNAME",
            Self::TooCommon => "TOO_COMMON",
        }
    }
}

/// A password that was accepted, normalised.
#[derive(Debug)]
pub(crate) struct NewPassword(SecretString);

impl NewPassword {
    /// Accepts a password for an account, or says why not. Without a name (because
    /// that is wrong as well) only the rest is judged.
    pub(crate) fn parse(
        given: &SecretString,
        username: Option<&Username>,
    ) -> Result<Self, PolicyError> {
        match given.expose_secret().chars().count() {
            n if n < SHORTEST => return Err(PolicyError::TooShort),
            n if n > LONGEST => return Err(PolicyError::TooLong),
            _ => {}
        }
        let password = normalised(given);
        let folded = password.expose_secret().to_lowercase();
        if username.is_some_and(|name| folded == name.as_str()) {
            return Err(PolicyError::EqualsUsername);
        }
        if COMMON.contains(folded.as_str()) {
            return Err(PolicyError::TooCommon);
        }
        Ok(Self(password))
    }

    /// What is hashed.
    pub(crate) const fn secret(&self) -> &SecretString {
        &self.0
    }
}

/// The same password typed on another keyboard is the same password: NFKC, as
/// SP 800-63B asks for.
pub(crate) fn normalised(given: &SecretString) -> SecretString {
    given.expose_secret().nfkc().collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn judge(password: &str) -> Result<(), PolicyError> {
        let username = Username::parse("nadia.keller").expect("a name");
        NewPassword::parse(&password.into(), Some(&username)).map(drop)
    }

    #[test]
    fn length_counts_characters_not_bytes() {
        assert_eq!(judge("öäüöäüö"), Err(PolicyError::TooShort));
        assert_eq!(judge("öäüöäüöß"), Ok(()));
        assert_eq!(judge(&"é".repeat(128)), Ok(()));
        assert_eq!(judge(&"é".repeat(129)), Err(PolicyError::TooLong));
    }

    #[test]
    fn the_obvious_is_refused_in_any_case() {
        assert_eq!(judge("Nadia.Keller"), Err(PolicyError::EqualsUsername));
        assert_eq!(judge("PassWord123"), Err(PolicyError::TooCommon));
        assert_eq!(judge("ｐａｓｓｗｏｒｄ"), Err(PolicyError::TooCommon));
    }

    #[test]
    fn no_composition_is_asked_for() {
        assert_eq!(judge("correct horse battery staple"), Ok(()));
    }

    #[test]
    fn every_listed_password_could_otherwise_be_chosen() {
        for common in COMMON.iter() {
            assert!(
                common.len() >= SHORTEST && *common == common.to_lowercase(),
                "{common}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_text_is_judged(password in ".{0,140}") {
            let length = password.chars().count();
            let judged = judge(&password);
            prop_assert_eq!(judged == Err(PolicyError::TooShort), length < SHORTEST);
            prop_assert_eq!(judged == Err(PolicyError::TooLong), length > LONGEST);
        }

        #[test]
        fn an_accepted_password_does_not_print_itself(password in "[a-z]{12,20}[0-9]{4}") {
            let accepted = NewPassword::parse(&password.as_str().into(), None).expect("a password");
            let printed = format!("{accepted:?}");
            prop_assert!(!printed.contains(&password));
        }
    }
}
