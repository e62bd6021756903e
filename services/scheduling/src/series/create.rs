//! `POST /appointment-series`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::ids::{PatientId, PractitionerId};
use galen_kernel::{Pii, Problem, Timestamp, Violations};
use galen_service::{Answer, Body, Command, Cx, Halt, Needs, Outcome, Requires};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::{Conflict, Frequency, OnConflict, Reason, Recurrence, Series, length};
use super::store;
use super::view::{ConflictView, SeriesView};
use crate::appointment::error::{AppointmentError, Attempts};
use crate::appointment::model::Appointment;
use crate::appointment::placing::Order;
use crate::appointment::view::AppointmentView;
use crate::appointment::words::Words;
use crate::interval::Interval;
use crate::price::{Pricing, Told, affordable_together};
use crate::service_type::{PaymentMode, ServiceType};
use crate::{Scheduling, field, roster};

/// A series to be booked.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateSeries {
    /// For whom.
    pub patient_id: Uuid,
    /// With whom.
    pub practitioner_id: Uuid,
    /// When the first one begins; the others begin at the same time of day.
    #[schema(example = "2026-03-02T09:00:00+01:00")]
    pub first_start: Timestamp,
    /// How long each one takes.
    #[schema(minimum = 5, maximum = 720, example = 30)]
    pub duration_minutes: i16,
    /// What for.
    pub service_type: ServiceType,
    /// How often.
    pub frequency: Frequency,
    /// Every how many days, weeks or months.
    #[schema(minimum = 1, maximum = 12, example = 1)]
    pub interval: i16,
    /// How many.
    #[schema(minimum = 1, maximum = 52, example = 10)]
    pub count: i16,
    /// What to do about those that cannot be booked.
    pub on_conflict: OnConflict,
    /// Who is to pay.
    #[serde(default)]
    pub payment_mode: PaymentMode,
    /// In the patient's words.
    #[schema(
        min_length = 1,
        max_length = 500,
        pattern = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$",
        example = "Physiotherapy of the knee"
    )]
    pub reason: Option<String>,
}

impl Requires for CreateSeries {
    const NEEDS: Needs = Needs::Permission(Permission::AppointmentBook);
}

struct Wish {
    recurrence: Recurrence,
    occurrences: Vec<Interval>,
    reason: Option<Pii<Words>>,
}

impl CreateSeries {
    fn parse(&self, now: Timestamp, zone: &jiff::tz::TimeZone) -> Result<Wish, Problem> {
        let mut wrong = Violations::new();
        wrong.require(
            (1..=12).contains(&self.interval),
            "/interval",
            "OUT_OF_RANGE",
            "must be 1 to 12",
        );
        wrong.require(
            (1..=52).contains(&self.count),
            "/count",
            "OUT_OF_RANGE",
            "must be 1 to 52",
        );
        let lasts = (5..=720).contains(&self.duration_minutes);
        wrong.require(
            lasts,
            "/durationMinutes",
            "OUT_OF_RANGE",
            "must be 5 to 720",
        );
        let reason = self
            .reason
            .as_deref()
            .and_then(|given| Words::paragraphs(&mut wrong, "/reason", given))
            .map(Pii::new);
        let end = self
            .first_start
            .checked_add(length(if lasts { self.duration_minutes } else { 5 }))
            .unwrap_or(Timestamp::MAX);
        let first = field::bookable(
            &mut wrong,
            ("/firstStart", self.first_start),
            ("/firstStart", end),
            now,
        );
        let first = field::accept(wrong, first)?;
        let recurrence = Recurrence {
            first,
            frequency: self.frequency,
            every: self.interval,
            count: self.count,
        };
        let horizon = now.saturating_add(field::HORIZON).unwrap_or(now);
        let occurrences = recurrence
            .occurrences(zone)
            .filter(|all| all.last().is_none_or(|last| last.start() <= horizon));
        let occurrences = occurrences.ok_or_else(|| {
            Problem::invalid_field("/count", "TOO_FAR_AHEAD", "must all be within two years")
        })?;
        Ok(Wish {
            recurrence,
            occurrences,
            reason,
        })
    }
}

