//! `POST /auth/directory/callback`: completes a login through the directory.
//!
//! The directory leads the browser to a page of the console, which posts what it was
//! given: the code is in no address that Galen is asked for. The login must have begun
//! in the same browser, within ten minutes, and completes once. The answer holds
//! tokens, so it is not kept for an `Idempotency-Key`.

use std::sync::Arc;

use axum::extract::State;
use galen_kernel::{Timestamp, Violations};
use galen_service::{Body, Cx, Needs, Outcome, Requires};
use http::StatusCode;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use utoipa::ToSchema;

use super::enter;
use super::handshake::{Browser, Handshake, LIFETIME};
use super::{configured, provider, store};
use crate::Identity;
use crate::session::device::Device;
use crate::session::open::TokenAnswer;

/// No directory's codes are longer.
const LONGEST_CODE: usize = 4096;

/// What the directory gave the browser.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CompleteDirectoryLogin {
    /// As in the address of the page.
    #[schema(value_type = String, max_length = 4096)]
    code: SecretString,
    /// As in the address of the page.
    #[schema(value_type = String)]
    state: SecretString,
    /// As in the address of the page, if it is there (RFC 9207).
    iss: Option<String>,
}

impl Requires for CompleteDirectoryLogin {
    const NEEDS: Needs = Needs::Nobody;
}

/// Completes a login that began in this browser.
#[utoipa::path(
    post,
    path = "/auth/directory/callback",
    tag = "identity",
    request_body = CompleteDirectoryLogin,
    responses((status = 200, description = "Logged in", body = TokenAnswer))
)]
pub(crate) async fn complete(
    cx: Cx<CompleteDirectoryLogin>,
    State(s): State<Arc<Identity>>,
    device: Device,
    browser: Browser,
    Body(request): Body<CompleteDirectoryLogin>,
) -> Outcome {
    let mut wrong = Violations::new();
    wrong.require(
        request.code.expose_secret().chars().count() <= LONGEST_CODE,
        "/code",
        "TOO_LONG",
        "must have at most 4096 characters",
    );
    wrong.finish()?;
    let directory = configured(&s)?;
    let handshake = Handshake::resume(request.state, browser).ok_or_else(provider::refused)?;
    let begun_after = cx.now().saturating_sub(LIFETIME).unwrap_or(Timestamp::MIN);
    if !store::use_login(s.db.pool(), &handshake, begun_after).await? {
        return Err(provider::refused().into());
    }
    let (person, shown_at) = directory
        .finish(&request.code, request.iss.as_deref(), &handshake)
        .await?;
    let tokens = enter::enter(&s, directory, &person, shown_at, &device, &cx).await?;
    Ok(tokens.answer(StatusCode::OK))
}
