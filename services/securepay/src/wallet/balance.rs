//! `GET /wallets/{id}/balance`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::{Problem, Timestamp};
use galen_service::{Answer, Cx, Needs, Outcome, Params, PathIds, Requires};
use serde::Deserialize;
use utoipa::IntoParams;

use super::model::BalanceView;
use super::store;
use crate::SecurePay;
use crate::account::{self, PublicId};
use crate::ledger::Stamp;
use crate::patient::Reach;

/// When the balance is asked for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct GetBalance {
    /// As it was then; without it, as it is now.
    #[param(example = "2026-03-02T00:00:00+01:00")]
    pub at: Option<Timestamp>,
}

impl Requires for GetBalance {
    const NEEDS: Needs = Needs::Permission(Permission::WalletRead);
}

/// Shows what is in a wallet, or was at an instant.
#[utoipa::path(
    get,
    path = "/wallets/{id}/balance",
    operation_id = "getWalletBalance",
    tag = "securepay",
    params(("id" = uuid::Uuid, Path, description = "The wallet."), GetBalance),
    responses((status = 200, description = "The balance.", body = BalanceView)),
)]
pub async fn balance(
    cx: Cx<GetBalance>,
    State(pay): State<Arc<SecurePay>>,
    PathIds(id): PathIds<PublicId>,
    Params(query): Params<GetBalance>,
) -> Outcome {
    let account = account::by_id(pay.db.pool(), id).await?;
    let reach = Reach::of(cx.scope(), pay.db.pool()).await?;
    let account = reach.wallet(&cx, account)?;
    if query.at.is_some_and(|at| at > cx.now()) {
        return Err(
            Problem::invalid_field("?at", "IN_THE_FUTURE", "must not be in the future").into(),
        );
    }
    let until = query.at.map(|at| Stamp(at.as_microsecond()));
    let totals = store::totals(pay.db.pool(), account.id, until).await?;
    let at = query.at.unwrap_or_else(|| cx.now());
    Ok(Answer::ok(&BalanceView::of(&account, totals, at)))
}
