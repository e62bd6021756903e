//! `POST /oauth2/introspect`: what a token is worth now (RFC 7662). Asked by confidential
//! clients, servers that are shown tokens among them, and by whoever may see accounts.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_access::token::{AUDIENCE, LEEWAY_SECONDS, USERINFO_AUDIENCE};
use galen_kernel::Timestamp;
use galen_service::{Cx, Needs, Outcome, Requires};
use galen_storage::Tx;
use http::{HeaderMap, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use uuid::Uuid;

use super::error::{Code, Failure, Refusal, private, told};
use super::parameters::Parameters;
use super::scope::Scope;
use super::token::missing;
use super::{access, authentication};
use crate::Identity;
use crate::account;
use crate::client::ClientId;
use crate::secret::SecretHash;
use crate::session::model::Session;
use crate::session::store;

/// Somebody who was shown a token.
pub(crate) struct Introspect;

impl Requires for Introspect {
    const NEEDS: Needs = Needs::Nobody;
}

/// What a token is worth: nothing, or whom it stands for.
#[derive(Serialize)]
struct Worth {
    active: bool,
    #[serde(flatten)]
    of: Option<Known>,
}

/// What is told of a token that works.
#[derive(Serialize)]
struct Known {
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'static str>,
    #[serde(skip_serializing_if = "String::is_empty")]
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<Uuid>,
    username: String,
    sub: Uuid,
    sid: Uuid,
    iss: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<&'static str>,
    exp: i64,
    auth_time: i64,
    amr: Vec<&'static str>,
}

/// Says what a token is worth.
pub(crate) async fn introspect(
    cx: Cx<Introspect>,
    State(s): State<Arc<Identity>>,
    headers: HeaderMap,
    parameters: Parameters,
) -> Outcome {
    let done = worth(&cx, &s, &headers, &parameters).await;
    told(&cx, done.map(|worth| private(StatusCode::OK, &worth)))
}

async fn worth(
    cx: &Cx<Introspect>,
    s: &Identity,
    headers: &HeaderMap,
    parameters: &Parameters,
) -> Result<Worth, Failure> {
    let mut tx = s.db.begin().await?;
    let asker = asker(cx, &mut tx, headers, parameters).await?;
    let token = parameters
        .secret("token")?
        .ok_or(missing("token is missing"))?;
    let now = cx.now();
    let found = match access_token(&mut tx, s, &token, now).await? {
        Some(found) => Some(found),
        None => refresh_token(&mut tx, &token, asker, now).await?,
    };
    let Some((session, token_type, exp)) = found else {
        return Ok(Worth {
            active: false,
            of: None,
        });
    };
    let account = account::store::by_id(tx.conn(), session.account).await?;
    let of = account
        .filter(|account| account.lock.is_none())
        .map(|account| known(s, &session, account.username.as_str(), token_type, exp));
    Ok(Worth {
        active: of.is_some(),
        of,
    })
}

/// A confidential client, or `None` for somebody who may see accounts.
async fn asker(
    cx: &Cx<Introspect>,
    tx: &mut Tx,
    headers: &HeaderMap,
    parameters: &Parameters,
) -> Result<Option<ClientId>, Failure> {
    if access::shown(headers).is_some() {
        let may = cx
            .principal()
            .is_ok_and(|principal| principal.may(Permission::UserRead));
        return if may {
            Ok(None)
        } else {
            Err(Refusal::new(
                Code::InvalidToken,
                "the access token does not work, or is of nobody who may see accounts",
            )
            .into())
        };
    }
    let client = authentication::client(tx, headers, parameters).await?;
    cx.about("oauth-clients", client.id);
    if client.confidential {
        Ok(Some(client.id))
    } else {
        Err(Refusal::new(Code::InvalidClient, "the client has no secret to show").into())
    }
}

type Found = (Session, Option<&'static str>, Timestamp);

async fn access_token(
    tx: &mut Tx,
    s: &Identity,
    token: &SecretString,
    now: Timestamp,
) -> Result<Option<Found>, Failure> {
    let token = token.expose_secret();
    let Some(verified) = access::verified(&s.keyring, token, now) else {
        return Ok(None);
    };
    let session = access::session(tx.conn(), &s.keyring, token, now).await?;
    let leeway = jiff::SignedDuration::from_secs(LEEWAY_SECONDS.cast_signed());
    let exp = verified.until.saturating_sub(leeway).unwrap_or(now);
    Ok(session.map(|session| (session, Some("Bearer"), exp)))
}

/// Refresh tokens are shown to nobody but us, so that only their own client asks.
async fn refresh_token(
    tx: &mut Tx,
    token: &SecretString,
    asker: Option<ClientId>,
    now: Timestamp,
) -> Result<Option<Found>, Failure> {
    let session = store::by_usable_token(tx.conn(), SecretHash::of(token)).await?;
    Ok(session
        .filter(|session| session.is_live(now) && (asker.is_none() || session.belongs_to(asker)))
        .map(|session| {
            let exp = session.expires_at;
            (session, None, exp)
        }))
}

fn known(
    s: &Identity,
    session: &Session,
    username: &str,
    token_type: Option<&'static str>,
    exp: Timestamp,
) -> Known {
    let given = session.delegation.as_ref();
    let for_api = given.is_none_or(|given| given.scopes.contains(Scope::Galen));
    let audience = if for_api { AUDIENCE } else { USERINFO_AUDIENCE };
    let methods = session.authentication.methods.iter();
    Known {
        token_type,
        scope: given
            .map(|given| given.scopes.to_string())
            .unwrap_or_default(),
        client_id: given.map(|given| given.client.uuid()),
        username: username.to_owned(),
        sub: session.account.uuid(),
        sid: session.id.uuid(),
        iss: s.public_url.clone(),
        aud: token_type.map(|_| audience),
        exp: exp.as_second(),
        auth_time: session.authentication.at.as_second(),
        amr: methods.map(|method| method.name()).collect(),
    }
}
