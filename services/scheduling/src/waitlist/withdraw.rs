//! `DELETE /waitlist/{id}`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_eventing::Timers as _;
use galen_kernel::Problem;
use galen_service::{Answer, Cx, Needs, Outcome, PathIds, Requires};
use galen_storage::{Error, Tx};

use super::expire::OFFER_EXPIRY;
use super::model::{Entry, EntryId, Offer};
use super::offering;
use super::store::{self, Position};
use crate::patient::reach::reach;
use crate::settings::Settings;
use crate::{Scheduling, claim};

/// Somebody no longer wants to wait.
pub struct LeaveWaitlist;

impl Requires for LeaveWaitlist {
    const NEEDS: Needs = Needs::Permission(Permission::AppointmentBook);
}

/// Takes a patient off the waitlist; what was offered to them is offered on.
#[utoipa::path(
    delete,
    path = "/waitlist/{id}",
    operation_id = "leaveWaitlist",
    tag = "scheduling",
    params(("id" = Uuid, Path, description = "The entry.")),
    responses((status = 204, description = "No longer waits.")),
)]
pub async fn withdraw(
    cx: Cx<LeaveWaitlist>,
    State(scheduling): State<Arc<Scheduling>>,
    PathIds(id): PathIds<EntryId>,
) -> Outcome {
    let mut tx = cx.begin(&scheduling.db).await?;
    let entry = store::get_for_change(&mut tx, id)
        .await?
        .ok_or_else(Problem::not_found)?;
    reach(cx.scope(), &mut tx, entry.patient).await?;
    cx.expect_version(entry.version)?;
    let (withdrawn, offer) = entry.withdrawn()?;
    end(&mut tx, &withdrawn, offer, &scheduling.settings).await?;
    tx.commit(Answer::no_content()).await
}

/// Writes that an entry waits no longer, and offers on what it was offered.
///
/// # Errors
/// When the database fails.
pub async fn end(
    tx: &mut Tx,
    withdrawn: &Entry,
    offer: Option<Offer>,
    settings: &Settings,
) -> Result<(), Error> {
    store::change(tx, withdrawn).await?;
    if let Some(offer) = offer {
        tx.cancel_timer(OFFER_EXPIRY, &withdrawn.id.to_string())
            .await?;
        claim::store::release(tx, offer.id).await?;
        offering::offer(
            tx,
            offer.practitioner,
            offer.during,
            Some(Position::of(withdrawn)),
            settings,
        )
        .await?;
    }
    Ok(())
}
