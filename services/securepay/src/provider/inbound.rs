//! `POST /provider-webhooks/{provider}`: what a payment provider sends.
//!
//! Open to everybody, and useless to whoever does not know the secret: a signed and new
//! message makes Galen ask the provider about one order now, and nothing else.

use std::sync::Arc;

use axum::extract::{FromRequest, Request, State};
use galen_kernel::Problem;
use galen_service::{Answer, BODY_LIMIT, Cx, Halt, Needs, Outcome, PathIds, Requires};
use http::HeaderMap;

use super::order::pursue::NotTaken;
use crate::SecurePay;

/// Something comes in.
pub struct ReceiveProviderWebhook;

impl Requires for ReceiveProviderWebhook {
    const NEEDS: Needs = Needs::Nobody;
}

/// A message as it was signed: byte for byte.
pub struct Message {
    headers: HeaderMap,
    body: axum::body::Bytes,
}

impl<S: Send + Sync> FromRequest<S> for Message {
    type Rejection = Halt;

    async fn from_request(request: Request, _: &S) -> Result<Self, Halt> {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, BODY_LIMIT).await.map_err(|_| {
            Problem::new(
                400,
                "INCOMPLETE_BODY",
                "The body ended before its announced end.",
            )
        })?;
        Ok(Self {
            headers: parts.headers,
            body,
        })
    }
}

impl From<NotTaken> for Problem {
    fn from(error: NotTaken) -> Self {
        match error {
            NotTaken::Forged(error) => Self::new(
                400,
                "WEBHOOK_REFUSED",
                "The webhook is not signed by the provider, or not new.",
            )
            .with_detail(error.to_string()),
            NotTaken::Storage(error) => error.into(),
        }
    }
}

/// Takes a message of a payment provider: signed as in Standard Webhooks, in any order and
/// any number of times.
#[utoipa::path(
    post,
    path = "/provider-webhooks/{provider}",
    operation_id = "receiveProviderWebhook",
    tag = "securepay",
    security(()),
    params(
        ("provider" = String, Path, description = "The provider's name.", pattern = "^[a-z]{1,40}$"),
        ("webhook-id" = Option<String>, Header, description = "Names the message."),
        ("webhook-timestamp" = Option<String>, Header, description = "When it was sent: seconds since 1970."),
        ("webhook-signature" = Option<String>, Header, description = "`v1,` and HMAC-SHA256 over id, timestamp and body in base64; several are separated by spaces."),
    ),
    request_body(content = Object, description = "Whatever the provider sends.", content_type = "application/json"),
    responses((status = 204, description = "Taken.")),
)]
pub async fn receive(
    _: Cx<ReceiveProviderWebhook>,
    State(s): State<Arc<SecurePay>>,
    PathIds(name): PathIds<String>,
    message: Message,
) -> Outcome {
    let pursuit = s
        .provider
        .as_ref()
        .map(|provider| &provider.pursuit)
        .filter(|pursuit| pursuit.provider() == name)
        .ok_or_else(Problem::not_found)?;
    pursuit.receive(&message.headers, &message.body).await?;
    Ok(Answer::no_content())
}
