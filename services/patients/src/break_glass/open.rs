//! Breaking the glass.

use std::sync::Arc;

use axum::extract::State;
use galen_access::{Permission, Scope};
use galen_contracts::convert::to_wire;
use galen_contracts::ids::PatientId;
use galen_contracts::patients::v1::BreakGlassOpened;
use galen_eventing::Publish as _;
use galen_kernel::{Problem, Timestamp, Violations};
use galen_service::{Answer, Body, Cx, Needs, Outcome, PathIds, Requires};
use serde::Deserialize;
use utoipa::ToSchema;

use super::model::{self, BreakGlass};
use super::store;
use super::view::BreakGlassView;
use crate::text::Text;
use crate::{Patients, patient};

/// Opens the record of somebody whom the caller does not care for.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BreakTheGlass {
    /// Why. The patient reads it.
    #[schema(
        min_length = 1,
        max_length = 500,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
        examples("Unconscious in the emergency room")
    )]
    reason: String,
    /// For how long.
    #[schema(minimum = 1, maximum = 480, examples(60))]
    minutes: u16,
}

impl Requires for BreakTheGlass {
    const NEEDS: Needs = Needs::Permission(Permission::BreakGlass);
}

/// Break the glass
///
/// In an emergency: for some minutes, the account reaches the record as if it cared for
/// the patient. It is recorded for good and shown to the patient, who is told, and
/// somebody else will judge it. For those who treat, and otherwise see only the
/// patients they care for; a longer emergency needs another reason.
#[utoipa::path(
    post,
    path = "/patients/{id}/break-glass",
    operation_id = "breakGlass",
    tag = "patients",
    params(("id" = uuid::Uuid, Path, description = "Id of the record")),
    request_body = BreakTheGlass,
    responses((status = 201, description = "The record is open.", body = BreakGlassView)),
)]
pub async fn open(
    cx: Cx<BreakTheGlass>,
    State(s): State<Arc<Patients>>,
    PathIds(id): PathIds<PatientId>,
    Body(request): Body<BreakTheGlass>,
) -> Outcome {
    let Scope::Care { practitioner, .. } = cx.scope() else {
        return Err(Problem::forbidden()
            .with_detail("the glass is broken by those who see only whom they care for")
            .into());
    };
    let mut violations = Violations::new();
    let reason = Text::line(&mut violations, "/reason", &request.reason);
    let duration = model::duration(&mut violations, request.minutes);
    violations.finish()?;
    let reason =
        reason.ok_or_else(|| Problem::internal("a field was refused without a violation"))?;

    cx.because("BREAK_GLASS");
    let mut tx = cx.begin(&s.db).await?;
    patient::store::find(&mut tx, id)
        .await?
        .ok_or_else(Problem::not_found)?;
    let glass = BreakGlass {
        id: cx.clock().id(),
        patient_id: id,
        user_id: cx.principal()?.user_id,
        practitioner_id: practitioner,
        reason,
        opened_at: cx.now(),
        until: cx.now().checked_add(duration).unwrap_or(Timestamp::MAX),
        review: None,
    };
    store::insert(&s.vault, &mut tx, &glass).await?;
    tx.publish(&BreakGlassOpened {
        patient_id: glass.patient_id.to_string(),
        break_glass_id: glass.id.to_string(),
        user_id: glass.user_id.to_string(),
        practitioner_id: glass.practitioner_id.to_string(),
        opened_at: Some(to_wire(glass.opened_at)),
        until: Some(to_wire(glass.until)),
    });
    let version = glass.version();
    tx.commit(Answer::created(&BreakGlassView::from(glass)).version(version))
        .await
}
