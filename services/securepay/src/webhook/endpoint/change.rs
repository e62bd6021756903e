//! `PATCH /webhook-endpoints/{id}`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::{Problem, Violations};
use galen_service::{Body, Cx, Needs, Outcome, PathIds, Requires};
use http::StatusCode;
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use super::model::{self, Disabled};
use super::store::{self, DESCRIPTION};
use super::{EndpointId, view};
use crate::SecurePay;
use crate::webhook::message::MessageType;

/// What is to be otherwise; fields that are not there stay as they are. Another address
/// is another endpoint.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = ChangeWebhookEndpoint)]
pub(crate) struct ChangeEndpoint {
    /// All that it wants to be told of.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Vec<MessageType>, min_items = 1, max_items = 12, required = false)]
    events: Option<Vec<MessageType>>,
    /// What it is for.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, min_length = 1, max_length = 200, required = false)]
    description: Option<String>,
    /// Whether it is told.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = bool, required = false)]
    enabled: Option<bool>,
}

impl Requires for ChangeEndpoint {
    const NEEDS: Needs = Needs::Permission(Permission::WebhookManage);
}

/// Changes, disables or enables an endpoint. What waited for it is sent when it is
/// enabled again.
#[utoipa::path(
    patch,
    path = "/webhook-endpoints/{id}",
    operation_id = "changeWebhookEndpoint",
    tag = "securepay",
    params(("id" = uuid::Uuid, Path, description = "The endpoint.")),
    request_body = ChangeEndpoint,
    responses((status = 200, description = "The changed endpoint.", body = view::EndpointView)),
)]
pub(crate) async fn change(
    cx: Cx<ChangeEndpoint>,
    State(s): State<Arc<SecurePay>>,
    PathIds(id): PathIds<EndpointId>,
    Body(request): Body<ChangeEndpoint>,
) -> Outcome {
    let mut tx = cx.begin(&s.db).await?;
    let before = store::lock(tx.conn(), id)
        .await?
        .ok_or_else(Problem::not_found)?;
    let mut wrong = Violations::new();
    let given = request.events.as_deref();
    let events = given.map(|events| model::events(&mut wrong, events));
    let given = request.description.as_deref();
    let description = given.map(|text| model::description(&mut wrong, text));
    wrong.finish()?;
    cx.expect_version(before.version)?;

    let mut endpoint = before.clone();
    if let Some(events) = events {
        endpoint.events = events;
    }
    if let Some(text) = description {
        let key = s.vault.key_of(tx.conn(), id).await?;
        endpoint.description = Some(key.seal(&DESCRIPTION, id, &text)?);
    }
    match request.enabled {
        Some(true) => endpoint.disabled = None,
        Some(false) if before.disabled.is_none() => endpoint.disabled = Some(Disabled::ByHand),
        Some(false) | None => {}
    }
    if endpoint != before {
        endpoint.version = store::update(tx.conn(), &endpoint).await?;
        tx.ring(&s.webhooks.bell);
    }
    let view = view::show_one(&s.vault, tx.conn(), &endpoint).await?;
    tx.commit(view.answer(StatusCode::OK)).await
}

/// A field that is there is not null.
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}
