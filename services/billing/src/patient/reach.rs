//! How far a caller reaches, across records that are one person.

use galen_contracts::ids::PatientId;
use galen_kernel::Problem;
use galen_service::{Cx, Requires, records};
use sqlx::PgExecutor;
use uuid::Uuid;

/// Every record of the person whose record this is, unless they are out of reach; tells
/// the audit log whose it is.
///
/// # Errors
/// 404: the caller may not even know. When the database fails.
pub async fn records<R: Requires>(
    cx: &Cx<R>,
    db: impl PgExecutor<'_>,
    patient: PatientId,
) -> Result<Vec<Uuid>, Problem> {
    cx.concerns(patient);
    let records = records::ids_of(db, patient).await?;
    let mut own = records.iter().copied().map(PatientId::from_uuid);
    if own.any(|record| cx.scope().covers_patient(record)) {
        Ok(records)
    } else {
        Err(Problem::not_found())
    }
}
