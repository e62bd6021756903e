//! `DELETE /auth/sessions/{id}` and `DELETE /auth/sessions`: logs out one device of one's
//! own, or all but the one that asks. Their access tokens are refused from then on.

use std::sync::Arc;

use axum::extract::State;
use galen_contracts::ids::SessionId;
use galen_kernel::Problem;
use galen_service::{Answer, Cx, Needs, Outcome, PathIds, Requires};

use super::ending::Ending;
use super::store;
use crate::{Identity, account};

/// One's own sessions.
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

/// Ends all of the caller's sessions but the one that asks.
#[utoipa::path(
    delete,
    path = "/auth/sessions",
    tag = "identity",
    responses((status = 204, description = "Ended"))
)]
pub(crate) async fn end_others(cx: Cx<EndSession>, State(s): State<Arc<Identity>>) -> Outcome {
    let principal = cx.principal()?;
    let (account, kept) = (principal.user_id, principal.session_id);
    cx.about("users", account);
    let mut tx = cx.begin(&s.db).await?;
    // Sessions that are being opened are waited for, and end as well.
    account::store::lock(tx.conn(), account)
        .await?
        .ok_or_else(Problem::unauthenticated)?;
    let ending = Ending::all_but(&mut tx, account, kept, cx.now()).await?;
    let answer = tx.commit(Answer::no_content()).await?;
    ending.take_effect(s.keyring.ended());
    Ok(answer)
}
