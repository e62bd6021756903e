//! Fields of requests: texts and days, refused precisely.

use galen_kernel::{Timestamp, Violations, text};
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer};

/// The first day that anything here may be about.
pub const EARLIEST: Date = date(1900, 1, 1);
/// The last one.
pub const LATEST: Date = date(9998, 12, 31);

/// One line of text, as [`text::line`]. What is wrong is noted; the text counts only once
/// [`Violations::finish`] finds nothing.
pub fn line(wrong: &mut Violations, pointer: &str, text: &str, longest: usize) -> String {
    text::line(wrong, pointer, text, longest).unwrap_or_default()
}

/// The code of a service: it begins with a letter or a digit, and has no blanks.
pub fn service_code(wrong: &mut Violations, pointer: &str, text: &str) {
    let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    let plain = |c: char| c.is_ascii_alphanumeric() || "._:/-".contains(c);
    wrong.require(
        begins && text.len() <= 64 && text.chars().all(plain),
        pointer,
        "INVALID_CODE",
        "must be 1 to 64 letters, digits and . _ : / -",
    );
}

/// A day of this calendar.
pub fn day(wrong: &mut Violations, pointer: &str, day: Date) {
    wrong.require(
        (EARLIEST..=LATEST).contains(&day),
        pointer,
        "OUT_OF_RANGE",
        "must lie in the years 1900 to 9998",
    );
}

/// A day of this calendar, as text.
pub fn parsed_day(wrong: &mut Violations, pointer: &str, text: &str) -> Option<Date> {
    let parsed: Result<Date, _> = text.parse();
    let found = wrong.keep(pointer, "INVALID_DATE", parsed)?;
    day(wrong, pointer, found);
    Some(found)
}

/// An instant in this calendar.
pub fn instant(wrong: &mut Violations, pointer: &str, at: Timestamp) {
    day(wrong, pointer, at.to_zoned(TimeZone::UTC).date());
}

/// Reads a field of a change that may be left out but not be null.
///
/// # Errors
/// On null and on what is not a `T`.
pub fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
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
    fn codes_are_refused_for_what_is_wrong_with_them() {
        for code in ["CONSULTATION", "99213", "GOA:1.2/3", "a_b-c"] {
            assert!(codes(|w| service_code(w, "/a", code)).is_empty(), "{code}");
        }
        for code in ["", "-a", "a b", "ä", &"x".repeat(65)] {
            assert_eq!(
                codes(|w| service_code(w, "/a", code)),
                ["INVALID_CODE"],
                "{code}"
            );
        }
    }

    #[test]
    fn days_lie_in_the_calendar() {
        let codes = |text: &str| codes(|w| _ = parsed_day(w, "?on", text));
        assert!(codes("2026-02-28").is_empty());
        assert_eq!(codes("2026-02-30"), ["INVALID_DATE"]);
        assert_eq!(codes("9999-12-31"), ["OUT_OF_RANGE"]);
        assert_eq!(codes("-004713-01-01"), ["OUT_OF_RANGE"]);
    }
}
