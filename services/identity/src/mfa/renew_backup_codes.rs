//! `POST /auth/mfa/backup-codes`: new backup codes instead of the old ones, which stop
//! working, used or not. Not kept for an `Idempotency-Key`.

use std::sync::Arc;

use axum::extract::State;
use galen_service::{Cx, Needs, Outcome, Requires};
use http::StatusCode;

use super::confirm::{self, BackupCodesView};
use super::store;
use crate::{Identity, secret};

/// New codes of one's own.
pub(crate) struct RenewBackupCodes;

impl Requires for RenewBackupCodes {
    const NEEDS: Needs = Needs::Anybody;
    const STEP_UP: bool = true;
}

/// Draws new backup codes.
#[utoipa::path(
    post,
    path = "/auth/mfa/backup-codes",
    tag = "identity",
    responses((status = 200, description = "The codes that work from now on", body = BackupCodesView))
)]
pub(crate) async fn renew(cx: Cx<RenewBackupCodes>, State(s): State<Arc<Identity>>) -> Outcome {
    let id = cx.principal()?.user_id;
    cx.about("users", id);
    let mut tx = s.db.begin().await?;
    store::lock(tx.conn(), id)
        .await?
        .filter(|stored| stored.confirmed_at.is_some())
        .ok_or_else(confirm::no_second_factor)?;
    let (view, hashes) = confirm::draw();
    store::replace_backup_codes(tx.conn(), id, &hashes).await?;
    tx.commit().await?;
    Ok(secret::disclose(StatusCode::OK, &view))
}
