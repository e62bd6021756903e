//! What somebody writes about a payment. Sealed with the data key of the payer, where
//! that is a patient; else of the payee, where that is one; else of the payer's wallet.

use galen_kernel::{Pii, Violations};
use galen_vault::{Column, Sealed, SealedColumn};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::account::{Account, Owner};

/// The most characters of a description. The schema says the same.
const MOST: usize = 500;

/// Where descriptions are kept.
pub(crate) const DESCRIPTION: Column<Words> = Column::new("securepay", "payment", "description");

/// What is sealed of payments.
pub(crate) const SEALED: SealedColumn = SealedColumn {
    place: DESCRIPTION.place(),
    row: "id",
    subject: "t.subject",
};

/// A sealed description, and whose key it is.
#[derive(Debug, Clone)]
pub struct Described {
    /// Whom it is about.
    pub subject: Uuid,
    /// What was written.
    pub words: Sealed<Words>,
}

/// A text of 1 to 500 characters without control characters other than line ends and
/// tabs. Personal: has no `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Words(String);

/// It is empty, too long, or holds control characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must have 1 to {MOST} characters, none of them control characters")]
pub struct WordsError;

impl Words {
    /// Reads a field of a request; cut at both ends.
    pub fn read(wrong: &mut Violations, pointer: &str, given: &str) -> Option<Pii<Self>> {
        let words = Self::try_from(given.trim().to_owned());
        wrong.keep(pointer, "NOT_A_TEXT", words).map(Pii::new)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Words {
    type Error = WordsError;

    fn try_from(text: String) -> Result<Self, WordsError> {
        let refused = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
        if text.is_empty() || text.contains(refused) || text.chars().count() > MOST {
            Err(WordsError)
        } else {
            Ok(Self(text))
        }
    }
}

impl From<Words> for String {
    fn from(words: Words) -> Self {
        words.0
    }
}

/// Whom what is written about a payment is about.
#[must_use]
pub fn subject(from: &Account, to: &Account) -> Uuid {
    match (from.owner, to.owner) {
        (Owner::Patient(patient), _) | (_, Owner::Patient(patient)) => patient,
        _ => from.public_id.uuid(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_read_is_kept_and_comes_back(text in any::<String>()) {
            if let Some(words) = Words::read(&mut Violations::new(), "/description", &text) {
                let stored = serde_json::to_string(words.expose()).expect("words are data");
                let back: Words = serde_json::from_str(&stored).expect("they were kept");
                prop_assert_eq!(back.as_str(), text.trim());
            }
        }

        #[test]
        fn nothing_else_comes_back(length in 0_usize..1002, nul in any::<bool>()) {
            let text = format!("{}{}", "ü".repeat(length), if nul { "\0" } else { "" });
            let kept = Words::try_from(text).is_ok();
            prop_assert_eq!(kept, !nul && (1..=MOST).contains(&length));
        }
    }
}
