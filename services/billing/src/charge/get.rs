//! `GET /charges/{id}`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_service::{Answer, Cx, Needs, Outcome, PathIds, Requires};
use galen_storage::Error;

use super::error::ChargeError;
use super::model::ChargeId;
use super::store;
use super::view::ChargeView;
use crate::Billing;

/// One charge is wanted.
pub struct GetCharge;

impl Requires for GetCharge {
    const NEEDS: Needs = Needs::Permission(Permission::InvoiceRead);
}

/// Shows one charge.
#[utoipa::path(
    get,
    path = "/charges/{id}",
    operation_id = "getCharge",
    tag = "billing",
    params(("id" = uuid::Uuid, Path, description = "The charge.")),
    responses((status = 200, description = "The charge.", body = ChargeView)),
)]
pub async fn get(
    cx: Cx<GetCharge>,
    State(billing): State<Arc<Billing>>,
    PathIds(id): PathIds<ChargeId>,
) -> Outcome {
    let mut connection = billing.db.pool().acquire().await.map_err(Error::from)?;
    let row = store::get(&mut *connection, id)
        .await?
        .ok_or(ChargeError::Unknown)?;
    cx.reach_patient(row.charge.patient)?;
    let version = row.charge.version;
    let view = ChargeView::open(&billing.vault, &mut connection, row).await?;
    Ok(Answer::ok(&view).version(version))
}
