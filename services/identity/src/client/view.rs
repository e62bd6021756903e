//! How clients are shown.

use galen_kernel::Timestamp;
use galen_service::Answer;
use http::header::CACHE_CONTROL;
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Client;
use super::redirect::RedirectUri;
use crate::secret::Secret;

/// A client.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OAuthClientView)]
pub(crate) struct ClientView {
    /// Identity; the client's `client_id`.
    id: Uuid,
    /// What people read when they log in for it.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// Whether it has a secret.
    confidential: bool,
    /// Where codes may be sent to.
    #[schema(min_items = 1, max_items = 20)]
    redirect_uris: Vec<String>,
    /// Whether it may ask for the scope `galen`, and then act for its users through the
    /// API. Otherwise it only learns who they are.
    api_access: bool,
    /// Whether anybody can log in with it.
    enabled: bool,
    /// When it was registered.
    created_at: Timestamp,
    /// As in the `ETag`.
    version: i64,
    /// Its secret: only in the answer to the request that made it, and nowhere again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 43, max_length = 43, required = false, nullable = false)]
    client_secret: Option<String>,
}

impl ClientView {
    /// Shows a client, with the secret that was just made for it.
    pub(crate) fn with_secret(client: &Client, secret: Option<&Secret>) -> Self {
        Self {
            id: client.id.uuid(),
            name: client.name.clone(),
            confidential: client.confidential,
            redirect_uris: client
                .redirect_uris
                .iter()
                .map(|uri| RedirectUri::as_str(uri).to_owned())
                .collect(),
            api_access: client.api_access,
            enabled: client.enabled,
            created_at: client.created_at,
            version: client.version,
            client_secret: secret.map(|secret| secret.expose().to_owned()),
        }
    }

    /// The answer, which nobody on the way may keep when it holds a secret.
    pub(crate) fn answer(&self, status: StatusCode) -> Answer {
        let mut answer = Answer::json(status, self).version(self.version);
        if self.client_secret.is_some() {
            answer
                .headers
                .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        answer
    }
}

impl From<&Client> for ClientView {
    fn from(client: &Client) -> Self {
        Self::with_secret(client, None)
    }
}
