//! Whose record a caller may reach.

use galen_access::Scope;
use galen_contracts::ids::PatientId;
use galen_kernel::Problem;
use galen_service::{Cx, Requires};
use sqlx::PgConnection;

use super::model::Patient;
use super::store;

/// 404 unless the record is within reach. Who may only see their own reaches the
/// record their account is tied to, what it was merged into and what was merged into
/// it: those are records of the same person. The token may be older than the tie, so
/// the tie decides here as well.
///
/// # Errors
/// 404: the caller may not even know. Otherwise when the database fails.
pub async fn reach<R: Requires>(
    cx: &Cx<R>,
    connection: &mut PgConnection,
    id: PatientId,
) -> Result<(), Problem> {
    let patient = match cx.scope() {
        Scope::Any => return Ok(()),
        Scope::Care { patient, .. } | Scope::Own { patient, .. } => patient,
    };
    let user = cx.principal()?.user_id;
    if store::is_of_user(connection, id, user, patient).await? {
        Ok(())
    } else {
        Err(Problem::not_found())
    }
}

/// Loads a record within reach.
///
/// # Errors
/// 404 when there is none within reach. Otherwise when the database fails.
pub async fn reached<R: Requires>(
    cx: &Cx<R>,
    connection: &mut PgConnection,
    id: PatientId,
) -> Result<Patient, Problem> {
    reach(cx, connection, id).await?;
    store::find(connection, id)
        .await?
        .ok_or_else(Problem::not_found)
}

/// Locks and loads a record within reach.
///
/// # Errors
/// As [`reached`].
pub async fn reached_for_update<R: Requires>(
    cx: &Cx<R>,
    connection: &mut PgConnection,
    id: PatientId,
) -> Result<Patient, Problem> {
    reach(cx, connection, id).await?;
    store::find_for_update(connection, id)
        .await?
        .ok_or_else(Problem::not_found)
}
