//! `DELETE /auth/mfa/totp`: logins ask for no code any more.

use std::sync::Arc;

use axum::extract::State;
use galen_kernel::Problem;
use galen_service::{Answer, Cx, Needs, Outcome, Requires};

use super::store;
use crate::Identity;

/// One's own authenticator.
pub(crate) struct RemoveTotp;

impl Requires for RemoveTotp {
    const NEEDS: Needs = Needs::Anybody;
    const STEP_UP: bool = true;
}

/// Removes the caller's authenticator and backup codes.
#[utoipa::path(
    delete,
    path = "/auth/mfa/totp",
    tag = "identity",
    responses((status = 204, description = "Removed"))
)]
pub(crate) async fn remove(cx: Cx<RemoveTotp>, State(s): State<Arc<Identity>>) -> Outcome {
    let id = cx.principal()?.user_id;
    cx.about("users", id);
    let mut tx = cx.begin(&s.db).await?;
    if !store::remove(tx.conn(), id).await? {
        return Err(Problem::not_found().into());
    }
    tx.commit(Answer::no_content()).await
}
