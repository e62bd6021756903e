//! Bank accounts that money is paid out to: IBAN (ISO 13616), with the lengths and shapes
//! of the SWIFT registry and the check digits of ISO 7064 (MOD 97-10).

use std::fmt;

use galen_kernel::{Pii, Violations};
use serde::{Deserialize, Serialize};

/// A valid IBAN. Personal: it does not print itself.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Iban(iban::Iban);

/// It is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an IBAN with its check digits")]
pub struct NotAnIban;

impl Iban {
    /// Reads a field of a request, in groups of four or without spaces.
    pub fn read(wrong: &mut Violations, pointer: &str, given: &str) -> Option<Pii<Self>> {
        wrong
            .keep(pointer, "INVALID_IBAN", Self::try_from(given.to_owned()))
            .map(Pii::new)
    }

    /// Its last four characters, by which its owner knows it again.
    #[must_use]
    pub fn ending(&self) -> &str {
        let text = self.electronic();
        &text[text.len() - 4..]
    }

    /// As machines write it: without spaces.
    #[must_use]
    pub fn electronic(&self) -> &str {
        use iban::IbanLike as _;
        self.0.electronic_str()
    }
}

impl fmt::Debug for Iban {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[IBAN]")
    }
}

impl TryFrom<String> for Iban {
    type Error = NotAnIban;

    fn try_from(text: String) -> Result<Self, NotAnIban> {
        text.trim().parse().map(Self).map_err(|_| NotAnIban)
    }
}

impl From<Iban> for String {
    fn from(iban: Iban) -> Self {
        iban.electronic().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOOD: &str = "DE89370400440532013000";

    #[test]
    fn check_digits_lengths_and_countries_are_looked_at() {
        for good in [
            GOOD,
            "DE89 3704 0044 0532 0130 00",
            "GB82 WEST 1234 5698 7654 32",
            "TR330006100519786457841326",
            "NO9386011117947",
        ] {
            assert!(Iban::try_from(good.to_owned()).is_ok(), "{good}");
        }
        for bad in [
            "",
            "DE",
            "DE88370400440532013000",
            "DE8937040044053201300",
            "XX89370400440532013000",
            "\0",
            "DE89-3704-0044-0532-0130-00",
        ] {
            assert_eq!(Iban::try_from(bad.to_owned()), Err(NotAnIban), "{bad}");
        }
    }

    #[test]
    fn it_is_kept_whole_and_shown_by_its_end() {
        let iban = Iban::try_from(GOOD.to_owned()).expect("an IBAN");
        let stored = serde_json::to_string(&iban).expect("it is data");
        assert_eq!(stored, format!("\"{GOOD}\""));
        assert_eq!(iban.ending(), "3000");
        assert_eq!(format!("{iban:?}"), "[IBAN]");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,40}") {
            let _ = Iban::try_from(text);
        }

        #[test]
        fn one_wrong_digit_is_noticed(place in 2_usize..22, digit in b'0'..=b'9') {
            let mut other = GOOD.as_bytes().to_vec();
            prop_assume!(other[place] != digit);
            other[place] = digit;
            let other = String::from_utf8(other).expect("ASCII");
            prop_assert_eq!(Iban::try_from(other), Err(NotAnIban));
        }
    }
}
