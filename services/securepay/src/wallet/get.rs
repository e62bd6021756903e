//! `GET /wallets/{id}`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::Problem;
use galen_service::{Answer, Cx, Needs, Outcome, PathIds, Requires};

use super::model::WalletView;
use super::store;
use crate::SecurePay;
use crate::account::PublicId;
use crate::patient::Reach;

/// One wallet is wanted.
pub struct GetWallet;

impl Requires for GetWallet {
    const NEEDS: Needs = Needs::Permission(Permission::WalletRead);
}

/// Shows a wallet.
#[utoipa::path(
    get,
    path = "/wallets/{id}",
    operation_id = "getWallet",
    tag = "securepay",
    params(("id" = uuid::Uuid, Path, description = "The wallet.")),
    responses((status = 200, description = "The wallet.", body = WalletView)),
)]
pub async fn get(
    cx: Cx<GetWallet>,
    State(pay): State<Arc<SecurePay>>,
    PathIds(id): PathIds<PublicId>,
) -> Outcome {
    let wallet = store::get(pay.db.pool(), id).await?;
    let reach = Reach::of(cx.scope(), pay.db.pool()).await?;
    reach.wallet(&cx, wallet.map(|wallet| wallet.account))?;
    let view = WalletView::from(wallet.ok_or_else(Problem::not_found)?);
    Ok(Answer::ok(&view).version(view.version))
}
