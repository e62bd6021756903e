//! `PATCH /oauth-clients/{id}`: an administrator changes, disables or enables a client,
//! or has another secret made for it.
//!
//! The answer to a request for another secret holds it, so such a request is not kept
//! for an `Idempotency-Key`; if the answer is lost, the next secret replaces it.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::{Problem, Violations};
use galen_service::{Body, Cx, Needs, Outcome, PathIds, Requires};
use galen_storage::Tx;
use http::StatusCode;
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use super::view::ClientView;
use super::{Client, ClientId, model, store};
use crate::Identity;
use crate::provider;
use crate::secret::Secret;
use crate::session::ending::Ending;

/// What is to be otherwise; fields that are not there stay as they are.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = ChangeOAuthClient)]
pub(crate) struct ChangeClient {
    /// What people read when they log in for it.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, min_length = 1, max_length = 100, required = false)]
    name: Option<String>,
    /// All addresses that codes may be sent to.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Vec<String>, min_items = 1, max_items = 20, required = false)]
    redirect_uris: Option<Vec<String>>,
    /// Whether it may act for its users through the API. False ends its sessions.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = bool, required = false)]
    api_access: Option<bool>,
    /// Whether anybody can log in with it. False ends its sessions.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = bool, required = false)]
    enabled: Option<bool>,
    /// True replaces its secret, at once; its sessions go on.
    #[serde(default)]
    rotate_secret: bool,
}

impl Requires for ChangeClient {
    const NEEDS: Needs = Needs::Permission(Permission::UserManage);
    const STEP_UP: bool = true;
}

/// Changes a client. Another secret is in this answer and nowhere again.
#[utoipa::path(
    patch,
    path = "/oauth-clients/{id}",
    tag = "identity",
    params(("id" = Uuid, Path, description = "The client")),
    request_body = ChangeClient,
    responses((status = 200, description = "The changed client", body = ClientView))
)]
pub(crate) async fn change(
    cx: Cx<ChangeClient>,
    State(s): State<Arc<Identity>>,
    PathIds(id): PathIds<ClientId>,
    Body(request): Body<ChangeClient>,
) -> Outcome {
    if request.rotate_secret {
        let mut tx = s.db.begin().await?;
        let (client, ending, secret) = apply(&cx, &mut tx, id, request).await?;
        tx.commit().await?;
        take_effect(&s, ending);
        let view = ClientView::with_secret(&client, secret.as_ref());
        return Ok(view.answer(StatusCode::OK));
    }
    let mut tx = cx.begin(&s.db).await?;
    let (client, ending, _) = apply(&cx, &mut tx, id, request).await?;
    let answer = ClientView::from(&client).answer(StatusCode::OK);
    let answer = tx.commit(answer).await?;
    take_effect(&s, ending);
    Ok(answer)
}

fn take_effect(s: &Identity, ending: Option<Ending>) {
    if let Some(ending) = ending {
        ending.take_effect(s.keyring.ended());
    }
}

async fn apply(
    cx: &Cx<ChangeClient>,
    tx: &mut Tx,
    id: ClientId,
    request: ChangeClient,
) -> Result<(Client, Option<Ending>, Option<Secret>), Problem> {
    let before = store::lock(tx.conn(), id)
        .await?
        .ok_or_else(Problem::not_found)?;
    let rotate = request.rotate_secret;
    let mut client = parse(&before, request)?;
    cx.expect_version(before.version)?;
    if rotate && !before.confidential {
        return Err(Problem::conflict(
            "CLIENT_IS_PUBLIC",
            "A public client has no secret.",
        ));
    }
    let secret = rotate.then(Secret::generate);
    let mut ending = None;
    if client != before || secret.is_some() {
        client.version =
            store::update(tx.conn(), &client, secret.as_ref().map(Secret::hash)).await?;
        if client.ends_sessions_of(&before) {
            ending = Some(Ending::of_client(tx, id, cx.now()).await?);
            provider::store::forget_of(tx.conn(), id).await?;
        }
    }
    Ok((client, ending, secret))
}

fn parse(before: &Client, request: ChangeClient) -> Result<Client, Problem> {
    let mut wrong = Violations::new();
    let mut client = before.clone();
    if let Some(name) = &request.name {
        client.name = model::name(&mut wrong, name);
    }
    if let Some(uris) = &request.redirect_uris {
        client.redirect_uris = model::redirect_uris(&mut wrong, uris, before.confidential);
    }
    wrong.finish()?;
    client.api_access = request.api_access.unwrap_or(before.api_access);
    client.enabled = request.enabled.unwrap_or(before.enabled);
    Ok(client)
}

/// A field that is there is not null.
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}
