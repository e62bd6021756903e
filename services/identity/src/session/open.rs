//! Opening a session, and the tokens that its device gets.

use galen_access::token::ACCESS_TOKEN_SECONDS;
use galen_access::{Authentication, Method, TokenError};
use galen_kernel::{Problem, Timestamp};
use galen_service::Answer;
use galen_storage::Tx;
use http::header::CACHE_CONTROL;
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use super::device::Device;
use super::model::{self, Session};
use super::store;
use crate::account::Account;
use crate::role;
use crate::secret::Secret;
use crate::signing::Keyring;

/// What a device needs to act for its user.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TokenAnswer {
    /// For the `Authorization` header.
    #[schema(min_length = 1)]
    access_token: String,
    /// For the next `POST /auth/refresh`, once.
    #[schema(min_length = 43, max_length = 43)]
    refresh_token: String,
    /// Seconds until the access token ends.
    #[schema(minimum = 1)]
    expires_in: i64,
    /// How the access token is shown (RFC 6750).
    token_type: TokenType,
}

impl TokenAnswer {
    /// The answer, which nobody on the way may keep (RFC 6749 section 5.1).
    pub(crate) fn answer(&self, status: StatusCode) -> Answer {
        let mut answer = Answer::json(status, self);
        let no_store = HeaderValue::from_static("no-store");
        answer.headers.insert(CACHE_CONTROL, no_store);
        answer
    }
}

/// How an access token is shown.
#[derive(Serialize, ToSchema)]
pub(crate) enum TokenType {
    /// `Authorization: Bearer …`
    Bearer,
}

/// Why there are no tokens.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// The access token cannot be signed.
    #[error("cannot sign an access token")]
    Sign(#[from] TokenError),
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] galen_storage::Error),
}

impl From<OpenError> for Problem {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Sign(_) => Self::internal(error),
            OpenError::Storage(error) => error.into(),
        }
    }
}

/// Opens a session of an account whose owner has just shown, by these methods, who they
/// are. `None` when the account was locked or its password changed in that moment.
pub(crate) async fn open(
    tx: &mut Tx,
    keyring: &Keyring,
    account: &Account,
    device: &Device,
    methods: &[Method],
    now: Timestamp,
) -> Result<Option<TokenAnswer>, OpenError> {
    let authentication = Authentication::new(methods, now);
    open_as(tx, keyring, account, device, authentication, now).await
}

/// As [`open`], for somebody who may have shown some time ago who they are.
pub(crate) async fn open_as(
    tx: &mut Tx,
    keyring: &Keyring,
    account: &Account,
    device: &Device,
    authentication: Authentication,
    now: Timestamp,
) -> Result<Option<TokenAnswer>, OpenError> {
    let session = Session {
        id: tx.clock().id(),
        account: account.id,
        created_at: now,
        authentication,
        last_used_at: now,
        expires_at: model::expiry(now, now),
        revoked_at: None,
        user_agent: device.user_agent.clone(),
        address: device.address.clone(),
    };
    if !store::insert(tx.conn(), &session, account).await? {
        return Ok(None);
    }
    issue(tx, keyring, account, &session, now).await.map(Some)
}

/// Issues the next pair of tokens of a session.
pub(crate) async fn issue(
    tx: &mut Tx,
    keyring: &Keyring,
    account: &Account,
    session: &Session,
    now: Timestamp,
) -> Result<TokenAnswer, OpenError> {
    let refresh = Secret::generate();
    store::insert_token(tx.conn(), session.id, refresh.hash(), now).await?;
    let access_token = access_token(tx, keyring, account, session, now).await?;
    Ok(TokenAnswer {
        access_token,
        refresh_token: refresh.expose().to_owned(),
        expires_in: ACCESS_TOKEN_SECONDS,
        token_type: TokenType::Bearer,
    })
}

/// Signs an access token of a session, with what its account may now.
pub(crate) async fn access_token(
    tx: &mut Tx,
    keyring: &Keyring,
    account: &Account,
    session: &Session,
    now: Timestamp,
) -> Result<String, OpenError> {
    let grants = role::store::grants_of(tx.conn(), &account.roles.custom()).await?;
    let principal = account.principal(session.id, grants);
    Ok(keyring.sign(&principal, &session.authentication, now)?)
}
