//! `POST /auth/logout`: ends a session, named by its refresh token or by the access
//! token that is shown. Access tokens of it are refused from then on.

use std::sync::Arc;

use axum::body::HttpBody as _;
use axum::extract::{FromRequest, Request, State};
use galen_service::{Answer, Body, Cx, Halt, Needs, Outcome, Requires};
use secrecy::SecretString;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use super::ending::Ending;
use super::store;
use crate::Identity;
use crate::secret::SecretHash;

/// Which session to end.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct LogOut {
    /// A token of the session; without it the session of the access token ends.
    #[schema(value_type = Option<String>)]
    refresh_token: Option<SecretString>,
}

impl Requires for LogOut {
    const NEEDS: Needs = Needs::Nobody;
}

/// A body that may be left out.
pub(crate) struct MaybeBody<T>(T);

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for MaybeBody<T> {
    type Rejection = Halt;

    async fn from_request(request: Request, state: &S) -> Result<Self, Halt> {
        if request.body().is_end_stream() {
            return Ok(Self(T::default()));
        }
        let Body(body) = Body::<Option<T>>::from_request(request, state).await?;
        Ok(Self(body.unwrap_or_default()))
    }
}

/// Logs out. A refresh token that does not work is as good as logged out.
#[utoipa::path(
    post,
    path = "/auth/logout",
    tag = "identity",
    request_body(content = Option<LogOut>, content_type = "application/json"),
    responses((status = 204, description = "Logged out"))
)]
pub(crate) async fn log_out(
    cx: Cx<LogOut>,
    State(s): State<Arc<Identity>>,
    MaybeBody(request): MaybeBody<LogOut>,
) -> Outcome {
    let mut tx = s.db.begin().await?;
    let ended = match &request.refresh_token {
        Some(token) => store::revoke_by_token(tx.conn(), SecretHash::of(token), cx.now()).await?,
        None => {
            let session = cx.principal()?.session_id;
            let account = store::revoke(tx.conn(), session, cx.now()).await?;
            account.map(|account| (session, account))
        }
    };
    if let Some((session, account)) = ended {
        let ending = Ending::tell(&mut tx, account, vec![session], cx.now());
        tx.commit().await?;
        ending.take_effect(s.keyring.ended());
    }
    Ok(Answer::no_content())
}
