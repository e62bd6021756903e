//! Breaking the glass.

use std::sync::Arc;

use axum::extract::State;
use galen_access::{Permission, Scope};
use galen_contracts::convert::to_wire;
use galen_contracts::ids::{PatientId, PractitionerId};
use galen_contracts::patients::v1::BreakGlassOpened;
use galen_eventing::Publish as _;
use galen_kernel::{Problem, Text, Timestamp, Violations};
use galen_service::{Answer, Body, Command, Cx, Needs, Outcome, PathIds, Requires};
use galen_vault::Vault;
use jiff::SignedDuration;
use serde::Deserialize;
use utoipa::ToSchema;

use super::model::{self, BreakGlass};
use super::store;
use super::view::BreakGlassView;
use crate::mrn::Mrn;
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
    let emergency = Emergency::read(&cx, &request.reason, request.minutes)?;
    let mut tx = cx.begin(&s.db).await?;
    patient::store::find(&mut tx, id)
        .await?
        .ok_or_else(Problem::not_found)?;
    emergency.open(&s.vault, tx, &cx, id).await
}

/// Opens the record of somebody of whom only the number is known: it is on their
/// wristband or card.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BreakTheGlassByNumber {
    /// Medical record number, with its check digits. That of a merged record opens the
    /// record that stands for the person.
    #[schema(
        max_length = 40,
        pattern = "^[ -]*[A-Za-z]([ -]*[A-Za-z]){0,3}([ -]*[0-9]){9,12}[ -]*$",
        examples("G-0000123-58")
    )]
    mrn: String,
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

impl Requires for BreakTheGlassByNumber {
    const NEEDS: Needs = Needs::Permission(Permission::BreakGlass);
}

/// Break the glass by record number
///
/// As with the record's id, for those who cannot look it up: who sees only the patients
/// they care for finds no others.
#[utoipa::path(
    post,
    path = "/break-glass",
    operation_id = "breakGlassByNumber",
    tag = "patients",
    request_body = BreakTheGlassByNumber,
    responses((status = 201, description = "The record is open.", body = BreakGlassView)),
)]
pub async fn open_by_number(
    cx: Cx<BreakTheGlassByNumber>,
    State(s): State<Arc<Patients>>,
    Body(request): Body<BreakTheGlassByNumber>,
) -> Outcome {
    let mrn: Mrn = request
        .mrn
        .parse()
        .map_err(|error| patient::search::invalid_mrn("/mrn", error))?;
    let emergency = Emergency::read(&cx, &request.reason, request.minutes)?;
    let mut tx = cx.begin(&s.db).await?;
    let id = store::survivor_by_mrn(&mut tx, &mrn)
        .await?
        .ok_or_else(Problem::not_found)?;
    emergency.open(&s.vault, tx, &cx, id).await
}

/// Somebody's wish to break the glass, of which all is known but to whom.
struct Emergency {
    practitioner: PractitionerId,
    reason: Text<500>,
    duration: SignedDuration,
}

impl Emergency {
    fn read<R: Requires>(cx: &Cx<R>, reason: &str, minutes: u16) -> Result<Self, Problem> {
        let Scope::Care { practitioner, .. } = cx.scope() else {
            return Err(Problem::forbidden()
                .with_detail("the glass is broken by those who see only whom they care for"));
        };
        let mut violations = Violations::new();
        let reason = Text::line(&mut violations, "/reason", reason);
        let duration = model::duration(&mut violations, minutes);
        violations.finish()?;
        Ok(Self {
            practitioner,
            reason: reason
                .ok_or_else(|| Problem::internal("a field was refused without a violation"))?,
            duration,
        })
    }

    async fn open<R: Requires>(
        self,
        vault: &Vault,
        mut tx: Command,
        cx: &Cx<R>,
        patient: PatientId,
    ) -> Outcome {
        cx.concerns(patient);
        cx.because("BREAK_GLASS");
        let glass = BreakGlass {
            id: cx.clock().id(),
            patient_id: patient,
            user_id: cx.principal()?.user_id,
            practitioner_id: self.practitioner,
            reason: self.reason,
            opened_at: cx.now(),
            until: cx
                .now()
                .checked_add(self.duration)
                .unwrap_or(Timestamp::MAX),
            review: None,
        };
        store::insert(vault, &mut tx, &glass).await?;
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
}
