//! When and how a caller last showed who they are.

use galen_kernel::Timestamp;
use jiff::SignedDuration;

/// For how long after somebody showed who they are dangerous things may be done.
pub const RECENTLY: SignedDuration = SignedDuration::from_mins(15);

/// How somebody showed who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// A password.
    Password,
    /// A one-time code: of an authenticator, or a backup code.
    OneTimeCode,
    /// A passkey, whose device verified its user.
    Passkey,
    /// A link that was mailed.
    MailedLink,
    /// The hospital's directory says so.
    Directory,
}

impl Method {
    /// Every method.
    pub const ALL: &[Self] = &[
        Self::Password,
        Self::OneTimeCode,
        Self::Passkey,
        Self::MailedLink,
        Self::Directory,
    ];

    /// As the claim `amr` has it. RFC 8176 has no names for the last two.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Password => "pwd",
            Self::OneTimeCode => "otp",
            Self::Passkey => "hwk",
            Self::MailedLink => "mail",
            Self::Directory => "fed",
        }
    }

    /// Reads a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|known| known.name() == name)
    }
}

/// When and how somebody last showed who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authentication {
    /// When.
    pub at: Timestamp,
    /// In which ways, each once.
    pub methods: Vec<Method>,
}

impl Authentication {
    /// In these ways at this moment.
    #[must_use]
    pub fn new(methods: &[Method], at: Timestamp) -> Self {
        let mut methods = methods.to_vec();
        methods.sort_unstable();
        methods.dedup();
        Self { at, methods }
    }

    /// Whether it was within [`RECENTLY`]. One by a clock that runs ahead counts.
    #[must_use]
    pub fn is_recent(&self, now: Timestamp) -> bool {
        now.duration_since(self.at) <= RECENTLY
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_method_is_read_as_it_was_written() {
        for method in Method::ALL {
            assert_eq!(Method::from_name(method.name()), Some(*method));
        }
        assert_eq!(Method::from_name("PWD"), None);
    }

    proptest! {
        #[test]
        fn what_was_shown_is_recent_for_a_quarter_of_an_hour(age in -100_000_i64..100_000) {
            let now = Timestamp::UNIX_EPOCH;
            let at = now - SignedDuration::from_secs(age);
            let shown = Authentication::new(&[Method::Password], at);
            prop_assert_eq!(shown.is_recent(now), age <= 900);
        }

        #[test]
        fn each_method_is_named_once(chosen in proptest::collection::vec(proptest::sample::select(Method::ALL), 0..9)) {
            let methods = Authentication::new(&chosen, Timestamp::UNIX_EPOCH).methods;
            prop_assert!(methods.is_sorted_by(|a, b| a < b));
            prop_assert!(chosen.iter().all(|method| methods.contains(method)));
        }
    }
}
