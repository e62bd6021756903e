//! `DELETE /oauth-clients/{id}`: an administrator removes a client. Its sessions end, and
//! their access tokens at once.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::Problem;
use galen_service::{Answer, Cx, Needs, Outcome, PathIds, Requires};

use super::{ClientId, store};
use crate::Identity;
use crate::session::ending::Ending;

/// A client that is to go.
pub(crate) struct DeleteClient;

impl Requires for DeleteClient {
    const NEEDS: Needs = Needs::Permission(Permission::UserManage);
    const STEP_UP: bool = true;
}

/// Deletes a client, and ends its sessions.
#[utoipa::path(
    delete,
    path = "/oauth-clients/{id}",
    tag = "identity",
    params(("id" = Uuid, Path, description = "The client")),
    responses((status = 204, description = "Deleted"))
)]
pub(crate) async fn delete(
    cx: Cx<DeleteClient>,
    State(s): State<Arc<Identity>>,
    PathIds(id): PathIds<ClientId>,
) -> Outcome {
    let mut tx = cx.begin(&s.db).await?;
    let client = store::lock(tx.conn(), id)
        .await?
        .ok_or_else(Problem::not_found)?;
    cx.expect_version(client.version)?;
    let ending = Ending::of_client(&mut tx, id, cx.now()).await?;
    store::delete(tx.conn(), id).await?;
    let answer = tx.commit(Answer::no_content()).await?;
    ending.take_effect(s.keyring.ended());
    Ok(answer)
}
