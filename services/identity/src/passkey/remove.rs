//! `DELETE /auth/passkeys/{id}`: forgets a passkey of one's own. Sessions that it opened
//! go on; they are ended on their own.

use std::sync::Arc;

use axum::extract::State;
use galen_kernel::Problem;
use galen_service::{Answer, Cx, Needs, Outcome, PathIds, Requires};

use super::model::PasskeyId;
use super::store;
use crate::Identity;

/// One of one's own passkeys.
pub(crate) struct RemovePasskey;

impl Requires for RemovePasskey {
    const NEEDS: Needs = Needs::Anybody;
    // A thief of a token must not leave the owner without a way in.
    const STEP_UP: bool = true;
}

/// Forgets one of the caller's passkeys.
#[utoipa::path(
    delete,
    path = "/auth/passkeys/{id}",
    tag = "identity",
    params(("id" = Uuid, Path, description = "The passkey")),
    responses((status = 204, description = "Forgotten"))
)]
pub(crate) async fn remove(
    cx: Cx<RemovePasskey>,
    State(s): State<Arc<Identity>>,
    PathIds(id): PathIds<PasskeyId>,
) -> Outcome {
    let mut tx = cx.begin(&s.db).await?;
    if !store::delete(tx.conn(), id, cx.principal()?.user_id).await? {
        return Err(Problem::not_found().into());
    }
    tx.commit(Answer::no_content()).await
}
