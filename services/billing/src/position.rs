//! Positions in lists that go by time: after them the next page begins.

use galen_kernel::{Cursor, Problem, Timestamp};
use jiff::tz::TimeZone;
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
    let position = cursor.map(Cursor::decode::<Position>).transpose()?;
    let is_inside = |at: Timestamp| (1..=9999).contains(&at.to_zoned(TimeZone::UTC).year());
    if position.is_some_and(|position| !is_inside(position.0)) {
        return Err(Problem::invalid_field(
            "?cursor",
            "INVALID_CURSOR",
            "is not a cursor of this list",
        ));
    }
    Ok(position)
}
