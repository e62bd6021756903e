//! How endpoints are shown.

use galen_kernel::{Problem, Timestamp};
use galen_service::Answer;
use galen_vault::{Keyring, Vault};
use http::header::CACHE_CONTROL;
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use sqlx::PgConnection;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Endpoint;
use super::model::Disabled;
use super::store::DESCRIPTION;
use crate::webhook::message::MessageType;

/// Somebody who is told of payments.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookEndpoint)]
pub(crate) struct EndpointView {
    /// Identity.
    id: Uuid,
    /// Where messages are posted to, in its normal form.
    #[schema(min_length = 1, max_length = 2000)]
    url: String,
    /// What it wants to be told of. `webhook.test` is sent whenever it is asked for.
    #[schema(min_items = 1, max_items = 12)]
    events: Vec<MessageType>,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    description: Option<String>,
    /// Whether it is told. While it is not, what happens is passed over, and what waits
    /// for it goes on waiting.
    enabled: bool,
    /// Why it is not told.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    disabled_because: Option<Disabled>,
    /// When it was registered; what happened before is not told.
    created_at: Timestamp,
    /// As in the `ETag`.
    version: i64,
    /// What its deliveries are signed with: only in the answer to the request that made
    /// it, and nowhere again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 50, max_length = 50, required = false, nullable = false)]
    secret: Option<String>,
}

impl EndpointView {
    /// Shows an endpoint whose description the keyring opens.
    pub(crate) fn open(endpoint: &Endpoint, keys: &Keyring) -> Result<Self, galen_vault::Error> {
        let description = endpoint
            .description
            .as_ref()
            .map(|sealed| keys.open(&DESCRIPTION, endpoint.id, endpoint.id, sealed))
            .transpose()?;
        Ok(Self {
            id: endpoint.id.uuid(),
            url: endpoint.url.clone(),
            events: endpoint.events.clone(),
            description: description.map(|text| text.expose().clone()),
            enabled: endpoint.disabled.is_none(),
            disabled_because: endpoint.disabled,
            created_at: endpoint.created_at,
            version: endpoint.version,
            secret: None,
        })
    }

    /// Shows the secret that was just made for it as well.
    pub(crate) fn with_secret(mut self, secret: String) -> Self {
        self.secret = Some(secret);
        self
    }

    /// The answer, which nobody on the way may keep when it holds a secret.
    pub(crate) fn answer(&self, status: StatusCode) -> Answer {
        let mut answer = Answer::json(status, self).version(self.version);
        if self.secret.is_some() {
            let no_store = HeaderValue::from_static("no-store");
            answer.headers.insert(CACHE_CONTROL, no_store);
        }
        answer
    }
}

/// Shows endpoints.
pub(crate) async fn show(
    vault: &Vault,
    connection: &mut PgConnection,
    endpoints: &[Endpoint],
) -> Result<Vec<EndpointView>, Problem> {
    let sealed = endpoints.iter().filter_map(|e| e.description.as_ref());
    let keys = vault.keyring(connection, sealed).await?;
    let views = endpoints.iter().map(|e| EndpointView::open(e, &keys));
    Ok(views.collect::<Result<_, _>>()?)
}

/// Shows one endpoint.
pub(crate) async fn show_one(
    vault: &Vault,
    connection: &mut PgConnection,
    endpoint: &Endpoint,
) -> Result<EndpointView, Problem> {
    let keys = vault.keyring(connection, &endpoint.description).await?;
    Ok(EndpointView::open(endpoint, &keys)?)
}
