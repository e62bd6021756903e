//! `POST /cash-sessions/{id}/approve`: another person agrees to what is missing, or too
//! much.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_service::{Answer, Cx, Needs, Outcome, PathIds, Requires};

use super::model::CashSessionId;
use super::view::CashSessionReport;
use super::{close, store};
use crate::Billing;

/// A difference is to be agreed to.
pub struct ApproveCashSession;

impl Requires for ApproveCashSession {
    const NEEDS: Needs = Needs::Permission(Permission::RefundApprove);
    const STEP_UP: bool = true;
}

/// Agrees to the difference of the last count, and closes the till. Neither its cashier
/// nor who counted it can.
#[utoipa::path(
    post,
    path = "/cash-sessions/{id}/approve",
    operation_id = "approveCashSession",
    tag = "billing",
    params(("id" = uuid::Uuid, Path, description = "The session.")),
    responses((status = 200, description = "Closed.", body = CashSessionReport)),
)]
pub async fn approve(
    cx: Cx<ApproveCashSession>,
    State(billing): State<Arc<Billing>>,
    PathIds(id): PathIds<CashSessionId>,
) -> Outcome {
    let mut tx = cx.begin(&billing.db).await?;
    let mut session = store::lock(&mut tx, id).await?;
    cx.expect_version(session.version)?;
    session.approve(cx.principal()?.user_id.uuid(), cx.now())?;
    store::change(&mut tx, &session).await?;
    close::closed(&mut tx, &billing, &session).await?;
    let view = CashSessionReport::load(&mut tx, &session).await?;
    tx.commit(Answer::ok(&view).version(session.version)).await
}
