//! Reading the fields of requests: days, instants, and fields of a change.

use galen_kernel::{Problem, Timestamp, Violations};
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer};

/// The first day anything here may have happened: nobody alive was born earlier, and
/// older archives are not patients of this hospital.
pub(crate) const EARLIEST: Date = date(1850, 1, 1);

/// The last day a calendar of this system knows.
pub(crate) const LATEST: Date = date(9999, 12, 31);

/// A day as RFC 3339 `full-date` writes it, between `first` and `last`.
pub(crate) fn day(
    violations: &mut Violations,
    pointer: &str,
    text: &str,
    first: Date,
    last: Date,
) -> Option<Date> {
    let parsed = if text.len() == 10 {
        Date::strptime("%Y-%m-%d", text).ok()
    } else {
        None
    };
    match parsed {
        Some(day) if (first..=last).contains(&day) => return Some(day),
        Some(_) => violations.push(
            pointer,
            "OUT_OF_RANGE",
            format!("must lie between {first} and {last}"),
        ),
        None => violations.push(pointer, "INVALID_DATE", "must be a day, such as 1980-02-29"),
    }
    None
}

/// An instant as RFC 3339 `date-time` writes it, not before [`EARLIEST`] and not after
/// `last`; cut to the microseconds that are stored.
pub(crate) fn instant(
    violations: &mut Violations,
    pointer: &str,
    text: &str,
    last: Timestamp,
) -> Option<Timestamp> {
    let written = matches!(text.as_bytes().get(10), Some(b'T' | b't'));
    let parsed = if written {
        text.parse::<Timestamp>().ok()
    } else {
        None
    };
    let parsed = parsed.and_then(|at| Timestamp::from_microsecond(at.as_microsecond()).ok());
    match parsed {
        Some(at) if at.to_zoned(TimeZone::UTC).date() < EARLIEST => {
            violations.push(
                pointer,
                "OUT_OF_RANGE",
                format!("must not lie before {EARLIEST}"),
            );
        }
        Some(at) if last < at => {
            violations.push(pointer, "IN_THE_FUTURE", "must not lie in the future")
        }
        Some(at) => return Some(at),
        None => violations.push(
            pointer,
            "INVALID_INSTANT",
            "must be an instant with an offset, such as 2026-01-31T08:15:00+01:00",
        ),
    }
    None
}

/// A cursor that can be read, but that no page of the list ended with.
pub(crate) fn stray_cursor() -> Problem {
    Problem::invalid_field("?cursor", "INVALID_CURSOR", "is not a cursor of this list")
}

/// Whether an instant can have come from this system: what lies outside cannot even
/// be asked of the database.
pub(crate) fn is_on_record(at: Timestamp) -> bool {
    (EARLIEST..=LATEST).contains(&at.to_zoned(TimeZone::UTC).date())
}

/// A field of a merge patch (RFC 7396): left out, null, or given.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Patch<T> {
    /// Stays as it is.
    #[default]
    Absent,
    /// Becomes unknown.
    Clear,
    /// Becomes this.
    Set(T),
}

impl<T> Patch<T> {
    /// The given value of a field that cannot become unknown.
    pub(crate) fn required(self, violations: &mut Violations, pointer: &str) -> Option<T> {
        match self {
            Self::Absent => None,
            Self::Clear => {
                violations.push(pointer, "REQUIRED", "cannot be cleared");
                None
            }
            Self::Set(value) => Some(value),
        }
    }

    /// Whether the request says anything about the field.
    pub(crate) const fn is_present(&self) -> bool {
        !matches!(self, Self::Absent)
    }

    /// The same change of another type; `None` from `parse` leaves the field as it is,
    /// its violation having been noted.
    pub(crate) fn parse<U>(self, parse: impl FnOnce(T) -> Option<U>) -> Patch<U> {
        match self {
            Self::Absent => Patch::Absent,
            Self::Clear => Patch::Clear,
            Self::Set(value) => parse(value).map_or(Patch::Absent, Patch::Set),
        }
    }

    /// Changes an optional field.
    pub(crate) fn apply(self, field: &mut Option<T>) {
        match self {
            Self::Absent => {}
            Self::Clear => *field = None,
            Self::Set(value) => *field = Some(value),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Patch<T> {
    /// With `#[serde(default)]`, a field that is left out never gets here.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Clear, Self::Set))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_written_in_one_way_only() {
        let read = |text: &str| day(&mut Violations::new(), "/x", text, EARLIEST, LATEST);
        assert_eq!(read("1980-02-29"), Some(date(1980, 2, 29)));
        for text in [
            "1981-02-29",
            "19800229",
            "1980-2-29",
            "1980-02-29T00:00:00",
            "80-02-29",
            "",
            "1849-12-31",
            "+01980-02-29",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn instants_need_an_offset_and_must_have_happened() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().expect("an instant");
        let read = |text: &str| instant(&mut Violations::new(), "/x", text, now);
        assert_eq!(
            read("2017-02-06T15:45:03.663836+00:00")
                .map(|at| at.to_string())
                .as_deref(),
            Some("2017-02-06T15:45:03.663836Z")
        );
        for text in [
            "2017-02-06",
            "2017-02-06T15:45:03",
            "2026-01-01T00:00:01Z",
            "1849-12-31T23:59:59Z",
            "-009999-01-02T01:59:59Z",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn null_is_not_the_same_as_left_out() {
        #[derive(Deserialize)]
        struct Change {
            #[serde(default)]
            field: Patch<u8>,
        }
        let read = |json: &str| {
            serde_json::from_str::<Change>(json)
                .expect("a change")
                .field
        };
        assert!(read("{}") == Patch::Absent);
        assert!(read(r#"{"field":null}"#) == Patch::Clear);
        assert!(read(r#"{"field":7}"#) == Patch::Set(7));
    }
}
