//! `GET /practitioners/{id}/availability`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::ids::PractitionerId;
use galen_kernel::{Problem, Timestamp, Violations};
use galen_service::{Answer, Cx, Needs, Outcome, Params, PathIds, Requires};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::model::{ServiceType, Unavailable, decide};
use super::store;
use crate::interval::Interval;
use crate::practitioner::model::PractitionerError;
use crate::{Staff, field};

/// No appointment is longer; bounds what one question can make the database read.
pub const LONGEST: SignedDuration = SignedDuration::from_hours(7 * 24);

/// When, and what for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CheckAvailability {
    /// From then on.
    pub start: Timestamp,
    /// Up to then; after the start and at most seven days later.
    pub end: Timestamp,
    /// What the patient comes for.
    #[param(inline)]
    pub service_type: ServiceType,
}

impl Requires for CheckAvailability {
    const NEEDS: Needs = Needs::Permission(Permission::SlotRead);
}

impl CheckAvailability {
    fn parse(self) -> Result<(Interval, ServiceType), Problem> {
        let mut wrong = Violations::new();
        let wanted = field::interval(&mut wrong, ("?start", self.start), ("?end", self.end));
        let bearable = wanted.is_none_or(|wanted| wanted.length() <= LONGEST);
        wrong.require(
            bearable,
            "?end",
            "TOO_LONG",
            "must be at most seven days after the start",
        );
        Ok((field::accept(wrong, wanted)?, self.service_type))
    }
}

/// Whether a practitioner works in an interval.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PractitionerAvailability)]
#[serde(rename_all = "camelCase")]
pub struct AvailabilityView {
    /// Works in all of it. Bookings are not considered.
    pub available: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason_code: Option<Unavailable>,
    /// The same for a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<&'static str>,
}

/// Tells whether a practitioner works in a whole interval and offers the service:
/// shifts and leave, not bookings.
#[utoipa::path(
    get,
    path = "/practitioners/{id}/availability",
    operation_id = "checkAvailability",
    tag = "staff",
    params(("id" = Uuid, Path, description = "The practitioner."), CheckAvailability),
    responses((status = 200, description = "Yes, or no and why.", body = AvailabilityView)),
)]
pub async fn check(
    _cx: Cx<CheckAvailability>,
    State(staff): State<Arc<Staff>>,
    PathIds(practitioner): PathIds<PractitionerId>,
    Params(query): Params<CheckAvailability>,
) -> Outcome {
    let (wanted, service) = query.parse()?;
    let facts = store::facts(staff.db.pool(), practitioner, wanted)
        .await?
        .ok_or(PractitionerError::Unknown)?;
    let reason = decide(Some(&facts), wanted, service).err();
    Ok(Answer::ok(&AvailabilityView {
        available: reason.is_none(),
        reason_code: reason,
        message: reason.map(Unavailable::message),
    }))
}
