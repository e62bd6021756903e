//! Forgets verifications that no process can repeat any more.

use galen_kernel::Problem;
use jiff::SignedDuration;

use crate::Staff;
use crate::availability::store;

/// Processes end within hours, and dead letters are redriven within weeks.
const KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);

/// Deletes answers older than `KEPT`; returns how many.
///
/// # Errors
/// When the database fails; the next run goes on.
pub async fn run(staff: &Staff) -> Result<u64, Problem> {
    let now = staff.db.clock().now();
    let horizon = now.checked_sub(KEPT).unwrap_or(now);
    Ok(store::forget_before(staff.db.pool(), horizon).await?)
}
