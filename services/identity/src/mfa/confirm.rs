//! `POST /auth/mfa/totp/verify`: a first code of one's authenticator, from which on
//! logins ask for one. Answers the backup codes, this once: it is not kept for an
//! `Idempotency-Key`, and of the codes only hashes are stored.

use std::sync::Arc;

use axum::extract::State;
use galen_kernel::Problem;
use galen_service::{Body, Cx, Needs, Outcome, Requires};
use http::StatusCode;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::backup_code::{self, BackupCode, Typed};
use super::second_factor;
use super::store;
use crate::secret::SecretHash;
use crate::{Identity, account, secret};

/// A first code.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct VerifyTotp {
    /// Six digits, as the authenticator shows them now.
    #[schema(value_type = String, min_length = 6, max_length = 64, examples("287082"))]
    code: SecretString,
}

impl Requires for VerifyTotp {
    const NEEDS: Needs = Needs::Anybody;
    const STEP_UP: bool = true;
}

/// Codes for when the authenticator is lost.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BackupCodesView {
    /// Each works once. They are shown this once only.
    #[schema(min_items = 10, max_items = 10)]
    backup_codes: Vec<String>,
}

/// Takes the enrolled authenticator into use.
#[utoipa::path(
    post,
    path = "/auth/mfa/totp/verify",
    tag = "identity",
    request_body = VerifyTotp,
    responses((status = 200, description = "Logins ask for a code from now on", body = BackupCodesView))
)]
pub(crate) async fn confirm(
    cx: Cx<VerifyTotp>,
    State(s): State<Arc<Identity>>,
    Body(request): Body<VerifyTotp>,
) -> Outcome {
    let id = cx.principal()?.user_id;
    cx.about("users", id);
    let mut tx = s.db.begin().await?;
    let account = account::store::by_id(tx.conn(), id)
        .await?
        .ok_or_else(Problem::unauthenticated)?;
    let stored = store::lock(tx.conn(), id)
        .await?
        .ok_or_else(no_second_factor)?;
    if stored.confirmed_at.is_some() {
        return Err(Problem::conflict(
            "SECOND_FACTOR_ENROLLED",
            "The account has an authenticator.",
        )
        .into());
    }
    let authenticator = second_factor::open(tx.conn(), &s.vault, &account, &stored).await?;
    let step = match Typed::read(request.code.expose_secret()) {
        Some(Typed::OneTime(code)) => authenticator.step_of(code.expose_secret(), cx.now(), None),
        Some(Typed::Backup(_)) | None => None,
    };
    let step = step.ok_or_else(|| {
        Problem::invalid_field(
            "/code",
            "INVALID_MFA_CODE",
            "is not the code that the authenticator shows now",
        )
    })?;
    store::confirm(tx.conn(), id, step, cx.now()).await?;
    let (view, hashes) = draw();
    store::replace_backup_codes(tx.conn(), id, &hashes).await?;
    tx.commit().await?;
    Ok(secret::disclose(StatusCode::OK, &view))
}

/// Draws new backup codes: what their owner gets, and what is kept.
pub(super) fn draw() -> (BackupCodesView, Vec<SecretHash>) {
    let codes: Vec<BackupCode> = (0..backup_code::HOW_MANY)
        .map(|_| BackupCode::generate())
        .collect();
    let view = BackupCodesView {
        backup_codes: codes.iter().map(BackupCode::expose).collect(),
    };
    (view, codes.iter().map(BackupCode::hash).collect())
}

/// There is nothing to verify, or to have backup codes for.
pub(super) const fn no_second_factor() -> Problem {
    Problem::conflict("NO_SECOND_FACTOR", "The account has no authenticator.")
}
