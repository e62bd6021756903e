//! `POST /auth/magic-link`: mails a link that logs in, and tells nobody whether there
//! is such an account or whether it may use one.

use std::sync::Arc;

use axum::extract::State;
use galen_service::{Body, Cx, Outcome};

use super::addressee::{self, Addressee};
use super::model::Purpose;
use crate::Identity;

/// Mails a link that logs in, if there is such an account and it may use one: patients
/// may, and everybody else who has an authenticator.
#[utoipa::path(
    post,
    path = "/auth/magic-link",
    tag = "identity",
    request_body = Addressee,
    responses((status = 204, description = "Mailed, if there is such an account"))
)]
pub(crate) async fn ask(
    cx: Cx<Addressee>,
    State(s): State<Arc<Identity>>,
    Body(request): Body<Addressee>,
) -> Outcome {
    addressee::mail(&s, &request, Purpose::LogIn, cx.now()).await
}
