//! `GET /auth/passkeys`: one's own.

use std::sync::Arc;

use axum::extract::State;
use galen_kernel::Timestamp;
use galen_service::{Answer, Cx, Needs, Outcome, PageView, Requires};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::Passkey;
use super::store;
use crate::Identity;

/// One's own passkeys.
pub(crate) struct ListPasskeys;

impl Requires for ListPasskeys {
    const NEEDS: Needs = Needs::Anybody;
}

/// A passkey.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PasskeyView {
    /// Identity.
    id: Uuid,
    /// What its owner calls it.
    #[schema(min_length = 1, max_length = 64)]
    name: String,
    /// When it was registered.
    created_at: Timestamp,
    /// When it last logged its owner in.
    last_used_at: Option<Timestamp>,
    /// Whether a keychain has a copy: then it survives the loss of the device.
    backed_up: bool,
}

impl From<&Passkey> for PasskeyView {
    fn from(passkey: &Passkey) -> Self {
        Self {
            id: passkey.id.uuid(),
            name: passkey.name.as_str().to_owned(),
            created_at: passkey.created_at,
            last_used_at: passkey.last_used_at,
            backed_up: passkey.is_backed_up(),
        }
    }
}

/// Lists the caller's passkeys, oldest first; there are at most 20.
#[utoipa::path(
    get,
    path = "/auth/passkeys",
    tag = "identity",
    responses((status = 200, description = "All of one's passkeys", body = PageView<PasskeyView>))
)]
pub(crate) async fn list(cx: Cx<ListPasskeys>, State(s): State<Arc<Identity>>) -> Outcome {
    let passkeys = store::list(s.db.pool(), cx.principal()?.user_id).await?;
    Ok(Answer::ok(&PageView {
        items: passkeys.iter().map(PasskeyView::from).collect(),
        next_cursor: None,
    }))
}
