//! A code for tokens, once. A second use by somebody who knows the verifier ends the
//! session that the first one gave (RFC 6749 section 4.1.2): nobody can tell which of
//! the two was the client. Of exchanges side by side one wins, and the others end its
//! session, as with refresh tokens.

use galen_access::Authentication;
use galen_service::{Answer, Cx};
use http::HeaderMap;

use super::code::{AuthorizationCode, Unfit};
use super::error::{Code, Failure, Refusal};
use super::parameters::Parameters;
use super::scope::Scope;
use super::token::{Exchange, answer, missing};
use super::{authentication, store};
use crate::Identity;
use crate::account::{self, Account};
use crate::secret::SecretHash;
use crate::session::model::Delegation;
use crate::session::{open, refresh};

/// The same for all reasons: a thief need not know.
const REFUSED: Refusal = Refusal::new(
    Code::InvalidGrant,
    "the code does not work: it is unknown, used, too old, or not for this request",
);

/// Exchanges a code.
pub(super) async fn exchange(
    cx: &Cx<Exchange>,
    s: &Identity,
    headers: &HeaderMap,
    parameters: &Parameters,
) -> Result<Answer, Failure> {
    let shown = parameters
        .secret("code")?
        .ok_or(missing("code is missing"))?;
    let redirect_uri = parameters
        .one("redirect_uri")?
        .ok_or(missing("redirect_uri is missing"))?;
    let verifier = parameters
        .one("code_verifier")?
        .ok_or(missing("code_verifier is missing"))?;
    let now = cx.now();
    let mut tx = s.db.begin().await?;
    let client = authentication::client(&mut tx, headers, parameters).await?;
    cx.about("oauth-clients", client.id);
    let code = store::lock(tx.conn(), SecretHash::of(&shown))
        .await?
        .ok_or(REFUSED)?;
    match code.judge(client.id, redirect_uri, verifier, now) {
        Ok(()) => {}
        Err(Unfit::Used(session)) => {
            let ending = refresh::end_reused(&mut tx, session, now).await?;
            refresh::reused(s, tx, ending).await?;
            return Err(REFUSED.into());
        }
        Err(Unfit::Foreign | Unfit::Expired) => return Err(REFUSED.into()),
    }
    if code.scopes.contains(Scope::Galen) && !client.api_access {
        return Err(REFUSED.into());
    }
    cx.about("users", code.account);
    let account = account::store::by_id(tx.conn(), code.account).await?;
    let account = account
        .filter(|account| is_as_it_was(account, &code))
        .ok_or(REFUSED)?;
    let delegation = Delegation {
        client: client.id,
        scopes: code.scopes.clone(),
    };
    let shown_then = Authentication::new(&code.methods, code.authenticated_at);
    let opened = open::open_for_client(
        &mut tx,
        &s.keyring,
        &account,
        &code.device,
        shown_then,
        delegation,
        now,
    );
    let (session, tokens) = opened.await?.ok_or(REFUSED)?;
    store::use_up(tx.conn(), code.hash, session.id, now).await?;
    let answer = answer(s, &session, &tokens, code.nonce.as_deref(), now)?;
    tx.commit().await?;
    Ok(answer)
}

/// Whoever was locked, or chose another password, in the minute since has to log in
/// again.
fn is_as_it_was(account: &Account, code: &AuthorizationCode) -> bool {
    account.lock.is_none() && account.version == code.account_version
}
