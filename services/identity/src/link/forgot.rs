//! `POST /auth/password/forgot`: mails a link to who forgot their password, and
//! tells nobody whether there is such an account.

use std::sync::Arc;

use axum::extract::State;
use galen_service::{Body, Cx, Outcome};

use super::addressee::{self, Addressee};
use super::model::Purpose;
use crate::Identity;

/// Mails a link to reset the password, if there is such an account.
#[utoipa::path(
    post,
    path = "/auth/password/forgot",
    tag = "identity",
    request_body = Addressee,
    responses((status = 204, description = "Mailed, if there is such an account"))
)]
pub(crate) async fn forgot(
    cx: Cx<Addressee>,
    State(s): State<Arc<Identity>>,
    Body(request): Body<Addressee>,
) -> Outcome {
    addressee::mail(&s, &request, Purpose::ResetPassword, cx.now()).await
}
