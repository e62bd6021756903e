//! `POST /charges/{id}/void`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::billing::v1::ChargeVoided;
use galen_eventing::Publish as _;
use galen_service::{Answer, Cx, Needs, Outcome, PathIds, Requires};

use super::error::ChargeError;
use super::model::ChargeId;
use super::store::{self, Row};
use super::view::ChargeView;
use crate::{Billing, prepayment};

/// A charge is to be taken back.
pub struct VoidCharge;

impl Requires for VoidCharge {
    const NEEDS: Needs = Needs::Permission(Permission::InvoiceManage);
}

/// Takes a charge back that is on no invoice. What was paid before the appointment goes back
/// to the wallet that it came from.
#[utoipa::path(
    post,
    path = "/charges/{id}/void",
    operation_id = "voidCharge",
    tag = "billing",
    params(("id" = uuid::Uuid, Path, description = "The charge.")),
    responses((status = 200, description = "Taken back.", body = ChargeView)),
)]
pub async fn void(
    cx: Cx<VoidCharge>,
    State(billing): State<Arc<Billing>>,
    PathIds(id): PathIds<ChargeId>,
) -> Outcome {
    let mut tx = cx.begin(&billing.db).await?;
    let prepaid = prepayment::store::lock_of_charges(&mut tx, &[id.uuid()]).await?;
    let row = store::get_for_change(&mut tx, id)
        .await?
        .ok_or(ChargeError::Unknown)?;
    cx.reach_patient(row.charge.patient)?;
    cx.expect_version(row.charge.version)?;
    let charge = row.charge.voided()?;
    store::change(&mut tx, &charge).await?;
    tx.publish(&ChargeVoided {
        charge_id: charge.id.to_string(),
        patient_id: charge.patient.to_string(),
    });
    for prepayment in prepaid {
        billing.prepayments.compare(&mut tx, prepayment).await?;
    }
    let version = charge.version;
    let row = Row {
        charge,
        reason: row.reason,
    };
    let view = ChargeView::open(&billing.vault, &mut tx, row).await?;
    tx.commit(Answer::ok(&view).version(version)).await
}
