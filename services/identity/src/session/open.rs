//! Opening a session, and the tokens that its device gets.

use galen_access::token::ACCESS_TOKEN_SECONDS;
use galen_access::{Authentication, Grants, Method, TokenError};
use galen_kernel::{Problem, Timestamp};
use galen_service::Answer;
use galen_storage::{Error, Tx};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::device::Device;
use super::model::{self, Delegation, Session};
use super::store;
use crate::account::Account;
use crate::provider::Scope;
use crate::role;
use crate::secret::{self, Secret};
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
    /// The answer.
    pub(crate) fn answer(&self, status: StatusCode) -> Answer {
        secret::disclose(status, self)
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
    let Some((session, grants)) = begin(tx, account, device, authentication, None, now).await?
    else {
        return Ok(None);
    };
    issue(tx, keyring, account, grants, &session, now)
        .await
        .map(Some)
}

/// Stores a new session, and says what the custom roles of its account grant. `None` as
/// with [`open`].
async fn begin(
    tx: &mut Tx,
    account: &Account,
    device: &Device,
    authentication: Authentication,
    delegation: Option<Delegation>,
    now: Timestamp,
) -> Result<Option<(Session, Grants)>, Error> {
    let lasts = delegation
        .as_ref()
        .is_none_or(|given| given.scopes.contains(Scope::OfflineAccess));
    let session = Session {
        id: tx.clock().id(),
        account: account.id,
        created_at: now,
        authentication,
        last_used_at: now,
        expires_at: if lasts {
            model::expiry(now, now)
        } else {
            model::expiry_without_refresh(now)
        },
        revoked_at: None,
        user_agent: device.user_agent.clone(),
        address: device.address.clone(),
        delegation,
    };
    let grants = lock_grants(tx, account).await?;
    let is_stored = store::insert(tx.conn(), &session, account).await?;
    Ok(is_stored.then_some((session, grants)))
}

/// What the custom roles of an account grant, which does not change until the
/// transaction ends.
///
/// To be called before a session is locked: whoever changes a role locks it first, and
/// then the sessions that end.
pub(crate) async fn lock_grants(tx: &mut Tx, account: &Account) -> Result<Grants, Error> {
    role::store::lock_grants_of(tx.conn(), &account.roles.custom()).await
}

/// What a client gets for its user.
pub(crate) struct ClientTokens {
    /// To show who they are, or to act for them.
    pub(crate) access: String,
    /// For the next tokens, when it may go on without them.
    pub(crate) refresh: Option<Secret>,
}

/// Opens a session for a client, of an account whose owner showed then and so who they
/// are. `None` as with [`open`].
pub(crate) async fn open_for_client(
    tx: &mut Tx,
    keyring: &Keyring,
    account: &Account,
    device: &Device,
    authentication: Authentication,
    delegation: Delegation,
    now: Timestamp,
) -> Result<Option<(Session, ClientTokens)>, OpenError> {
    let delegation = Some(delegation);
    let Some((session, grants)) =
        begin(tx, account, device, authentication, delegation, now).await?
    else {
        return Ok(None);
    };
    let tokens = issue_for_client(tx, keyring, account, grants, &session, now).await?;
    Ok(Some((session, tokens)))
}

/// Issues the next tokens of a client's session.
pub(crate) async fn issue_for_client(
    tx: &mut Tx,
    keyring: &Keyring,
    account: &Account,
    grants: Grants,
    session: &Session,
    now: Timestamp,
) -> Result<ClientTokens, OpenError> {
    let lasts = session
        .delegation
        .as_ref()
        .is_some_and(|given| given.scopes.contains(Scope::OfflineAccess));
    let refresh = lasts.then(Secret::generate);
    if let Some(refresh) = &refresh {
        store::insert_token(tx.conn(), session.id, refresh.hash(), now).await?;
    }
    let access = access_token(keyring, account, grants, session, now)?;
    Ok(ClientTokens { access, refresh })
}

/// Issues the next pair of tokens of a session.
pub(crate) async fn issue(
    tx: &mut Tx,
    keyring: &Keyring,
    account: &Account,
    grants: Grants,
    session: &Session,
    now: Timestamp,
) -> Result<TokenAnswer, OpenError> {
    let refresh = Secret::generate();
    store::insert_token(tx.conn(), session.id, refresh.hash(), now).await?;
    Ok(TokenAnswer {
        access_token: access_token(keyring, account, grants, session, now)?,
        refresh_token: refresh.expose().to_owned(),
        expires_in: ACCESS_TOKEN_SECONDS,
        token_type: TokenType::Bearer,
    })
}

/// Signs an access token of a session. A client's is for the API only if it asked for
/// that; and what takes a recent login is not for clients, however recent theirs is.
pub(crate) fn access_token(
    keyring: &Keyring,
    account: &Account,
    grants: Grants,
    session: &Session,
    now: Timestamp,
) -> Result<String, TokenError> {
    let authentication = match &session.delegation {
        None => session.authentication.clone(),
        Some(given) => {
            let withheld = Authentication::new(&[], Timestamp::UNIX_EPOCH);
            if !given.scopes.contains(Scope::Galen) {
                return keyring.sign_for_userinfo(account.id, session.id, &withheld, now);
            }
            withheld
        }
    };
    let principal = account.principal(session.id, grants);
    keyring.sign(&principal, &authentication, now)
}
