//! `POST /auth/directory/start`: begins a login through the directory.

use std::sync::Arc;

use axum::extract::State;
use galen_service::{Answer, Body, Cx, Needs, Outcome, Requires};
use http::HeaderValue;
use http::header::{CACHE_CONTROL, SET_COOKIE};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::handshake::{Handshake, LIFETIME};
use super::{configured, store};
use crate::Identity;

/// A login that begins.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct StartDirectoryLogin {
    /// Whether the directory is to ask who it is even if it knows: for what needs
    /// somebody who has just shown that.
    #[serde(default)]
    fresh: bool,
}

impl Requires for StartDirectoryLogin {
    const NEEDS: Needs = Needs::Nobody;
}

/// Where to go.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RedirectView {
    /// The directory's login page.
    #[schema(format = "uri")]
    redirect_url: String,
    /// Seconds within which the login must be completed.
    #[schema(minimum = 1)]
    expires_in: i64,
}

/// Begins a login: the browser gets a cookie, and goes to the directory.
#[utoipa::path(
    post,
    path = "/auth/directory/start",
    tag = "identity",
    request_body = StartDirectoryLogin,
    responses((status = 200, description = "Where to go", body = RedirectView))
)]
pub(crate) async fn start(
    cx: Cx<StartDirectoryLogin>,
    State(s): State<Arc<Identity>>,
    Body(request): Body<StartDirectoryLogin>,
) -> Outcome {
    let directory = configured(&s)?;
    let handshake = Handshake::begin();
    let redirect_url = directory.begin(&handshake, request.fresh).await?;
    store::insert_login(s.db.pool(), &handshake, cx.now()).await?;
    let mut answer = Answer::ok(&RedirectView {
        redirect_url,
        expires_in: LIFETIME.as_secs(),
    });
    let secure = s.public_url.starts_with("https://");
    answer.headers.insert(SET_COOKIE, handshake.cookie(secure));
    answer
        .headers
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(answer)
}