/// Books the same appointment again and again, at the same time of day on the
/// hospital's clocks. Occurrences that cannot be booked are skipped and told, or
/// keep the whole series from being booked, as wished. Where the hospital is paid before,
/// the patient's wallet must have as much as is asked for all that can be booked.
#[utoipa::path(
    post,
    path = "/appointment-series",
    operation_id = "createAppointmentSeries",
    tag = "scheduling",
    request_body = CreateSeries,
    responses((status = 201, description = "Booked, as far as possible.", body = SeriesView)),
)]
pub async fn create(
    cx: Cx<CreateSeries>,
    State(scheduling): State<Arc<Scheduling>>,
    Body(request): Body<CreateSeries>,
) -> Outcome {
    let wish = request.parse(cx.now(), &scheduling.zone)?;
    let patient = PatientId::from_uuid(request.patient_id);
    let practitioner = PractitionerId::from_uuid(request.practitioner_id);
    cx.reach_patient(patient)?;
    cx.replayed(&scheduling.db).await?;
    let (admitted, offers) = tokio::join!(
        scheduling.admission.patient(patient),
        scheduling.prices.offers(
            patient,
            request.service_type,
            request.payment_mode,
            wish.occurrences.clone(),
        )
    );
    let patient = admitted?;
    let order = Order {
        patient,
        practitioner,
        during: wish.recurrence.first,
        service_type: request.service_type,
        payment_mode: request.payment_mode,
        reason: wish.reason.clone(),
        series: Some(cx.clock().id()),
        replaces: None,
        by: Some(cx.principal()?.user_id),
        pricing: Pricing::Unpriced,
    };
    let mut attempts = Attempts::default();
    loop {
        let outcome = book(
            &cx,
            &scheduling,
            &wish,
            &order,
            &offers,
            request.on_conflict,
        )
        .await;
        if !attempts.again(&outcome) {
            return outcome;
        }
    }
}

async fn book(
    cx: &Cx<CreateSeries>,
    scheduling: &Scheduling,
    wish: &Wish,
    order: &Order,
    offers: &[Told],
    on_conflict: OnConflict,
) -> Result<Answer, Halt> {
    let mut tx = cx.begin(&scheduling.db).await?;
    let series = Series {
        id: order
            .series
            .ok_or_else(|| Problem::internal("an occurrence belongs to its series"))?,
        patient: order.patient,
        practitioner: order.practitioner,
        service_type: order.service_type,
        recurrence: wish.recurrence,
        created_by: cx.principal()?.user_id,
        created_at: cx.now(),
        cancelled_at: None,
        version: 1,
    };
    store::insert(&mut tx, &series).await?;
    let (booked, conflicts) = place_all(&mut tx, scheduling, wish, order, offers).await?;
    if on_conflict == OnConflict::Fail && !conflicts.is_empty() {
        return Err(in_conflict(conflicts).into());
    }
    store::insert_conflicts(&mut tx, series.id, &conflicts).await?;
    let location = format!("/api/v1/appointment-series/{}", series.id);
    let booked = AppointmentView::open_all(&scheduling.vault, &mut tx, booked).await?;
    let view = SeriesView::of(&series, booked, conflicts);
    tx.commit(
        Answer::created(&view)
            .version(series.version)
            .location(&location),
    )
    .await
}

/// Places every occurrence. Whether the practitioner works is read from the roster,
/// for all at once: each booking's process has staff verify it, as for any other.
async fn place_all(
    tx: &mut Command,
    scheduling: &Scheduling,
    wish: &Wish,
    order: &Order,
    offers: &[Told],
) -> Result<(Vec<Appointment>, Vec<Conflict>), AppointmentError> {
    let covered = roster::store::covered(
        tx.conn(),
        order.practitioner,
        order.service_type,
        &wish.occurrences,
    )
    .await?;
    let (mut booked, mut conflicts, mut told) = (Vec::new(), Vec::new(), Vec::new());
    for ((during, works), offer) in wish.occurrences.iter().zip(covered).zip(offers) {
        let conflict = |reason| Conflict {
            start: during.start(),
            reason,
        };
        if !works {
            conflicts.push(conflict(Reason::PractitionerUnavailable));
            continue;
        }
        match scheduling
            .placing
            .place(
                tx,
                Order {
                    during: *during,
                    pricing: offer.pricing(),
                    ..order.clone()
                },
                None,
            )
            .await
        {
            Ok(appointment) => {
                booked.push(appointment);
                told.push(*offer);
            }
            // The insert left nothing behind: the transaction goes on.
            Err(AppointmentError::SlotTaken) => conflicts.push(conflict(Reason::SlotTaken)),
            Err(AppointmentError::PatientBusy) => conflicts.push(conflict(Reason::PatientBusy)),
            Err(error) => return Err(error),
        }
    }
    affordable_together(&told)?;
    Ok((booked, conflicts))
}

fn in_conflict(conflicts: Vec<Conflict>) -> Problem {
    let conflicts: Vec<ConflictView> = conflicts.into_iter().map(ConflictView::from).collect();
    let conflicts = serde_json::to_value(conflicts).expect("views are plain data");
    Problem::conflict(
        "SERIES_CONFLICT",
        "Some of the appointments cannot be booked.",
    )
    .with("conflicts", conflicts)
}
