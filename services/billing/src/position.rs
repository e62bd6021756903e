//! Positions in lists that go by time: after them the next page begins.

use galen_kernel::{Cursor, Problem, Timestamp};
use jiff::tz::TimeZone;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A position: when what is listed came about, and its id.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Position(pub Timestamp, pub Uuid);

/// A position after which a list goes on.
///
/// # Errors
/// 400 when it is none of these lists.
pub(crate) fn after(cursor: Option<&str>) -> Result<Option<Position>, Problem> {
    read(cursor, |position: &Position| position.0)
}

/// As [`after`], of a list whose positions say more; `at` says the instant of one.
///
/// # Errors
/// 400 when it is none of the list.
pub(crate) fn read<T: DeserializeOwned>(
    cursor: Option<&str>,
    at: fn(&T) -> Timestamp,
) -> Result<Option<T>, Problem> {
    let position = cursor.map(Cursor::decode::<T>).transpose()?;
    let is_inside =
        |position: &T| (1..=9999).contains(&at(position).to_zoned(TimeZone::UTC).year());
    if position.as_ref().is_none_or(is_inside) {
        Ok(position)
    } else {
        Err(Problem::invalid_field(
            "?cursor",
            "INVALID_CURSOR",
            "is not a cursor of this list",
        ))
    }
}
