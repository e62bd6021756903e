//! `POST /webhook-deliveries/{id}/retry`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::Problem;
use galen_service::{Answer, Cx, Needs, Outcome, PathIds, Requires};
use http::StatusCode;

use super::view::DeliveryView;
use super::{DeliveryId, store};
use crate::SecurePay;
use crate::webhook::endpoint;
use crate::webhook::endpoint::model::EndpointError;

/// A delivery is wanted again.
pub(crate) struct RetryDelivery;

impl Requires for RetryDelivery {
    const NEEDS: Needs = Needs::Permission(Permission::WebhookManage);
}

/// Sends a delivery again, now and with the whole schedule after it, also one that was
/// delivered. It has the same `webhook-id`.
#[utoipa::path(
    post,
    path = "/webhook-deliveries/{id}/retry",
    operation_id = "retryWebhookDelivery",
    tag = "securepay",
    params(("id" = uuid::Uuid, Path, description = "The delivery.")),
    responses((status = 202, description = "It will be sent.", body = DeliveryView)),
)]
pub(crate) async fn retry(
    cx: Cx<RetryDelivery>,
    State(s): State<Arc<SecurePay>>,
    PathIds(id): PathIds<DeliveryId>,
) -> Outcome {
    let mut tx = cx.begin(&s.db).await?;
    let delivery = store::lock(tx.conn(), id)
        .await?
        .ok_or_else(Problem::not_found)?;
    let endpoint = endpoint::store::by_id(tx.conn(), delivery.endpoint)
        .await?
        .ok_or_else(Problem::not_found)?;
    if endpoint.disabled.is_some() {
        return Err(EndpointError::Disabled.into());
    }
    store::send_again(tx.conn(), id, cx.now()).await?;
    let delivery = store::by_id(tx.conn(), id)
        .await?
        .ok_or_else(Problem::not_found)?;
    tx.ring(&s.webhooks.bell);
    let answer = Answer::json(StatusCode::ACCEPTED, &DeliveryView::from(&delivery));
    tx.commit(answer).await
}
