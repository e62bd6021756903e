//! `GET /payers/{id}`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_service::{Answer, Cx, Needs, Outcome, PathIds, Requires};

use super::model::{PayerError, PayerId};
use super::store;
use super::view::PayerView;
use crate::Billing;

/// One payer is wanted.
pub struct GetPayer;

impl Requires for GetPayer {
    const NEEDS: Needs = Needs::Permission(Permission::CatalogueRead);
}

/// Shows one payer.
#[utoipa::path(
    get,
    path = "/payers/{id}",
    operation_id = "getPayer",
    tag = "billing",
    params(("id" = uuid::Uuid, Path, description = "The payer.")),
    responses((status = 200, description = "The payer.", body = PayerView)),
)]
pub async fn get(
    _: Cx<GetPayer>,
    State(billing): State<Arc<Billing>>,
    PathIds(id): PathIds<PayerId>,
) -> Outcome {
    let payer = store::get(billing.db.pool(), id)
        .await?
        .ok_or(PayerError::Unknown)?;
    let version = payer.version;
    Ok(Answer::ok(&PayerView::from(payer)).version(version))
}
