//! `POST /top-ups`: the payment provider is to bring money into a wallet.
//!
//! The wallet shows it as promised at once, and as its own when the provider has it.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::{Problem, Violations};
use galen_service::{Answer, Body, Cx, Needs, Outcome, PositiveMoney, RequiredKey, Requires};
use galen_storage::Error;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::SecurePay;
use crate::provider::Direction;
use crate::provider::order::place::{self, Wish};
use crate::provider::order::store::NewOrder;
use crate::provider::order::view::OrderView;

/// Money that is to come into a wallet.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RequestTopUp {
    /// Which wallet.
    pub wallet_id: Uuid,
    /// How much, in the wallet's currency.
    pub amount: PositiveMoney,
}

impl Requires for RequestTopUp {
    const NEEDS: Needs = Needs::Permission(Permission::PaymentMake);
    const IDEMPOTENT: bool = true;
}

/// Asks the payment provider for money for a wallet.
#[utoipa::path(
    post,
    path = "/top-ups",
    operation_id = "requestTopUp",
    tag = "securepay",
    params(RequiredKey),
    request_body = RequestTopUp,
    responses((status = 201, description = "Asked for: see what becomes of it.", body = OrderView)),
)]
pub async fn request(
    cx: Cx<RequestTopUp>,
    State(s): State<Arc<SecurePay>>,
    Body(request): Body<RequestTopUp>,
) -> Outcome {
    let mut wrong = Violations::new();
    let amount = request.amount.read(&mut wrong, "/amount");
    wrong.finish()?;
    let amount = amount.ok_or_else(|| Problem::internal("an amount that is not wrong is none"))?;
    cx.replayed(&s.db).await?;
    let mut connection = s.db.pool().acquire().await.map_err(Error::from)?;
    let wallet = place::wallet(&cx, &mut connection, request.wallet_id).await?;
    drop(connection);
    let wish = Wish {
        id: cx.clock().uuid(),
        wallet,
        amount,
        destination: None,
    };
    cx.about("TopUp", wish.id);
    place::place(&cx, &s, Direction::In, wish, answer).await
}

fn answer(order: &NewOrder) -> Answer {
    let location = format!("/api/v1/top-ups/{}", order.id);
    Answer::created(&OrderView::from(order)).location(&location)
}
