//! `POST /auth/mfa/totp`: a secret for one's authenticator. Logins ask for its codes
//! from the first one on that is shown to `…/verify`.
//!
//! The answer holds a secret, so it is not kept for an `Idempotency-Key`; who lost it
//! asks again, and gets another one.

use std::sync::Arc;

use axum::extract::State;
use galen_kernel::Problem;
use galen_service::{Cx, Needs, Outcome, Requires};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::authenticator::Authenticator;
use super::store::{self, SECRET};
use crate::{Identity, account, secret};

/// An authenticator of one's own. Whoever finds an open browser must not make it theirs.
pub(crate) struct EnrolTotp;

impl Requires for EnrolTotp {
    const NEEDS: Needs = Needs::Anybody;
    const STEP_UP: bool = true;
}

/// What an authenticator needs to know.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EnrolmentView {
    /// The secret in base32, to be typed.
    #[schema(min_length = 32, max_length = 32)]
    secret: String,
    /// The same as an `otpauth:` address, for a QR code.
    #[schema(min_length = 1)]
    otpauth_uri: String,
}

/// Begins to enrol an authenticator; one that was never confirmed is replaced.
#[utoipa::path(
    post,
    path = "/auth/mfa/totp",
    tag = "identity",
    responses((status = 201, description = "A secret, which works when a code of it was verified", body = EnrolmentView))
)]
pub(crate) async fn enrol(cx: Cx<EnrolTotp>, State(s): State<Arc<Identity>>) -> Outcome {
    let id = cx.principal()?.user_id;
    cx.about("users", id);
    let mut tx = s.db.begin().await?;
    let account = account::store::by_id(tx.conn(), id)
        .await?
        .ok_or_else(Problem::unauthenticated)?;
    let authenticator =
        Authenticator::generate(account.username.as_str()).map_err(Problem::internal)?;
    let view = EnrolmentView {
        secret: authenticator.secret(),
        otpauth_uri: authenticator.uri().map_err(Problem::internal)?,
    };
    let key = s.vault.key_of(tx.conn(), id).await?;
    let sealed = key.seal(&SECRET, id, &view.secret)?;
    if !store::enrol(tx.conn(), id, &sealed, cx.now()).await? {
        return Err(Problem::conflict(
            "SECOND_FACTOR_ENROLLED",
            "The account has an authenticator.",
        )
        .into());
    }
    tx.commit().await?;
    Ok(secret::disclose(StatusCode::CREATED, &view))
}
