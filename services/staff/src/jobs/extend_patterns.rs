//! Plans the days of weekly patterns that came into reach.

use galen_contracts::ids::PractitionerId;
use galen_kernel::Problem;

use crate::pattern::store;
use crate::practitioner::model::PractitionerError;
use crate::{Staff, practitioner};

/// How many practitioners are looked up at a time.
const BATCH: u16 = 200;

/// Makes the shifts of all patterns up to the horizon, one practitioner per
/// transaction; returns how many shifts were made. What was planned is not planned
/// again, so that it may run as often as one likes, and be interrupted.
///
/// # Errors
/// When the database fails; the next run goes on.
pub async fn run(staff: &Staff) -> Result<u64, Problem> {
    let until = staff.horizon.end(staff.db.clock());
    let mut created = 0;
    let mut last = None;
    loop {
        let practitioners =
            store::practitioners_to_extend(staff.db.pool(), until, last, BATCH).await?;
        for practitioner in &practitioners {
            created += extend(staff, *practitioner).await?;
        }
        match practitioners.last() {
            Some(practitioner) => last = Some(practitioner.uuid()),
            None => return Ok(created),
        }
    }
}

async fn extend(staff: &Staff, practitioner: PractitionerId) -> Result<u64, PractitionerError> {
    let clock = staff.db.clock();
    let (today, until) = (staff.horizon.today(clock), staff.horizon.end(clock));
    let mut tx = staff.db.begin().await?;
    if !practitioner::store::lock(&mut tx, practitioner)
        .await?
        .active
    {
        return Ok(0);
    }
    let mut created = 0;
    for pattern in store::get_to_extend(&mut tx, practitioner, until).await? {
        let made = staff
            .horizon
            .materialise(&mut tx, &pattern, pattern.planned_until.max(today), until)
            .await?;
        store::planned_until(&mut tx, &pattern, until).await?;
        if !made.skipped.is_empty() {
            tracing::info!(pattern = %pattern.id, days = made.skipped.len(), "days of a shift pattern were skipped");
        }
        created += made.created as u64;
    }
    tx.commit().await?;
    Ok(created)
}
