//! `POST /webhook-endpoints/{id}/test`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::Problem;
use galen_service::{Answer, Cx, Needs, Outcome, PathIds, Requires};
use http::StatusCode;

use super::model::EndpointError;
use super::{EndpointId, store};
use crate::SecurePay;
use crate::webhook::delivery;
use crate::webhook::delivery::view::DeliveryView;
use crate::webhook::message::Message;

/// Somebody wants to see a message arrive.
pub(crate) struct TestEndpoint;

impl Requires for TestEndpoint {
    const NEEDS: Needs = Needs::Permission(Permission::WebhookManage);
}

/// Sends a message of type `webhook.test` to an endpoint, whatever it listens to.
#[utoipa::path(
    post,
    path = "/webhook-endpoints/{id}/test",
    operation_id = "testWebhookEndpoint",
    tag = "securepay",
    params(("id" = uuid::Uuid, Path, description = "The endpoint.")),
    responses((status = 202, description = "It will be sent.", body = DeliveryView)),
)]
pub(crate) async fn try_out(
    cx: Cx<TestEndpoint>,
    State(s): State<Arc<SecurePay>>,
    PathIds(id): PathIds<EndpointId>,
) -> Outcome {
    let mut tx = cx.begin(&s.db).await?;
    let endpoint = store::lock(tx.conn(), id)
        .await?
        .ok_or_else(Problem::not_found)?;
    if endpoint.disabled.is_some() {
        return Err(EndpointError::Disabled.into());
    }
    let message = Message::test(cx.clock().uuid(), id.uuid(), cx.now());
    let delivery = cx.clock().id();
    let due = [(delivery, id, message.id)];
    delivery::store::enqueue(tx.conn(), &[message], &due, cx.now()).await?;
    let stored = delivery::store::by_id(tx.conn(), delivery)
        .await?
        .ok_or_else(Problem::not_found)?;
    tx.ring(&s.webhooks.bell);
    let location = format!("/api/v1/webhook-deliveries/{delivery}");
    let answer = Answer::json(StatusCode::ACCEPTED, &DeliveryView::from(&stored));
    tx.commit(answer.location(&location)).await
}
