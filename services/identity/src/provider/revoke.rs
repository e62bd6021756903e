//! `POST /oauth2/revoke`: a client gives a token back, and with it the session: its other
//! tokens are refused at once as well (RFC 7009).

use std::sync::Arc;

use axum::extract::State;
use galen_service::{Answer, Cx, Needs, Outcome, Requires};
use http::{HeaderMap, StatusCode};
use secrecy::ExposeSecret as _;

use super::error::{Code, Failure, Refusal, told};
use super::parameters::Parameters;
use super::token::missing;
use super::{access, authentication};
use crate::Identity;
use crate::secret::SecretHash;
use crate::session::ending::Ending;
use crate::session::store;

/// A client that gives a token back.
pub(crate) struct Revoke;

impl Requires for Revoke {
    const NEEDS: Needs = Needs::Nobody;
}

/// Ends the session of a token. One that does not work is as good as given back.
pub(crate) async fn revoke(
    cx: Cx<Revoke>,
    State(s): State<Arc<Identity>>,
    headers: HeaderMap,
    parameters: Parameters,
) -> Outcome {
    let done = give_back(&cx, &s, &headers, &parameters).await;
    let mut nothing = Answer::no_content();
    nothing.status = StatusCode::OK;
    told(&cx, done.map(|()| nothing))
}

async fn give_back(
    cx: &Cx<Revoke>,
    s: &Identity,
    headers: &HeaderMap,
    parameters: &Parameters,
) -> Result<(), Failure> {
    let mut tx = s.db.begin().await?;
    let client = authentication::client(&mut tx, headers, parameters).await?;
    cx.about("oauth-clients", client.id);
    let token = parameters
        .secret("token")?
        .ok_or(missing("token is missing"))?;
    let now = cx.now();
    let session = match store::lock_by_token(tx.conn(), SecretHash::of(&token)).await? {
        Some(session) => Some(session),
        None => access::session(tx.conn(), &s.keyring, token.expose_secret(), now).await?,
    };
    let Some(session) = session else {
        return Ok(());
    };
    if !session.belongs_to(Some(client.id)) {
        return Err(Refusal::new(
            Code::UnauthorizedClient,
            "the token was given to another client",
        )
        .into());
    }
    if let Some(account) = store::revoke(tx.conn(), session.id, now).await? {
        cx.about("users", account);
        let ending = Ending::tell(&mut tx, account, vec![session.id], now);
        tx.commit().await?;
        ending.take_effect(s.keyring.ended());
    }
    Ok(())
}
