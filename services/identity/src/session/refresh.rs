//! `POST /auth/refresh`: a refresh token for the next pair of tokens.
//!
//! Each token works once. A second use means that two hold it, its owner and a
//! thief, and nobody can tell which is which: the whole family, which is the
//! session, ends (RFC 9700 section 4.14.2), and access tokens of it with it. There is no grace for requests side by
//! side: of two, one wins and the other ends the session, so a client must not
//! refresh twice at a time. The answer holds tokens, so it is not kept for an
//! `Idempotency-Key`; who lost it logs in again.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Grants;
use galen_contracts::identity::v1::TokenReuseDetected;
use galen_contracts::ids::SessionId;
use galen_eventing::Publish as _;
use galen_kernel::{Problem, Timestamp};
use galen_service::{Body, Cx, Needs, Outcome, Requires};
use galen_storage::{Error, Tx};
use http::StatusCode;
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

use super::ending::Ending;
use super::model::{self, Session};
use super::open::{self, TokenAnswer};
use super::store;
use crate::Identity;
use crate::account::{self, Account};
use crate::client::ClientId;
use crate::secret::SecretHash;

/// A refresh token.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Refresh {
    /// As the last answer gave it.
    #[schema(value_type = String)]
    refresh_token: SecretString,
}

impl Requires for Refresh {
    const NEEDS: Needs = Needs::Nobody;
}

/// What became of a refresh token.
pub(crate) enum Exchange {
    /// It is used up, and its session, of this account, goes on.
    Renewed(Box<Renewed>),
    /// It was used before; its session ends now, unless it had ended already.
    Reused(Option<Ending>),
    /// It is unknown, or its session has ended.
    Refused,
}

/// A session that goes on.
pub(crate) struct Renewed {
    /// The session.
    pub(crate) session: Session,
    /// Whose it is.
    pub(crate) account: Account,
    /// What the account's custom roles grant.
    pub(crate) grants: Grants,
}

/// Exchanges a refresh token, once.
#[utoipa::path(
    post,
    path = "/auth/refresh",
    tag = "identity",
    request_body = Refresh,
    responses((status = 200, description = "The next tokens", body = TokenAnswer))
)]
pub(crate) async fn refresh(
    cx: Cx<Refresh>,
    State(s): State<Arc<Identity>>,
    Body(request): Body<Refresh>,
) -> Outcome {
    let mut tx = s.db.begin().await?;
    let token = SecretHash::of(&request.refresh_token);
    let exchanged = exchange(&cx, &mut tx, token, None).await?;
    match exchanged {
        Exchange::Renewed(renewed) => {
            let Renewed {
                session,
                account,
                grants,
            } = *renewed;
            let now = cx.now();
            let tokens = open::issue(&mut tx, &s.keyring, &account, grants, &session, now).await?;
            tx.commit().await?;
            Ok(tokens.answer(StatusCode::OK))
        }
        Exchange::Reused(ending) => {
            reused(&s, tx, ending).await?;
            Err(refused().into())
        }
        Exchange::Refused => Err(refused().into()),
    }
}

/// The same for all reasons: a thief need not know.
const fn refused() -> Problem {
    Problem::new(
        401,
        "INVALID_REFRESH_TOKEN",
        "The refresh token does not work; log in again.",
    )
}

/// Ends the session of what was used twice.
pub(crate) async fn reused(s: &Identity, tx: Tx, ending: Option<Ending>) -> Result<(), Error> {
    tx.commit().await?;
    if let Some(ending) = ending {
        ending.take_effect(s.keyring.ended());
    }
    metrics::counter!("galen_identity_token_reuse_total").increment(1);
    Ok(())
}

/// Ends a session because something of it was used twice; to be committed with
/// [`reused`].
pub(crate) async fn end_reused(
    tx: &mut Tx,
    session: SessionId,
    now: Timestamp,
) -> Result<Option<Ending>, Error> {
    let Some(account) = store::revoke(tx.conn(), session, now).await? else {
        return Ok(None);
    };
    tx.publish(&TokenReuseDetected {
        user_id: account.to_string(),
        session_id: session.to_string(),
    });
    Ok(Some(Ending::tell(tx, account, vec![session], now)))
}

/// Uses up a refresh token of a session of this client, or of Galen's own. Who is not
/// the one spoils nothing.
pub(crate) async fn exchange<R: Requires>(
    cx: &Cx<R>,
    tx: &mut Tx,
    token: SecretHash,
    client: Option<ClientId>,
) -> Result<Exchange, Error> {
    let now = cx.now();
    let Some(account) = store::account_of_token(tx.conn(), token).await? else {
        return Ok(Exchange::Refused);
    };
    cx.about("users", account);
    let account = account::store::by_id(tx.conn(), account).await?;
    let Some(account) = account.filter(|account| account.lock.is_none()) else {
        return Ok(Exchange::Refused);
    };
    let grants = open::lock_grants(tx, &account).await?;
    // What changes an account's rights ends its sessions: this one lives, so what was
    // read of the account before is still so.
    let Some(session) = store::lock_by_token(tx.conn(), token).await? else {
        return Ok(Exchange::Refused);
    };
    if !session.is_live(now) || !session.belongs_to(client) {
        return Ok(Exchange::Refused);
    }
    if !store::use_token(tx.conn(), token, now).await? {
        return Ok(Exchange::Reused(end_reused(tx, session.id, now).await?));
    }
    store::prolong(
        tx.conn(),
        session.id,
        now,
        model::expiry(session.created_at, now),
    )
    .await?;
    Ok(Exchange::Renewed(Box::new(Renewed {
        session,
        account,
        grants,
    })))
}
