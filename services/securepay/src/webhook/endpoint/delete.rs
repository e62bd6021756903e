//! `DELETE /webhook-endpoints/{id}`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::Problem;
use galen_service::{Answer, Cx, Needs, Outcome, PathIds, Requires};

use super::{EndpointId, store};
use crate::SecurePay;

/// An endpoint that is to go.
pub(crate) struct DeleteEndpoint;

impl Requires for DeleteEndpoint {
    const NEEDS: Needs = Needs::Permission(Permission::WebhookManage);
}

/// Deletes an endpoint with its deliveries; what waits for it is never sent.
#[utoipa::path(
    delete,
    path = "/webhook-endpoints/{id}",
    operation_id = "deleteWebhookEndpoint",
    tag = "securepay",
    params(("id" = uuid::Uuid, Path, description = "The endpoint.")),
    responses((status = 204, description = "Deleted.")),
)]
pub(crate) async fn delete(
    cx: Cx<DeleteEndpoint>,
    State(s): State<Arc<SecurePay>>,
    PathIds(id): PathIds<EndpointId>,
) -> Outcome {
    let mut tx = cx.begin(&s.db).await?;
    let endpoint = store::lock(tx.conn(), id)
        .await?
        .ok_or_else(Problem::not_found)?;
    cx.expect_version(endpoint.version)?;
    store::delete(tx.conn(), id).await?;
    tx.commit(Answer::no_content()).await
}
