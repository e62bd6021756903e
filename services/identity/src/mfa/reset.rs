//! `DELETE /users/{id}/mfa`: an administrator removes the authenticator and the passkeys
//! of somebody who lost the telephone that has them. All their sessions end: whoever
//! has it may have more.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::ids::UserId;
use galen_kernel::Problem;
use galen_service::{Answer, Cx, Needs, Outcome, PathIds, Requires};

use super::store;
use crate::session::ending::Ending;
use crate::{Identity, account, passkey};

/// Somebody's second factor.
pub(crate) struct ResetMfa;

impl Requires for ResetMfa {
    const NEEDS: Needs = Needs::Permission(Permission::UserManage);
    const STEP_UP: bool = true;
}

/// Removes an account's authenticator, backup codes and passkeys.
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
    let authenticator = store::remove(tx.conn(), id).await?;
    let passkeys = passkey::store::remove_all(tx.conn(), id).await?;
    if !authenticator && passkeys == 0 {
        return Err(Problem::not_found().into());
    }
    // After the passkeys: a login with one locks it before the account.
    account::store::lock(tx.conn(), id)
        .await?
        .ok_or_else(Problem::not_found)?;
    let ending = Ending::all_of(&mut tx, id, cx.now()).await?;
    let answer = tx.commit(Answer::no_content()).await?;
    ending.take_effect(s.keyring.ended());
    Ok(answer)
}
