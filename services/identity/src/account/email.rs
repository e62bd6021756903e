//! E-mail addresses of accounts.

use galen_kernel::Pii;

/// The longest address that can be mailed to (RFC 5321 section 4.5.3.1.3, less the
/// angle brackets).
pub(crate) const LONGEST: usize = 254;

/// An address that looks like one (the dot-atom form of RFC 5322, ASCII only);
/// whether it exists, only a mail can tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Email(Pii<String>);

/// Not an e-mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an e-mail address")]
pub(crate) struct NotAnEmail;

impl Email {
    /// Checks an address.
    pub(crate) fn parse(given: &str) -> Result<Self, NotAnEmail> {
        let (local, domain) = given.rsplit_once('@').ok_or(NotAnEmail)?;
        let fits = given.len() <= LONGEST && (1..=64).contains(&local.len());
        if fits && is_dot_atom(local) && is_domain(domain) {
            Ok(Self(Pii::new(given.to_owned())))
        } else {
            Err(NotAnEmail)
        }
    }

    /// The address as given.
    pub(crate) fn as_str(&self) -> &str {
        self.0.expose()
    }
}

fn is_dot_atom(local: &str) -> bool {
    let atext = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    local
        .split('.')
        .all(|atom| !atom.is_empty() && atom.chars().all(atext))
}

fn is_domain(domain: &str) -> bool {
    domain.split('.').all(|label| {
        (1..=63).contains(&label.len())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_are_told_from_other_texts() {
        for given in [
            "a@b",
            "nadia.keller+galen@example.org",
            "0@A.ac",
            "o'neil@st-vincents.ie",
        ] {
            assert!(Email::parse(given).is_ok(), "{given}");
        }
        for given in [
            "", "@", "a@", "@b", "a b@c", "a@b c", "a@b..c", ".a@b", "a@-b", "a\0@b", "ä@b",
            "a@b\n",
        ] {
            assert!(Email::parse(given).is_err(), "{given:?}");
        }
        assert!(Email::parse(&format!("{}@b", "a".repeat(65))).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_judged_and_a_good_one_kept_as_it_is(given in ".{0,40}(@.{0,40})?") {
            if let Ok(email) = Email::parse(&given) {
                prop_assert_eq!(email.as_str(), given.as_str());
                prop_assert!(given.is_ascii() && given.contains('@'));
                prop_assert_eq!(format!("{:?}", email), "Email([personal])");
            }
        }
    }
}
