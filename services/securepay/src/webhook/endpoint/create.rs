//! `POST /webhook-endpoints`.
//!
//! The answer holds the secret, so such a request is not kept for an `Idempotency-Key`;
//! an endpoint whose answer was lost is deleted and registered anew.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::{Problem, Violations};
use galen_service::{Body, Cx, Needs, Outcome, Requires};
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use super::model::{self, EndpointError, MOST};
use super::store::{self, DESCRIPTION, SECRET};
use super::{Endpoint, EndpointId, view};
use crate::SecurePay;
use crate::webhook::message::MessageType;
use crate::webhook::signature;

/// Somebody new who is to be told.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = CreateWebhookEndpoint)]
pub(crate) struct CreateEndpoint {
    /// Where messages are posted to: `https`, and a public address.
    #[schema(
        min_length = 1,
        max_length = 2000,
        format = "uri",
        examples("https://accounting.example.org/hooks")
    )]
    url: String,
    /// What it wants to be told of.
    #[schema(min_items = 1, max_items = 12)]
    events: Vec<MessageType>,
    /// What it is for.
    #[schema(min_length = 1, max_length = 200)]
    description: Option<String>,
}

impl Requires for CreateEndpoint {
    const NEEDS: Needs = Needs::Permission(Permission::WebhookManage);
    const STEP_UP: bool = true;
}

/// Registers an endpoint. Its secret is in this answer and nowhere again.
#[utoipa::path(
    post,
    path = "/webhook-endpoints",
    operation_id = "createWebhookEndpoint",
    tag = "securepay",
    request_body = CreateEndpoint,
    responses((status = 201, description = "The new endpoint.", body = view::EndpointView)),
)]
pub(crate) async fn create(
    cx: Cx<CreateEndpoint>,
    State(s): State<Arc<SecurePay>>,
    Body(request): Body<CreateEndpoint>,
) -> Outcome {
    let mut wrong = Violations::new();
    let url = model::url(&mut wrong, &request.url, s.webhooks.settings);
    let events = model::events(&mut wrong, &request.events);
    let given = request.description.as_deref();
    let description = given.map(|text| model::description(&mut wrong, text));
    wrong.finish()?;

    let id: EndpointId = cx.clock().id();
    cx.about("webhook-endpoints", id);
    let mut tx = s.db.begin().await?;
    if store::count(tx.conn()).await? >= MOST {
        return Err(EndpointError::TooMany.into());
    }
    let key = s.vault.key_of(tx.conn(), id).await?;
    let endpoint = Endpoint {
        id,
        url,
        events,
        description: description
            .map(|text| key.seal(&DESCRIPTION, id, &text))
            .transpose()?,
        disabled: None,
        created_at: cx.now(),
        version: 1,
    };
    store::insert(tx.conn(), &endpoint).await?;
    let secret = signature::draw().map_err(Problem::internal)?;
    let secret_id = cx.clock().uuid();
    let sealed = key.seal(&SECRET, secret_id, &secret)?;
    store::add_secret(tx.conn(), secret_id, id, &sealed, cx.now()).await?;
    let view = view::show_one(&s.vault, tx.conn(), &endpoint).await?;
    tx.commit().await?;
    let location = format!("/api/v1/webhook-endpoints/{id}");
    let answer = view.with_secret(secret).answer(StatusCode::CREATED);
    Ok(answer.location(&location))
}
