//! `GET /webhook-endpoints/{id}`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::Problem;
use galen_service::{Cx, Needs, Outcome, PathIds, Requires};
use galen_storage::Error;
use http::StatusCode;

use super::{EndpointId, store, view};
use crate::SecurePay;

/// One endpoint is wanted.
pub(crate) struct GetEndpoint;

impl Requires for GetEndpoint {
    const NEEDS: Needs = Needs::Permission(Permission::WebhookManage);
}

/// Shows one endpoint.
#[utoipa::path(
    get,
    path = "/webhook-endpoints/{id}",
    operation_id = "getWebhookEndpoint",
    tag = "securepay",
    params(("id" = uuid::Uuid, Path, description = "The endpoint.")),
    responses((status = 200, description = "The endpoint.", body = view::EndpointView)),
)]
pub(crate) async fn get(
    _: Cx<GetEndpoint>,
    State(s): State<Arc<SecurePay>>,
    PathIds(id): PathIds<EndpointId>,
) -> Outcome {
    let mut connection = s.db.pool().acquire().await.map_err(Error::from)?;
    let endpoint = store::by_id(&mut *connection, id)
        .await?
        .ok_or_else(Problem::not_found)?;
    let view = view::show_one(&s.vault, &mut connection, &endpoint).await?;
    Ok(view.answer(StatusCode::OK))
}
