//! `POST /webhook-endpoints/{id}/rotate-secret`.
//!
//! The answer holds the secret, so such a request is not kept for an `Idempotency-Key`;
//! if the answer is lost, the next secret takes its place.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::Problem;
use galen_service::{Cx, Needs, Outcome, PathIds, Requires};
use http::StatusCode;
use jiff::SignedDuration;

use super::store::{self, SECRET};
use super::{EndpointId, view};
use crate::SecurePay;
use crate::webhook::signature;

/// How long the secret before signs as well: time to bring the new one to the receiver.
const OVERLAP: SignedDuration = SignedDuration::from_hours(24);
/// Most secrets beside the new one.
const BESIDE: i64 = 3;

/// Another secret is wanted.
pub(crate) struct RotateSecret;

impl Requires for RotateSecret {
    const NEEDS: Needs = Needs::Permission(Permission::WebhookManage);
    const STEP_UP: bool = true;
}

/// Makes another secret, which is in this answer and nowhere again. Deliveries are signed
/// with both for a day.
#[utoipa::path(
    post,
    path = "/webhook-endpoints/{id}/rotate-secret",
    operation_id = "rotateWebhookSecret",
    tag = "securepay",
    params(("id" = uuid::Uuid, Path, description = "The endpoint.")),
    responses((status = 200, description = "The endpoint with its new secret.", body = view::EndpointView)),
)]
pub(crate) async fn rotate(
    cx: Cx<RotateSecret>,
    State(s): State<Arc<SecurePay>>,
    PathIds(id): PathIds<EndpointId>,
) -> Outcome {
    let now = cx.now();
    let mut tx = s.db.begin().await?;
    let mut endpoint = store::lock(tx.conn(), id)
        .await?
        .ok_or_else(Problem::not_found)?;
    cx.expect_version(endpoint.version)?;
    let until = now.checked_add(OVERLAP).map_err(Problem::internal)?;
    store::retire_secrets(tx.conn(), id, until, BESIDE, now).await?;
    let secret = signature::draw().map_err(Problem::internal)?;
    let secret_id = cx.clock().uuid();
    let key = s.vault.key_of(tx.conn(), id).await?;
    let sealed = key.seal(&SECRET, secret_id, &secret)?;
    store::add_secret(tx.conn(), secret_id, id, &sealed, now).await?;
    endpoint.version = store::update(tx.conn(), &endpoint).await?;
    let view = view::show_one(&s.vault, tx.conn(), &endpoint).await?;
    tx.commit().await?;
    Ok(view.with_secret(secret).answer(StatusCode::OK))
}
