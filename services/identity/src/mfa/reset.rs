//! `DELETE /users/{id}/mfa`: an administrator removes the second factor of somebody who
//! lost it. All their sessions end: who has the telephone may have more.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::ids::UserId;
use galen_kernel::Problem;
use galen_service::{Answer, Cx, Needs, Outcome, PathIds, Requires};

use super::store;
use crate::session::ending::Ending;
use crate::{Identity, account};

/// Somebody's second factor.
pub(crate) struct ResetMfa;

impl Requires for ResetMfa {
    const NEEDS: Needs = Needs::Permission(Permission::UserManage);
    const STEP_UP: bool = true;
}

/// Removes an account's authenticator and backup codes.
#[utoipa::path(
    delete,
    path = "/users/{id}/mfa",
    tag = "identity",
    params(("id" = Uuid, Path, description = "The account")),
    responses((status = 204, description = "Removed"))
)]
pub(crate) async fn reset(
    cx: Cx<ResetMfa>,
    State(s): State<Arc<Identity>>,
    PathIds(id): PathIds<UserId>,
) -> Outcome {
    let mut tx = cx.begin(&s.db).await?;
    account::store::lock(tx.conn(), id)
        .await?
        .ok_or_else(Problem::not_found)?;
    if !store::remove(tx.conn(), id).await? {
        return Err(Problem::not_found().into());
    }
    let ending = Ending::all_of(&mut tx, id, cx.now()).await?;
    let answer = tx.commit(Answer::no_content()).await?;
    ending.take_effect(s.keyring.ended());
    Ok(answer)
}
