//! A refresh token for the next tokens, once, as with `POST /auth/refresh`: a second use
//! ends its session (RFC 9700 section 4.14.2). The token must be shown by the client that
//! it was given to.

use galen_service::{Answer, Cx};
use http::HeaderMap;

use super::authentication;
use super::error::{Code, Failure, Refusal};
use super::parameters::Parameters;
use super::scope::Scopes;
use super::token::{self, answer, missing};
use crate::Identity;
use crate::secret::SecretHash;
use crate::session::open;
use crate::session::refresh::{self, Exchange, Renewed};

/// The same for all reasons: a thief need not know.
const REFUSED: Refusal = Refusal::new(
    Code::InvalidGrant,
    "the refresh token does not work; the user has to log in again",
);

/// Exchanges a refresh token.
pub(super) async fn renew(
    cx: &Cx<token::Exchange>,
    s: &Identity,
    headers: &HeaderMap,
    parameters: &Parameters,
) -> Result<Answer, Failure> {
    let shown = parameters
        .secret("refresh_token")?
        .ok_or(missing("refresh_token is missing"))?;
    let wished = parameters.one("scope")?.map(Scopes::parse);
    let mut tx = s.db.begin().await?;
    let client = authentication::client(&mut tx, headers, parameters).await?;
    cx.about("oauth-clients", client.id);
    let token = SecretHash::of(&shown);
    match refresh::exchange(cx, &mut tx, token, Some(client.id)).await? {
        Exchange::Renewed(renewed) => {
            let Renewed {
                session,
                account,
                grants,
            } = *renewed;
            // All that was given is given again; a wish for more is refused, and undone
            // with the transaction.
            let given = session.delegation.as_ref().map(|given| &given.scopes);
            if wished.is_some_and(|wished| given.is_none_or(|given| !wished.is_within(given))) {
                return Err(Refusal::new(
                    Code::InvalidScope,
                    "scope must not name more than was given",
                )
                .into());
            }
            let tokens =
                open::issue_for_client(&mut tx, &s.keyring, &account, grants, &session, cx.now())
                    .await?;
            let answer = answer(s, &session, &tokens, None, cx.now())?;
            tx.commit().await?;
            Ok(answer)
        }
        Exchange::Reused(ending) => {
            refresh::reused(s, tx, ending).await?;
            Err(REFUSED.into())
        }
        Exchange::Refused => Err(REFUSED.into()),
    }
}
