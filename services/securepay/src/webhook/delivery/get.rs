//! `GET /webhook-deliveries/{id}`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::Problem;
use galen_service::{Answer, Cx, Needs, Outcome, PathIds, Requires};

use super::view::{AttemptView, DeliveryView, HistoryView};
use super::{DeliveryId, store};
use crate::SecurePay;

/// Most attempts that are shown.
const SHOWN: i64 = 100;

/// One delivery is wanted.
pub(crate) struct GetDelivery;

impl Requires for GetDelivery {
    const NEEDS: Needs = Needs::Permission(Permission::WebhookManage);
}

/// Shows one delivery with its attempts.
#[utoipa::path(
    get,
    path = "/webhook-deliveries/{id}",
    operation_id = "getWebhookDelivery",
    tag = "securepay",
    params(("id" = uuid::Uuid, Path, description = "The delivery.")),
    responses((status = 200, description = "The delivery.", body = HistoryView)),
)]
pub(crate) async fn get(
    _: Cx<GetDelivery>,
    State(s): State<Arc<SecurePay>>,
    PathIds(id): PathIds<DeliveryId>,
) -> Outcome {
    let delivery = store::by_id(s.db.pool(), id)
        .await?
        .ok_or_else(Problem::not_found)?;
    let body = store::body(s.db.pool(), delivery.message).await?;
    let attempts = store::attempts(s.db.pool(), id, SHOWN).await?;
    Ok(Answer::ok(&HistoryView {
        delivery: DeliveryView::from(&delivery),
        body,
        attempts: attempts.into_iter().map(AttemptView::from).collect(),
    }))
}
