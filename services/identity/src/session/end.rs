//! `DELETE /auth/sessions/{id}`: logs out another device of one's own. Its access
//! token is refused from then on.

use std::sync::Arc;

use axum::extract::State;
use galen_contracts::ids::SessionId;
use galen_kernel::Problem;
use galen_service::{Answer, Cx, Needs, Outcome, PathIds, Requires};

use super::ending::Ending;
use super::store;
use crate::Identity;

/// One of one's own sessions.
pub(crate) struct EndSession;

impl Requires for EndSession {
    const NEEDS: Needs = Needs::Anybody;
}

/// Ends one of the caller's sessions.
#[utoipa::path(
    delete,
    path = "/auth/sessions/{id}",
    tag = "identity",
    params(("id" = Uuid, Path, description = "The session")),
    responses((status = 204, description = "Ended"))
)]
pub(crate) async fn end(
    cx: Cx<EndSession>,
    State(s): State<Arc<Identity>>,
    PathIds(id): PathIds<SessionId>,
) -> Outcome {
    let account = cx.principal()?.user_id;
    let mut tx = cx.begin(&s.db).await?;
    if !store::revoke_own(tx.conn(), id, account, cx.now()).await? {
        return Err(Problem::not_found().into());
    }
    let ending = Ending::tell(&mut tx, account, vec![id], cx.now());
    let answer = tx.commit(Answer::no_content()).await?;
    ending.take_effect(s.keyring.ended());
    Ok(answer)
}
