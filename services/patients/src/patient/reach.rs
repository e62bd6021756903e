//! Whose record a caller may reach.

use galen_access::Scope;
use galen_contracts::ids::{PatientId, PractitionerId};
use galen_kernel::Problem;
use galen_service::{Cx, Requires};
use sqlx::PgConnection;

use super::model::Patient;
use super::store;
use crate::care;
use crate::care::store::{Carer, Why};

/// 404 unless the record is within reach.
///
/// Who sees those they care for reaches the people they have or had something arranged
/// with, and for a while those to whom they broke the glass. Who may only see their own
/// reaches the record their account is tied to. Either reaches whole persons: what a
/// record was merged into and what was merged into it. The token may be older than the
/// tie, so the tie decides here as well.
///
/// # Errors
/// 404: the caller may not even know. Otherwise when the database fails.
pub async fn reach<R: Requires>(
    cx: &Cx<R>,
    connection: &mut PgConnection,
    id: PatientId,
) -> Result<(), Problem> {
    cx.concerns(id);
    let reached = match cx.scope() {
        Scope::Any => true,
        Scope::Care {
            practitioner,
            patient,
        } => {
            let carer = carer(cx, practitioner, patient)?;
            let why = care::store::why(connection, &carer, id).await?;
            if why == Some(Why::BrokeTheGlass) {
                cx.because("BREAK_GLASS");
            }
            why.is_some()
        }
        Scope::Own { patient, .. } => {
            store::is_of_user(connection, id, cx.principal()?.user_id, patient).await?
        }
    };
    if reached {
        Ok(())
    } else {
        Err(Problem::not_found())
    }
}

/// The caller as somebody who sees those they care for.
///
/// # Errors
/// 401 when nobody is logged in.
pub fn carer<R: Requires>(
    cx: &Cx<R>,
    practitioner: PractitionerId,
    own: Option<PatientId>,
) -> Result<Carer, Problem> {
    Ok(Carer {
        practitioner,
        user: cx.principal()?.user_id,
        own,
        at: cx.now(),
    })
}

/// 403 unless the caller reaches everybody: for work that cannot be done with some
/// records only, such as deciding whether two of them are one person.
///
/// # Errors
/// 403.
pub fn reach_everybody<R: Requires>(cx: &Cx<R>) -> Result<(), Problem> {
    if cx.scope() == Scope::Any {
        Ok(())
    } else {
        Err(Problem::forbidden())
    }
}

/// Loads a record within reach.
///
/// # Errors
/// 404 when there is none within reach, as `PATIENT_ERASED` when the person was erased.
/// Otherwise when the database fails.
pub async fn reached<R: Requires>(
    cx: &Cx<R>,
    connection: &mut PgConnection,
    id: PatientId,
) -> Result<Patient, Problem> {
    reach(cx, connection, id).await?;
    match store::find(connection, id).await? {
        Some(patient) => Ok(patient),
        None => Err(missing(connection, id).await?),
    }
}

/// What is said of a record within reach that is not there.
async fn missing(connection: &mut PgConnection, id: PatientId) -> Result<Problem, Problem> {
    Ok(if store::is_erased(connection, id).await? {
        Problem::new(404, "PATIENT_ERASED", "The person was erased.")
    } else {
        Problem::not_found()
    })
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
    match store::find_for_update(connection, id).await? {
        Some(patient) => Ok(patient),
        None => Err(missing(connection, id).await?),
    }
}
