//! `GET /cash-sessions`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::{Page, Problem, page};
use galen_service::{Answer, Cx, Needs, Outcome, PageView, Params, Requires};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use super::model::Status;
use super::store;
use super::view::CashSessionView;
use crate::Billing;
use crate::position::{Position, after};

/// Which sessions are looked for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FindCashSessions {
    /// Whose: an account.
    pub cashier_id: Option<Uuid>,
    /// In which state; those that are `COUNTING` wait for another person.
    #[param(inline)]
    pub status: Option<Status>,
    /// How many at most.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u16>,
    /// `nextCursor` of the page before.
    pub cursor: Option<String>,
}

impl Requires for FindCashSessions {
    const NEEDS: Needs = Needs::Permission(Permission::CashManage);
}

/// Lists sessions by when they were opened. Cashiers see their own; whoever approves
/// differences sees all of them.
#[utoipa::path(
    get,
    path = "/cash-sessions",
    operation_id = "findCashSessions",
    tag = "billing",
    params(FindCashSessions),
    responses((status = 200, description = "A page.", body = PageView<CashSessionView>)),
)]
pub async fn find(
    cx: Cx<FindCashSessions>,
    State(billing): State<Arc<Billing>>,
    Params(query): Params<FindCashSessions>,
) -> Outcome {
    let limit = page::limit(query.limit)?;
    let after = after(query.cursor.as_deref())?;
    let caller = cx.principal()?;
    let own = caller.user_id.uuid();
    let cashier = match query.cashier_id {
        wished if caller.may(Permission::RefundApprove) => wished,
        None => Some(own),
        Some(wished) if wished == own => Some(own),
        Some(_) => return Err(Problem::not_found().into()),
    };
    let rows = store::find(billing.db.pool(), cashier, query.status, after, limit).await?;
    let page = Page::from_rows(rows, limit, |row| Position(row.opened_at, row.id.uuid()));
    Ok(Answer::ok(&PageView::from(
        page.map(|session| CashSessionView::of(&session)),
    )))
}
