//! `POST /oauth-clients`: an administrator registers an application.
//!
//! The answer for a confidential client holds its secret, so such a request is not kept
//! for an `Idempotency-Key`; a client whose answer was lost is deleted and registered
//! anew.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::{Clock, Problem, Timestamp, Violations};
use galen_service::{Body, Cx, Needs, Outcome, Requires};
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use super::view::ClientView;
use super::{Client, model, store};
use crate::Identity;
use crate::secret::Secret;

/// A new client.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = CreateOAuthClient)]
pub(crate) struct CreateClient {
    /// What people read when they log in for it.
    #[schema(min_length = 1, max_length = 100, examples("Ward tablets"))]
    name: String,
    /// Whether it can keep a secret: a server can; a browser or a telephone cannot.
    confidential: bool,
    /// Where codes may be sent to, exactly as they will be asked for. `https`, or `http`
    /// on a loopback address, or, for a public client, a scheme named after a domain.
    #[schema(min_items = 1, max_items = 20, examples(json!(["https://portal.example.org/back"])))]
    redirect_uris: Vec<String>,
    /// Whether it may act for its users through the API; otherwise it only learns who
    /// they are.
    #[serde(default)]
    api_access: bool,
}

impl Requires for CreateClient {
    const NEEDS: Needs = Needs::Permission(Permission::UserManage);
    const STEP_UP: bool = true;
}

/// Registers a client. The secret of a confidential one is in this answer and nowhere
/// again.
#[utoipa::path(
    post,
    path = "/oauth-clients",
    tag = "identity",
    request_body = CreateClient,
    responses((status = 201, description = "The new client", body = ClientView))
)]
pub(crate) async fn create(
    cx: Cx<CreateClient>,
    State(s): State<Arc<Identity>>,
    Body(request): Body<CreateClient>,
) -> Outcome {
    let client = parse(&request, cx.clock(), cx.now())?;
    let location = format!("/api/v1/oauth-clients/{}", client.id);
    if !client.confidential {
        let mut tx = cx.begin(&s.db).await?;
        store::insert(tx.conn(), &client, None).await?;
        let answer = ClientView::from(&client).answer(StatusCode::CREATED);
        return tx.commit(answer.location(&location)).await;
    }
    let secret = Secret::generate();
    let mut tx = s.db.begin().await?;
    store::insert(tx.conn(), &client, Some(secret.hash())).await?;
    tx.commit().await?;
    let view = ClientView::with_secret(&client, Some(&secret));
    Ok(view.answer(StatusCode::CREATED).location(&location))
}

fn parse(request: &CreateClient, clock: &Clock, now: Timestamp) -> Result<Client, Problem> {
    let mut wrong = Violations::new();
    let name = model::name(&mut wrong, &request.name);
    let redirect_uris =
        model::redirect_uris(&mut wrong, &request.redirect_uris, request.confidential);
    wrong.finish()?;
    Ok(Client {
        id: clock.id(),
        name,
        confidential: request.confidential,
        redirect_uris,
        api_access: request.api_access,
        enabled: true,
        created_at: now,
        version: 1,
    })
}
