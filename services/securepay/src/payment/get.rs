//! `GET /payments/{id}`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::Problem;
use galen_service::{Answer, Cx, Needs, Outcome, PathIds, Requires};
use galen_storage::Error;
use sqlx::PgConnection;

use super::store::{self, Made};
use super::view::{self, PaymentView};
use crate::SecurePay;
use crate::ledger::Stamp;
use crate::patient::Reach;
use crate::patient::reach::concerns;

/// What a [`PaymentId`] identifies.
pub enum PaymentMarker {}

/// A payment's id.
pub type PaymentId = galen_kernel::Id<PaymentMarker>;

/// One payment is wanted.
pub struct GetPayment;

impl Requires for GetPayment {
    const NEEDS: Needs = Needs::Permission(Permission::PaymentRead);
}

/// Shows a payment to whoever pays or is paid.
#[utoipa::path(
    get,
    path = "/payments/{id}",
    operation_id = "getPayment",
    tag = "securepay",
    params(("id" = uuid::Uuid, Path, description = "The payment.")),
    responses((status = 200, description = "The payment.", body = PaymentView)),
)]
pub async fn get(
    cx: Cx<GetPayment>,
    State(pay): State<Arc<SecurePay>>,
    PathIds(id): PathIds<PaymentId>,
) -> Outcome {
    let mut connection = pay.db.pool().acquire().await.map_err(Error::from)?;
    let (made, _) = reached(&cx, &mut connection, id).await?;
    let now = Stamp(cx.now().as_microsecond());
    let mut views = view::open_all(&pay.vault, &mut connection, &[made], now).await?;
    let view = views.pop().ok_or_else(Problem::not_found)?;
    Ok(Answer::ok(&view).version(view.version))
}

/// The payment, unless neither who pays nor who is paid is within reach; with the reach.
pub(super) async fn reached<R: Requires>(
    cx: &Cx<R>,
    db: &mut PgConnection,
    id: PaymentId,
) -> Result<(Made, Reach), Problem> {
    let reach = Reach::of(cx.scope(), &mut *db).await?;
    let made = store::get(db, id.uuid())
        .await?
        .ok_or_else(Problem::not_found)?;
    concerns(cx, &made.to);
    concerns(cx, &made.from);
    if reach.covers(&made.from) || reach.covers(&made.to) {
        Ok((made, reach))
    } else {
        Err(Problem::not_found())
    }
}
