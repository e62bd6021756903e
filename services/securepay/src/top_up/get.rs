//! `GET /top-ups/{id}`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_service::{Answer, Cx, Needs, Outcome, PathIds, Requires};
use uuid::Uuid;

use crate::SecurePay;
use crate::provider::Direction;
use crate::provider::order::find;
use crate::provider::order::view::OrderView;

/// One top-up is wanted.
pub struct GetTopUp;

impl Requires for GetTopUp {
    const NEEDS: Needs = Needs::Permission(Permission::PaymentRead);
}

/// Shows what became of a top-up.
#[utoipa::path(
    get,
    path = "/top-ups/{id}",
    operation_id = "getTopUp",
    tag = "securepay",
    params(("id" = Uuid, Path, description = "The top-up.")),
    responses((status = 200, description = "The top-up.", body = OrderView)),
)]
pub async fn get(
    cx: Cx<GetTopUp>,
    State(s): State<Arc<SecurePay>>,
    PathIds(id): PathIds<Uuid>,
) -> Outcome {
    let order = find::get(&cx, &s, Direction::In, id).await?;
    Ok(Answer::ok(&OrderView::from(&order)).version(order.version))
}
