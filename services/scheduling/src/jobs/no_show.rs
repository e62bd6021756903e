//! Appointments that ended without anybody arriving are marked as missed.

use galen_contracts::scheduling::v1::AppointmentMissed;
use galen_eventing::Publish as _;
use galen_kernel::Problem;
use galen_storage::Db;

use crate::appointment::model::Appointment;
use crate::appointment::store;
use crate::settings::Settings;

/// How many in one transaction.
const BATCH: i64 = 500;

/// Marks all that are due; returns how many.
///
/// # Errors
/// When the database fails; what was committed stays.
pub async fn mark_missed(db: &Db, settings: &Settings) -> Result<u64, Problem> {
    let mut marked = 0;
    loop {
        let mut tx = db.begin().await?;
        let before = Appointment::missed_before(db.clock().now(), settings);
        let missed = store::mark_missed(&mut tx, before, BATCH).await?;
        for appointment in &missed {
            tx.publish(&AppointmentMissed {
                appointment: Some(appointment.facts()),
            });
        }
        tx.commit().await?;
        marked += missed.len() as u64;
        if i64::try_from(missed.len()).unwrap_or(BATCH) < BATCH {
            return Ok(marked);
        }
    }
}
