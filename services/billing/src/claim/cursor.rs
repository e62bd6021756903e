//! Where lists of claims and of what belongs to them go on.

use galen_kernel::{Cursor, Problem, Timestamp};
use jiff::tz::TimeZone;
use serde::de::DeserializeOwned;

/// Reads a cursor, of which `at` says the instant.
///
/// # Errors
/// 400 when it is none of the list.
pub(super) fn read<T: DeserializeOwned>(
    cursor: Option<&str>,
    at: fn(&T) -> Timestamp,
) -> Result<Option<T>, Problem> {
    let cursor = cursor.map(Cursor::decode::<T>).transpose()?;
    let is_in_calendar =
        |cursor: &T| (1..=9999).contains(&at(cursor).to_zoned(TimeZone::UTC).year());
    if cursor.as_ref().is_none_or(is_in_calendar) {
        Ok(cursor)
    } else {
        Err(Problem::invalid_field(
            "?cursor",
            "INVALID_CURSOR",
            "is not a cursor of this list",
        ))
    }
}
