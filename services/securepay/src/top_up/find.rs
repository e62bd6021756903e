//! `GET /top-ups`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_service::{Answer, Cx, Needs, Outcome, PageView, Params, Requires};

use crate::SecurePay;
use crate::provider::Direction;
use crate::provider::order::find::{self, FindOrders};
use crate::provider::order::view::OrderView;

/// Top-ups are wanted.
pub struct FindTopUps;

impl Requires for FindTopUps {
    const NEEDS: Needs = Needs::Permission(Permission::PaymentRead);
}

/// Lists top-ups, the oldest first; patients see their own.
#[utoipa::path(
    get,
    path = "/top-ups",
    operation_id = "findTopUps",
    tag = "securepay",
    params(FindOrders),
    responses((status = 200, description = "A page.", body = PageView<OrderView>)),
)]
pub async fn find(
    cx: Cx<FindTopUps>,
    State(s): State<Arc<SecurePay>>,
    Params(query): Params<FindOrders>,
) -> Outcome {
    let page = find::find(&cx, &s, Direction::In, query).await?;
    let page = page.map(|order| OrderView::from(&order));
    Ok(Answer::ok(&PageView::from(page)))
}
