//! `POST /wallets/{id}/freeze`, `…/unfreeze`, `…/close`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::securepay::v1::WalletStandingChanged;
use galen_eventing::Publish as _;
use galen_kernel::Problem;
use galen_service::{Answer, Cx, Needs, Outcome, PathIds, Requires};

use super::model::{Wallet, WalletStanding, WalletView};
use super::store;
use crate::SecurePay;
use crate::account::{Account, PublicId};
use crate::ledger::Standing;
use crate::patient::Reach;
use crate::writer;

/// A wallet's standing is to change.
pub struct ChangeStanding;

impl Requires for ChangeStanding {
    const NEEDS: Needs = Needs::Permission(Permission::WalletManage);
}

/// Freezes a wallet: nothing new happens to it. What was promised before may still be
/// captured, released or expire.
#[utoipa::path(
    post,
    path = "/wallets/{id}/freeze",
    operation_id = "freezeWallet",
    tag = "securepay",
    params(("id" = uuid::Uuid, Path, description = "The wallet.")),
    responses((status = 200, description = "It is frozen.", body = WalletView)),
)]
pub async fn freeze(
    cx: Cx<ChangeStanding>,
    State(pay): State<Arc<SecurePay>>,
    PathIds(id): PathIds<PublicId>,
) -> Outcome {
    stand(&cx, &pay, id, Standing::Frozen).await
}

/// Lets a frozen wallet take part again.
#[utoipa::path(
    post,
    path = "/wallets/{id}/unfreeze",
    operation_id = "unfreezeWallet",
    tag = "securepay",
    params(("id" = uuid::Uuid, Path, description = "The wallet.")),
    responses((status = 200, description = "It is open.", body = WalletView)),
)]
pub async fn unfreeze(
    cx: Cx<ChangeStanding>,
    State(pay): State<Arc<SecurePay>>,
    PathIds(id): PathIds<PublicId>,
) -> Outcome {
    stand(&cx, &pay, id, Standing::Open).await
}

/// Closes an empty wallet for good. Nothing may be promised from it or to it.
#[utoipa::path(
    post,
    path = "/wallets/{id}/close",
    operation_id = "closeWallet",
    tag = "securepay",
    params(("id" = uuid::Uuid, Path, description = "The wallet.")),
    responses((status = 200, description = "It is closed.", body = WalletView)),
)]
pub async fn close(
    cx: Cx<ChangeStanding>,
    State(pay): State<Arc<SecurePay>>,
    PathIds(id): PathIds<PublicId>,
) -> Outcome {
    stand(&cx, &pay, id, Standing::Closed).await
}

async fn stand(
    cx: &Cx<ChangeStanding>,
    pay: &SecurePay,
    id: PublicId,
    standing: Standing,
) -> Outcome {
    let reach = Reach::of(cx.scope(), pay.db.pool()).await?;
    let mut tx = cx.begin(&pay.db).await?;
    let wallet = store::get(tx.conn(), id).await?;
    let account = reach.wallet(cx, wallet.map(|wallet| wallet.account))?;
    cx.expect_version(account.version)?;
    // From here on the account is locked, and the writer decides with the new standing.
    let is_new = writer::set_standing(tx.conn(), account.id, standing)
        .await?
        .ok_or_else(Problem::not_found)?
        .map_err(Problem::from)?;
    let version = if is_new {
        tx.publish(&changed(&account, standing.into()));
        let version = store::changed(tx.conn(), &account).await?;
        // Somebody else was faster between reading and locking.
        version.ok_or_else(Problem::stale)?
    } else {
        account.version
    };
    let account = Account { version, ..account };
    let view = WalletView::from(Wallet { account, standing });
    tx.commit(Answer::ok(&view).version(version)).await
}

fn changed(account: &Account, standing: WalletStanding) -> WalletStandingChanged {
    WalletStandingChanged {
        wallet_id: account.public_id.to_string(),
        owner_id: account
            .owner
            .id()
            .map(|id| id.to_string())
            .unwrap_or_default(),
        standing: standing.name().to_owned(),
    }
}
