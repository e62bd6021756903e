//! `GET /payouts/{id}`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_service::{Answer, Cx, Needs, Outcome, PathIds, Requires};
use galen_storage::Error;
use uuid::Uuid;

use crate::SecurePay;
use crate::provider::Direction;
use crate::provider::order::view::{OrderView, PayoutView};
use crate::provider::order::{find, pursue};

/// One payout is wanted.
pub struct GetPayout;

impl Requires for GetPayout {
    const NEEDS: Needs = Needs::Permission(Permission::PaymentRead);
}

/// Shows what became of a payout.
#[utoipa::path(
    get,
    path = "/payouts/{id}",
    operation_id = "getPayout",
    tag = "securepay",
    params(("id" = Uuid, Path, description = "The payout.")),
    responses((status = 200, description = "The payout.", body = PayoutView)),
)]
pub async fn get(
    cx: Cx<GetPayout>,
    State(s): State<Arc<SecurePay>>,
    PathIds(id): PathIds<Uuid>,
) -> Outcome {
    let order = find::get(&cx, &s, Direction::Out, id).await?;
    let mut connection = s.db.pool().acquire().await.map_err(Error::from)?;
    let destination = pursue::open(&s.vault, &mut connection, &order).await?;
    let view = PayoutView {
        order: OrderView::from(&order),
        destination_ending: destination.map(|iban| iban.expose().ending().to_owned()),
    };
    Ok(Answer::ok(&view).version(order.version))
}
