//! `POST /waitlist/{id}/accept`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_eventing::Timers as _;
use galen_kernel::Problem;
use galen_service::{Answer, Cx, Halt, Needs, Outcome, PathIds, Requires};
use galen_storage::Error;

use super::expire::OFFER_EXPIRY;
use super::model::{Entry, EntryId};
use super::store;
use crate::Scheduling;
use crate::appointment::error::{AppointmentError, Attempts};
use crate::appointment::placing::Order;
use crate::appointment::view::AppointmentView;
use crate::patient::reach::reach;

/// The offered slot is wanted.
pub struct AcceptOffer;

impl Requires for AcceptOffer {
    const NEEDS: Needs = Needs::Permission(Permission::AppointmentBook);
}

/// Books the offered slot.
#[utoipa::path(
    post,
    path = "/waitlist/{id}/accept",
    operation_id = "acceptOffer",
    tag = "scheduling",
    params(("id" = Uuid, Path, description = "The entry.")),
    responses((status = 201, description = "Booked.", body = AppointmentView)),
)]
pub async fn accept(
    cx: Cx<AcceptOffer>,
    State(scheduling): State<Arc<Scheduling>>,
    PathIds(id): PathIds<EntryId>,
) -> Outcome {
    cx.replayed(&scheduling.db).await?;
    let entry = {
        let mut connection = scheduling.db.pool().acquire().await.map_err(Error::from)?;
        let entry = store::get(&mut *connection, id)
            .await?
            .ok_or_else(Problem::not_found)?;
        reach(cx.scope(), &mut connection, entry.patient).await?;
        entry
    };
    cx.expect_version(entry.version)?;
    let offer = entry.open_offer(cx.now())?;
    let (admitted, offered) = tokio::join!(
        scheduling.admission.admit(
            entry.patient,
            offer.practitioner,
            offer.during,
            entry.service_type,
        ),
        scheduling.prices.offer(
            entry.patient,
            entry.service_type,
            entry.payment_mode,
            offer.during,
            None,
        )
    );
    let patient = admitted?;
    let pricing = offered.affordable().map_err(AppointmentError::from)?;
    let order = Order {
        patient,
        practitioner: offer.practitioner,
        during: offer.during,
        service_type: entry.service_type,
        payment_mode: entry.payment_mode,
        reason: None,
        series: None,
        replaces: None,
        by: Some(cx.principal()?.user_id),
        pricing,
    };
    let mut attempts = Attempts::default();
    loop {
        let outcome = book(&cx, &scheduling, &entry, order.clone()).await;
        if !attempts.again(&outcome) {
            return outcome;
        }
    }
}

async fn book(
    cx: &Cx<AcceptOffer>,
    scheduling: &Scheduling,
    seen: &Entry,
    order: Order,
) -> Result<Answer, Halt> {
    let mut tx = cx.begin(&scheduling.db).await?;
    let entry = store::get_for_change(&mut tx, seen.id)
        .await?
        .ok_or_else(Problem::not_found)?;
    // What was asked about is what is booked: another offer is another question.
    let offer = entry.open_offer(cx.now())?;
    if entry.version != seen.version {
        return Err(AppointmentError::Changed.into());
    }
    let appointment = scheduling
        .placing
        .place(&mut tx, order, Some(offer.id.uuid()))
        .await?;
    store::change(&mut tx, &entry.booked(appointment.id)).await?;
    tx.cancel_timer(OFFER_EXPIRY, &seen.id.to_string()).await?;
    let location = format!("/api/v1/appointments/{}", appointment.id);
    let version = appointment.version;
    let view = AppointmentView::open(&scheduling.vault, &mut tx, appointment).await?;
    tx.commit(Answer::created(&view).version(version).location(&location))
        .await
}
