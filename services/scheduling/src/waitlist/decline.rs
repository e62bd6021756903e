//! `POST /waitlist/{id}/decline`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_eventing::Timers as _;
use galen_kernel::Problem;
use galen_service::{Answer, Cx, Needs, Outcome, PathIds, Requires};

use super::expire::OFFER_EXPIRY;
use super::model::EntryId;
use super::offering;
use super::store::{self, Position};
use super::view::EntryView;
use crate::patient::reach::reach;
use crate::{Scheduling, claim};

/// The offered slot is not wanted.
pub struct DeclineOffer;

impl Requires for DeclineOffer {
    const NEEDS: Needs = Needs::Permission(Permission::AppointmentBook);
}

/// Declines the offered slot and waits on for another; the next in line is asked.
#[utoipa::path(
    post,
    path = "/waitlist/{id}/decline",
    operation_id = "declineOffer",
    tag = "scheduling",
    params(("id" = Uuid, Path, description = "The entry.")),
    responses((status = 200, description = "Waits on.", body = EntryView)),
)]
pub async fn decline(
    cx: Cx<DeclineOffer>,
    State(scheduling): State<Arc<Scheduling>>,
    PathIds(id): PathIds<EntryId>,
) -> Outcome {
    let mut tx = cx.begin(&scheduling.db).await?;
    let entry = store::get_for_change(&mut tx, id)
        .await?
        .ok_or_else(Problem::not_found)?;
    reach(cx.scope(), &mut tx, entry.patient).await?;
    cx.expect_version(entry.version)?;
    let (waiting, offer) = entry.declined()?;
    store::change(&mut tx, &waiting).await?;
    tx.cancel_timer(OFFER_EXPIRY, &id.to_string()).await?;
    claim::store::release(&mut tx, offer.id).await?;
    // Only those behind: who declined is not asked about the same time again.
    offering::offer(
        &mut tx,
        offer.practitioner,
        offer.during,
        Some(Position::of(&waiting)),
        &scheduling.settings,
    )
    .await?;
    let version = waiting.version;
    tx.commit(Answer::ok(&EntryView::from(waiting)).version(version))
        .await
}
