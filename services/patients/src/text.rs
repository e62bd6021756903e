//! Texts about people, of a length that can be kept.
//!
//! What is sealed cannot be looked at by a constraint of the database: the type is what
//! keeps a blank or an over-long text out, on its way in and on its way back.

use galen_kernel::Violations;
use serde::{Deserialize, Serialize};

use crate::input;

/// A text of 1 to `MOST` characters without NUL. May be personal: has no `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Text<const MOST: usize>(String);

/// It is empty, too long, or holds NUL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must have 1 to {0} characters")]
pub struct TextError(usize);

impl<const MOST: usize> Text<MOST> {
    /// Reads one line: cut at both ends, not blank, without control characters.
    pub fn line(violations: &mut Violations, pointer: &str, text: &str) -> Option<Self> {
        input::line(violations, pointer, text, MOST).map(Self)
    }

    /// Reads a text that may have several lines; otherwise as [`Text::line`].
    pub fn paragraphs(violations: &mut Violations, pointer: &str, text: &str) -> Option<Self> {
        input::paragraphs(violations, pointer, text, MOST).map(Self)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MOST: usize> TryFrom<String> for Text<MOST> {
    type Error = TextError;

    fn try_from(text: String) -> Result<Self, TextError> {
        if text.is_empty() || text.contains('\0') || text.chars().count() > MOST {
            Err(TextError(MOST))
        } else {
            Ok(Self(text))
        }
    }
}

impl<const MOST: usize> From<Text<MOST>> for String {
    fn from(text: Text<MOST>) -> Self {
        text.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_read_is_kept_and_comes_back(text in any::<String>()) {
            if let Some(kept) = Text::<20>::paragraphs(&mut Violations::new(), "/x", &text) {
                let stored = serde_json::to_string(&kept).expect("a text is data");
                let back: Text<20> = serde_json::from_str(&stored).expect("it was kept");
                prop_assert!(back == kept);
                prop_assert_eq!(back.as_str(), text.trim());
            }
        }

        #[test]
        fn nothing_else_comes_back(text in "\\PC{0,30}") {
            let stored = serde_json::to_string(&text).expect("a text is data");
            let kept = serde_json::from_str::<Text<20>>(&stored).is_ok();
            prop_assert_eq!(kept, (1..=20).contains(&text.chars().count()));
        }
    }
}
