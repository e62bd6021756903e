//! `POST /payouts`: the payment provider is to pay money of a wallet to a bank account.
//!
//! The money is on hold from now on: it cannot be spent twice, and comes back when the
//! provider declines. The IBAN is personal, and sealed.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::{Problem, Violations};
use galen_service::{Answer, Body, Cx, Needs, Outcome, PositiveMoney, RequiredKey, Requires};
use galen_storage::Error;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::iban::Iban;
use crate::SecurePay;
use crate::provider::Direction;
use crate::provider::order::place::{self, Wish};
use crate::provider::order::pursue::DESTINATION;
use crate::provider::order::view::{OrderView, PayoutView};

/// Money that is to leave a wallet.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RequestPayout {
    /// Which wallet.
    pub wallet_id: Uuid,
    /// How much, in the wallet's currency.
    pub amount: PositiveMoney,
    /// To which bank account: an IBAN, in groups of four or without spaces.
    #[schema(
        min_length = 15,
        max_length = 42,
        pattern = "^[A-Z]{2}[0-9]{2}[A-Z0-9 ]+$",
        example = "DE89 3704 0044 0532 0130 00"
    )]
    pub destination: String,
}

impl Requires for RequestPayout {
    const NEEDS: Needs = Needs::Permission(Permission::PaymentMake);
    const IDEMPOTENT: bool = true;
}

/// Has the payment provider pay money of a wallet to a bank account.
#[utoipa::path(
    post,
    path = "/payouts",
    operation_id = "requestPayout",
    tag = "securepay",
    params(RequiredKey),
    request_body = RequestPayout,
    responses((status = 201, description = "Asked for: see what becomes of it.", body = PayoutView)),
)]
pub async fn request(
    cx: Cx<RequestPayout>,
    State(s): State<Arc<SecurePay>>,
    Body(request): Body<RequestPayout>,
) -> Outcome {
    let mut wrong = Violations::new();
    let amount = request.amount.read(&mut wrong, "/amount");
    let iban = Iban::read(&mut wrong, "/destination", &request.destination);
    wrong.finish()?;
    let (amount, iban) = amount
        .zip(iban)
        .ok_or_else(|| Problem::internal("fields that are not wrong are none"))?;
    cx.replayed(&s.db).await?;
    let mut connection = s.db.pool().acquire().await.map_err(Error::from)?;
    let wallet = place::wallet(&cx, &mut connection, request.wallet_id).await?;
    let id = cx.clock().uuid();
    let subject = wallet.owner.id().unwrap_or(wallet.public_id.uuid());
    let key = s.vault.key_of(&mut connection, subject).await?;
    let sealed = key.seal(&DESTINATION, id, iban.expose())?;
    drop(connection);
    cx.about("Payout", id);
    let wish = Wish {
        id,
        wallet,
        amount,
        destination: Some(sealed),
    };
    let ending = iban.expose().ending().to_owned();
    place::place(&cx, &s, Direction::Out, wish, move |order| {
        let view = PayoutView {
            order: OrderView::from(order),
            destination_ending: Some(ending.clone()),
        };
        let location = format!("/api/v1/payouts/{}", order.id);
        Answer::created(&view).location(&location)
    })
    .await
}
