//! `DELETE /slots/hold/{id}`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::{Permission, Scope};
use galen_eventing::Timers as _;
use galen_kernel::Problem;
use galen_service::{Answer, Cx, Needs, Outcome, PathIds, Requires};

use super::expire::HOLD_EXPIRY;
use crate::claim::model::HoldId;
use crate::claim::store;
use crate::{Scheduling, waitlist};

/// A slot is no longer wanted.
pub struct ReleaseHold;

impl Requires for ReleaseHold {
    const NEEDS: Needs = Needs::Permission(Permission::AppointmentBook);
}

/// Gives a held slot free before its time.
#[utoipa::path(
    delete,
    path = "/slots/hold/{id}",
    operation_id = "releaseHold",
    tag = "scheduling",
    params(("id" = Uuid, Path, description = "The hold.")),
    responses((status = 204, description = "Free.")),
)]
pub async fn release(
    cx: Cx<ReleaseHold>,
    State(scheduling): State<Arc<Scheduling>>,
    PathIds(id): PathIds<HoldId>,
) -> Outcome {
    let account = cx.principal()?.user_id;
    let mut tx = cx.begin(&scheduling.db).await?;
    let hold = store::get_hold(&mut tx, id)
        .await?
        .ok_or_else(Problem::not_found)?;
    if cx.scope() != Scope::Any && hold.held_by != Some(account) {
        return Err(Problem::not_found().into());
    }
    store::release(&mut tx, id).await?;
    tx.cancel_timer(HOLD_EXPIRY, &id.to_string()).await?;
    waitlist::offering::offer(
        &mut tx,
        hold.practitioner,
        hold.during,
        None,
        &scheduling.settings,
    )
    .await?;
    tx.commit(Answer::no_content()).await
}
