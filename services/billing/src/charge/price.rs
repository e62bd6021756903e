//! `POST /charges/{id}/price`, and the same for all that wait.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::Problem;
use galen_service::{Answer, Cx, Needs, Outcome, PathIds, Requires};
use galen_storage::Tx;

use super::capture::{price, tell_price};
use super::error::ChargeError;
use super::model::{Charge, ChargeId, ChargeRefusal, Status};
use super::store::{self, Row};
use super::view::ChargeView;
use crate::Billing;

/// How many waiting charges are looked at at a time.
const BATCH: i64 = 100;

/// A charge is to be priced.
pub struct PriceCharge;

impl Requires for PriceCharge {
    const NEEDS: Needs = Needs::Permission(Permission::InvoiceManage);
}

/// Prices a charge that waits, after a tariff was added. One that has a price keeps it.
#[utoipa::path(
    post,
    path = "/charges/{id}/price",
    operation_id = "priceCharge",
    tag = "billing",
    params(("id" = uuid::Uuid, Path, description = "The charge.")),
    responses((status = 200, description = "It has a price.", body = ChargeView)),
)]
pub async fn reprice(
    cx: Cx<PriceCharge>,
    State(billing): State<Arc<Billing>>,
    PathIds(id): PathIds<ChargeId>,
) -> Outcome {
    let mut tx = cx.begin(&billing.db).await?;
    let row = store::get_for_change(&mut tx, id)
        .await?
        .ok_or(ChargeError::Unknown)?;
    cx.reach_patient(row.charge.patient)?;
    cx.expect_version(row.charge.version)?;
    let charge = find_price(&mut tx, row.charge).await?;
    if charge.status == Status::Held {
        return Err(ChargeRefusal::Unpriced.into());
    }
    let version = charge.version;
    let row = Row {
        charge,
        reason: row.reason,
    };
    let view = ChargeView::open(&billing.vault, &mut tx, row).await?;
    tx.commit(Answer::ok(&view).version(version)).await
}

/// Prices a locked charge, if there is a price now.
async fn find_price(tx: &mut Tx, charge: Charge) -> Result<Charge, ChargeError> {
    if charge.status != Status::Held {
        return Ok(charge.priced(None)?);
    }
    let found = price(tx, &charge).await?;
    let charge = charge.priced(found)?;
    if charge.status == Status::Priced {
        store::change(tx, &charge).await?;
        tell_price(tx, &charge);
    }
    Ok(charge)
}

/// Prices all that waits and has a price now; says how many.
///
/// # Errors
/// When the database fails.
pub async fn price_waiting(billing: &Billing) -> Result<u64, Problem> {
    let (mut priced, mut after) = (0, None);
    loop {
        let rows = store::held(billing.db.pool(), after, BATCH).await?;
        let Some(last) = rows.last() else {
            return Ok(priced);
        };
        after = Some(last.position());
        for row in rows {
            let mut connection = billing
                .db
                .pool()
                .acquire()
                .await
                .map_err(galen_storage::Error::from)?;
            if price(&mut connection, &row.charge).await?.is_none() {
                continue;
            }
            drop(connection);
            let mut tx = billing.db.begin().await?;
            let Some(row) = store::get_for_change(&mut tx, row.charge.id).await? else {
                continue;
            };
            if row.charge.status != Status::Held {
                continue;
            }
            let charge = find_price(&mut tx, row.charge).await?;
            tx.commit().await?;
            priced += u64::from(charge.status == Status::Priced);
        }
    }
}
