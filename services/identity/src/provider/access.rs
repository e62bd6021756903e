//! What is shown of tokens: whose they are, and of which session.

use galen_access::Verified;
use galen_access::token::{AUDIENCE, USERINFO_AUDIENCE};
use galen_contracts::ids::UserId;
use galen_kernel::Timestamp;
use galen_storage::Error;
use http::{HeaderMap, header};
use serde::Deserialize;
use sqlx::PgExecutor;

use crate::client::ClientId;
use crate::session;
use crate::session::model::Session;
use crate::signing::Keyring;

/// What an access token says, for the API or not.
pub(super) fn verified(keyring: &Keyring, token: &str, now: Timestamp) -> Option<Verified> {
    let audiences = [AUDIENCE, USERINFO_AUDIENCE];
    keyring.keys().verify_for(&audiences, token, now).ok()
}

/// The session of an access token that works. The database is asked, because other
/// processes hear of a session's end a moment later.
pub(super) async fn session(
    db: impl PgExecutor<'_>,
    keyring: &Keyring,
    token: &str,
    now: Timestamp,
) -> Result<Option<Session>, Error> {
    let Some(verified) = verified(keyring, token, now) else {
        return Ok(None);
    };
    let session = session::store::by_id(db, verified.principal.session_id).await?;
    Ok(session.filter(|session| session.revoked_at.is_none()))
}

/// The access token that is shown in `Authorization` (RFC 6750 section 2.1).
pub(super) fn shown(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// What is looked at of an id token that is shown back.
#[derive(Deserialize)]
struct Hint {
    iss: String,
    aud: String,
    sub: UserId,
}

/// Who is meant by an id token of ours for this client, be it old.
pub(super) fn hinted(
    keyring: &Keyring,
    issuer: &str,
    client: ClientId,
    token: &str,
) -> Option<UserId> {
    let hint: Hint = keyring.keys().signed_claims(token).ok()?;
    (hint.iss == issuer && hint.aud == client.to_string()).then_some(hint.sub)
}
