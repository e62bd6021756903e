//! `GET /cash-sessions/{id}`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::Problem;
use galen_service::{Answer, Cx, Needs, Outcome, PathIds, Requires};
use galen_storage::Error;

use super::error::CashSessionError;
use super::model::{CashSession, CashSessionId};
use super::store;
use super::view::CashSessionReport;
use crate::Billing;

/// One session is wanted.
pub struct GetCashSession;

impl Requires for GetCashSession {
    const NEEDS: Needs = Needs::Permission(Permission::CashManage);
}

/// Cashiers see their own tills; whoever approves differences sees all of them.
///
/// # Errors
/// 404 for somebody else's.
pub(super) fn reach<R: Requires>(cx: &Cx<R>, session: &CashSession) -> Result<(), Problem> {
    let caller = cx.principal()?;
    if caller.user_id.uuid() == session.cashier || caller.may(Permission::RefundApprove) {
        Ok(())
    } else {
        Err(Problem::not_found())
    }
}

/// Shows one session with all that was taken, given back and counted.
#[utoipa::path(
    get,
    path = "/cash-sessions/{id}",
    operation_id = "getCashSession",
    tag = "billing",
    params(("id" = uuid::Uuid, Path, description = "The session.")),
    responses((status = 200, description = "The session.", body = CashSessionReport)),
)]
pub async fn get(
    cx: Cx<GetCashSession>,
    State(billing): State<Arc<Billing>>,
    PathIds(id): PathIds<CashSessionId>,
) -> Outcome {
    let mut connection = billing.db.pool().acquire().await.map_err(Error::from)?;
    let session = store::get(&mut *connection, id)
        .await?
        .ok_or(CashSessionError::Unknown)?;
    reach(&cx, &session)?;
    let view = CashSessionReport::load(&mut connection, &session).await?;
    Ok(Answer::ok(&view).version(session.version))
}
