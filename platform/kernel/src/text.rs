//! Texts that people write, of a length that can be kept.
//!
//! What is sealed cannot be looked at by a constraint of the database: [`Text`] is what
//! keeps a blank or an over-long text out, on its way in and on its way back.

use serde::{Deserialize, Serialize};

use crate::Violations;

/// A text of 1 to `MOST` characters without NUL. May be personal: has no `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Text<const MOST: usize>(String);

/// It is empty, too long, or holds NUL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must have 1 to {0} characters")]
pub struct TextError(usize);

impl<const MOST: usize> Text<MOST> {
    /// Reads a field of a request as [`line()`] does.
    pub fn line(wrong: &mut Violations, pointer: &str, text: &str) -> Option<Self> {
        line(wrong, pointer, text, MOST).map(Self)
    }

    /// Reads a field of a request as [`paragraphs`] does.
    pub fn paragraphs(wrong: &mut Violations, pointer: &str, text: &str) -> Option<Self> {
        paragraphs(wrong, pointer, text, MOST).map(Self)
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

/// One line of text: cut at both ends, not blank, without control characters, at most
/// `longest` characters. `None` when what is wrong was noted.
pub fn line(wrong: &mut Violations, pointer: &str, text: &str, longest: usize) -> Option<String> {
    checked(wrong, pointer, text, longest, char::is_control)
}

/// Text that may have several lines; otherwise as [`line()`].
pub fn paragraphs(
    wrong: &mut Violations,
    pointer: &str,
    text: &str,
    longest: usize,
) -> Option<String> {
    checked(wrong, pointer, text, longest, |c| {
        c.is_control() && !matches!(c, '\n' | '\r' | '\t')
    })
}

fn checked(
    wrong: &mut Violations,
    pointer: &str,
    text: &str,
    longest: usize,
    refused: impl Fn(char) -> bool,
) -> Option<String> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        wrong.push(pointer, "BLANK", "must not be blank");
    } else if text.chars().count() > longest {
        let message = format!("must have at most {longest} characters");
        wrong.push(pointer, "TOO_LONG", message);
    } else if trimmed.contains(refused) {
        let message = "must not contain control characters";
        wrong.push(pointer, "CONTROL_CHARACTER", message);
    } else {
        return Some(trimmed.to_owned());
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn codes(check: impl FnOnce(&mut Violations)) -> Vec<&'static str> {
        let mut wrong = Violations::new();
        check(&mut wrong);
        let errors = wrong
            .finish()
            .map_or_else(|problem| problem.errors, |()| Vec::new());
        errors.iter().map(|error| error.code).collect()
    }

    #[test]
    fn texts_are_refused_for_what_is_wrong_with_them() {
        assert_eq!(codes(|w| _ = line(w, "/x", " \u{2003} ", 5)), ["BLANK"]);
        assert_eq!(codes(|w| _ = line(w, "/x", "abcdef", 5)), ["TOO_LONG"]);
        for text in ["a\0b", "a\nb"] {
            assert_eq!(
                codes(|w| _ = line(w, "/x", text, 5)),
                ["CONTROL_CHARACTER"],
                "{text:?}"
            );
        }
        assert_eq!(
            codes(|w| _ = paragraphs(w, "/x", "a\nb\0c", 5)),
            ["CONTROL_CHARACTER"]
        );
        let mut wrong = Violations::new();
        assert_eq!(line(&mut wrong, "/x", "ÄÖÜßç", 5).as_deref(), Some("ÄÖÜßç"));
        assert_eq!(
            paragraphs(&mut wrong, "/x", "a\nb\tc\n", 9).as_deref(),
            Some("a\nb\tc")
        );
    }

    proptest! {
        #[test]
        fn what_is_read_is_kept_and_comes_back(text in any::<String>()) {
            let mut wrong = Violations::new();
            let read = Text::<20>::paragraphs(&mut wrong, "/x", &text);
            prop_assert_eq!(read.is_some(), wrong.finish().is_ok());
            if let Some(kept) = read {
                let stored = serde_json::to_string(&kept).expect("a text is data");
                let back: Text<20> = serde_json::from_str(&stored).expect("it was kept");
                prop_assert!(back == kept);
                prop_assert_eq!(back.as_str(), text.trim());
            }
        }

        #[test]
        fn nothing_else_comes_back(text in "(\\PC|\0){0,30}") {
            let stored = serde_json::to_string(&text).expect("a text is data");
            let kept = serde_json::from_str::<Text<20>>(&stored).is_ok();
            prop_assert_eq!(kept, !text.contains('\0') && (1..=20).contains(&text.chars().count()));
        }
    }
}
