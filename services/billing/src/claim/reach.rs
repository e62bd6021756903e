//! How far a caller reaches.

use galen_access::Scope;
use galen_contracts::ids::PatientId;
use galen_kernel::Problem;
use galen_service::{Cx, Requires};
use uuid::Uuid;

/// The patient to whom a list is bounded; `None` when it is not.
///
/// # Errors
/// 404 when the wished patient is out of reach.
pub(crate) fn of<R: Requires>(
    cx: &Cx<R>,
    wished: Option<PatientId>,
) -> Result<Option<Uuid>, Problem> {
    if let Some(wished) = wished {
        cx.reach_patient(wished)?;
        return Ok(Some(wished.uuid()));
    }
    match cx.scope() {
        Scope::Any => Ok(None),
        // Whoever has no record has nothing: no claim has this id.
        scope => Ok(Some(
            scope.own_patient().map_or(Uuid::nil(), |own| own.uuid()),
        )),
    }
}
