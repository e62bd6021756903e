//! Fields of requests: intervals and bounds, refused precisely.

use galen_kernel::{Problem, Timestamp, Violations};
use jiff::SignedDuration;

use crate::interval::{Interval, in_calendar};

/// The shortest appointment.
pub const SHORTEST: SignedDuration = SignedDuration::from_mins(5);
/// The longest appointment. The schema says the same.
pub const LONGEST: SignedDuration = SignedDuration::from_hours(12);
/// How far ahead anybody can book.
pub const HORIZON: SignedDuration = SignedDuration::from_hours(2 * 366 * 24);
/// How late a request for "now" may arrive.
const GRACE: SignedDuration = SignedDuration::from_mins(1);

/// The interval of something to be booked: in the future, of bearable length.
pub fn bookable(
    wrong: &mut Violations,
    (start_at, start): (&str, Timestamp),
    (end_at, end): (&str, Timestamp),
    now: Timestamp,
) -> Option<Interval> {
    let wanted = interval(wrong, (start_at, start), (end_at, end))?;
    let early = now.saturating_sub(GRACE).unwrap_or(now);
    let late = now.saturating_add(HORIZON).unwrap_or(now);
    if wanted.start() < early {
        wrong.push(start_at, "IN_THE_PAST", "must be in the future");
    } else if wanted.start() > late {
        wrong.push(start_at, "TOO_FAR_AHEAD", "must be within two years");
    } else if wanted.length() < SHORTEST {
        wrong.push(
            end_at,
            "TOO_SHORT",
            "must be at least 5 minutes after the start",
        );
    } else {
        return Some(wanted);
    }
    None
}

/// An interval of at most [`LONGEST`], past or future.
pub fn interval(
    wrong: &mut Violations,
    (start_at, start): (&str, Timestamp),
    (end_at, end): (&str, Timestamp),
) -> Option<Interval> {
    let wanted = window(wrong, (start_at, start), (end_at, end))?;
    if wanted.length() > LONGEST {
        wrong.push(
            end_at,
            "TOO_LONG",
            "must be at most 12 hours after the start",
        );
        return None;
    }
    Some(wanted)
}

/// Any interval of the calendar.
pub fn window(
    wrong: &mut Violations,
    (start_at, start): (&str, Timestamp),
    (end_at, end): (&str, Timestamp),
) -> Option<Interval> {
    let (start, end) = (
        bound(wrong, start_at, Some(start)),
        bound(wrong, end_at, Some(end)),
    );
    match Interval::new(start?, end?) {
        Ok(interval) => Some(interval),
        Err(empty) => {
            wrong.push(end_at, "END_NOT_AFTER_START", empty.to_string());
            None
        }
    }
}

/// The value, when nothing was wrong.
///
/// # Errors
/// A 400 with every noted field.
pub fn accept<T>(wrong: Violations, value: Option<T>) -> Result<T, Problem> {
    wrong.finish()?;
    value.ok_or_else(|| Problem::internal("a field is missing although nothing is wrong with it"))
}

/// An optional bound of a filter.
pub fn bound(wrong: &mut Violations, pointer: &str, at: Option<Timestamp>) -> Option<Timestamp> {
    let at = at?;
    if in_calendar(at) {
        return Some(at);
    }
    wrong.push(pointer, "OUT_OF_RANGE", "must lie in the years 1 to 9999");
    None
}

/// What specialties are compared by: case does not matter.
#[must_use]
pub fn specialty_key(specialty: &str) -> String {
    specialty.trim().to_lowercase()
}

#[cfg(test)]
mod tests {

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    fn refusal(check: impl FnOnce(&mut Violations)) -> Option<(String, &'static str)> {
        let mut wrong = Violations::new();
        check(&mut wrong);
        wrong
            .finish()
            .err()
            .map(|problem| (problem.errors[0].pointer.clone(), problem.errors[0].code))
    }

    #[test]
    fn an_appointment_lies_ahead_and_lasts_bearably() {
        let now = at("2026-03-02T08:00:00Z");
        let check = |start: &str, end: &str| {
            refusal(|w| _ = bookable(w, ("/start", at(start)), ("/end", at(end)), now))
        };
        assert_eq!(check("2026-03-02T09:00:00Z", "2026-03-02T09:30:00Z"), None);
        assert_eq!(check("2026-03-02T07:59:30Z", "2026-03-02T08:30:00Z"), None);
        for (start, end, pointer, code) in [
            (
                "2026-03-02T07:00:00Z",
                "2026-03-02T09:30:00Z",
                "/start",
                "IN_THE_PAST",
            ),
            (
                "2029-03-02T07:00:00Z",
                "2029-03-02T09:30:00Z",
                "/start",
                "TOO_FAR_AHEAD",
            ),
            (
                "2026-03-02T09:00:00Z",
                "2026-03-02T09:04:59Z",
                "/end",
                "TOO_SHORT",
            ),
            (
                "2026-03-02T09:00:00Z",
                "2026-03-02T21:00:01Z",
                "/end",
                "TOO_LONG",
            ),
            (
                "2026-03-02T09:00:00Z",
                "2026-03-02T09:00:00Z",
                "/end",
                "END_NOT_AFTER_START",
            ),
            (
                "-000001-03-02T09:00:00Z",
                "2026-03-02T09:00:00Z",
                "/start",
                "OUT_OF_RANGE",
            ),
        ] {
            assert_eq!(
                check(start, end),
                Some((pointer.to_owned(), code)),
                "{start} {end}"
            );
        }
    }
}
