//! `GET /payouts`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_service::{Answer, Cx, Needs, Outcome, PageView, Params, Requires};

use crate::SecurePay;
use crate::provider::Direction;
use crate::provider::order::find::{self, FindOrders};
use crate::provider::order::view::OrderView;

/// Payouts are wanted.
pub struct FindPayouts;

impl Requires for FindPayouts {
    const NEEDS: Needs = Needs::Permission(Permission::PaymentRead);
}

/// Lists payouts, the oldest first, without where they go to; patients see their own.
#[utoipa::path(
    get,
    path = "/payouts",
    operation_id = "findPayouts",
    tag = "securepay",
    params(FindOrders),
    responses((status = 200, description = "A page.", body = PageView<OrderView>)),
)]
pub async fn find(
    cx: Cx<FindPayouts>,
    State(s): State<Arc<SecurePay>>,
    Params(query): Params<FindOrders>,
) -> Outcome {
    let page = find::find(&cx, &s, Direction::Out, query).await?;
    let page = page.map(|order| OrderView::from(&order));
    Ok(Answer::ok(&PageView::from(page)))
}
