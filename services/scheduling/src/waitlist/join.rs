//! `POST /waitlist`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::ids::{PatientId, PractitionerId};
use galen_kernel::{Problem, Timestamp, Violations, text};
use galen_service::{Answer, Body, Cx, Needs, Outcome, Requires};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::{Entry, State as EntryState, Wish};
use super::store;
use super::view::EntryView;
use crate::interval::Interval;
use crate::service_type::{PaymentMode, ServiceType};
use crate::{Scheduling, field};

/// Somebody who wants to wait.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JoinWaitlist {
    /// Who.
    pub patient_id: Uuid,
    /// With this practitioner; either this or a specialty.
    pub practitioner_id: Option<Uuid>,
    /// With anybody who practises this; case does not matter.
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
        example = "Cardiology"
    )]
    pub specialty: Option<String>,
    /// What for; it decides how long the slot must be.
    pub service_type: ServiceType,
    /// Who is to pay.
    #[serde(default)]
    pub payment_mode: PaymentMode,
    /// Not before.
    #[schema(example = "2026-03-02T00:00:00+01:00")]
    pub earliest: Timestamp,
    /// Over by then; in the future, within two years, with room for the service.
    #[schema(example = "2026-03-31T00:00:00+02:00")]
    pub latest: Timestamp,
}

impl Requires for JoinWaitlist {
    const NEEDS: Needs = Needs::Permission(Permission::AppointmentBook);
}

impl JoinWaitlist {
    fn parse(&self, now: Timestamp) -> Result<(Wish, Interval), Problem> {
        let mut wrong = Violations::new();
        let window = field::window(
            &mut wrong,
            ("/earliest", self.earliest),
            ("/latest", self.latest),
        );
        if let Some(window) = window {
            let horizon = now.saturating_add(field::HORIZON).unwrap_or(now);
            let room = Interval::new(window.start().max(now), window.end())
                .is_ok_and(|left| left.length() >= self.service_type.length());
            wrong.require(
                window.end() > now,
                "/latest",
                "IN_THE_PAST",
                "must be in the future",
            );
            wrong.require(
                window.end() <= horizon,
                "/latest",
                "TOO_FAR_AHEAD",
                "must be within two years",
            );
            wrong.require(
                room,
                "/latest",
                "TOO_SHORT",
                "must leave room for the service",
            );
        }
        let wish = match (self.practitioner_id, self.specialty.as_deref()) {
            (Some(id), None) => Some(Wish::Practitioner(PractitionerId::from_uuid(id))),
            (None, Some(given)) => {
                text::paragraphs(&mut wrong, "/specialty", given, 100).map(Wish::Specialty)
            }
            _ => {
                wrong.push(
                    "/practitionerId",
                    "ONE_OF",
                    "exactly one of practitionerId and specialty must be given",
                );
                None
            }
        };
        field::accept(wrong, wish.zip(window))
    }
}

/// Puts a patient on the waitlist.
#[utoipa::path(
    post,
    path = "/waitlist",
    operation_id = "joinWaitlist",
    tag = "scheduling",
    request_body = JoinWaitlist,
    responses((status = 201, description = "Waits.", body = EntryView)),
)]
pub async fn join(
    cx: Cx<JoinWaitlist>,
    State(scheduling): State<Arc<Scheduling>>,
    Body(request): Body<JoinWaitlist>,
) -> Outcome {
    let (wish, window) = request.parse(cx.now())?;
    let patient = PatientId::from_uuid(request.patient_id);
    cx.reach_patient(patient)?;
    cx.replayed(&scheduling.db).await?;
    let patient = scheduling.admission.patient(patient).await?;
    let entry = Entry {
        id: cx.clock().id(),
        patient,
        wish,
        service_type: request.service_type,
        payment_mode: request.payment_mode,
        window,
        state: EntryState::Waiting,
        created_at: cx.now(),
        version: 1,
    };
    let mut tx = cx.begin(&scheduling.db).await?;
    store::insert(&mut tx, &entry).await?;
    let (location, version) = (format!("/api/v1/waitlist/{}", entry.id), entry.version);
    tx.commit(
        Answer::created(&EntryView::from(entry))
            .version(version)
            .location(&location),
    )
    .await
}
