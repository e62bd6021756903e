//! Fields of requests: texts, instants and intervals, refused precisely.

use std::collections::BTreeSet;

use galen_kernel::{Problem, Timestamp, Violations, text};
use serde::{Deserialize, Deserializer};

use crate::interval::{Interval, IntervalError, in_calendar};

/// One line of text, as [`text::line`]. What is wrong is noted; the text counts only once
/// [`Violations::finish`] finds nothing.
pub fn line(wrong: &mut Violations, pointer: &str, text: &str, longest: usize) -> String {
    text::line(wrong, pointer, text, longest).unwrap_or_default()
}

/// Text that may have lines, as [`text::paragraphs`]; otherwise as [`line()`].
pub fn paragraph(wrong: &mut Violations, pointer: &str, text: &str, longest: usize) -> String {
    text::paragraphs(wrong, pointer, text, longest).unwrap_or_default()
}

/// An electronic mail address as far as it can be judged without sending to it:
/// something on both sides of an `@`, no blanks (RFC 5321 bounds its length).
pub fn email(wrong: &mut Violations, pointer: &str, text: &str) -> String {
    let address = line(wrong, pointer, text, 254);
    let plausible = address
        .rsplit_once('@')
        .is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty())
        && !address.contains(char::is_whitespace);
    wrong.require(
        plausible || address.is_empty(),
        pointer,
        "INVALID_EMAIL",
        "must be an electronic mail address",
    );
    address
}

/// A half-open interval of a request, from its two fields; `None` when noted as wrong.
pub fn interval(
    wrong: &mut Violations,
    (start_at, start): (&str, Timestamp),
    (end_at, end): (&str, Timestamp),
) -> Option<Interval> {
    match Interval::new(start, end) {
        Ok(interval) => Some(interval),
        Err(error) => {
            let pointer = if error == IntervalError::StartOutsideCalendar {
                start_at
            } else {
                end_at
            };
            wrong.push(pointer, error.code(), error.to_string());
            None
        }
    }
}

/// Gives back what was parsed, or everything that is wrong.
///
/// # Errors
/// A 400 with every noted field.
///
/// # Panics
/// When a value is missing although nothing was noted: a mistake in the parser.
pub fn accept<T>(wrong: Violations, parsed: Option<T>) -> Result<T, Problem> {
    wrong.finish()?;
    Ok(parsed.expect("a field without a value was noted as wrong"))
}

/// An optional bound of a filter.
pub fn bound(wrong: &mut Violations, pointer: &str, at: Option<Timestamp>) -> Option<Timestamp> {
    let at = at?;
    wrong.require(
        in_calendar(at),
        pointer,
        "OUT_OF_RANGE",
        "must lie in the years 1 to 9999",
    );
    Some(at)
}

/// Notes it when a list says something twice.
pub fn distinct<T: Ord>(wrong: &mut Violations, pointer: &str, items: impl IntoIterator<Item = T>) {
    let mut seen = BTreeSet::new();
    let distinct = items.into_iter().all(|item| seen.insert(item));
    wrong.require(distinct, pointer, "DUPLICATE", "must not repeat an item");
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
    fn first_code(check: impl FnOnce(&mut Violations)) -> Option<&'static str> {
        let mut violations = Violations::new();
        check(&mut violations);
        violations
            .finish()
            .err()
            .map(|problem| problem.errors[0].code)
    }

    #[test]
    fn addresses_have_two_sides() {
        for wrong in ["plain", "@home", "me@", "me @home", "a@b\u{2003}c"] {
            assert_eq!(
                first_code(|v| _ = email(v, "/a", wrong)),
                Some("INVALID_EMAIL"),
                "{wrong}"
            );
        }
        for right in ["me@home", "a.b+c@example.org", "!#$%&'*+-/=^_`{|}~@x.yz"] {
            assert_eq!(first_code(|v| _ = email(v, "/a", right)), None, "{right}");
        }
    }
}
