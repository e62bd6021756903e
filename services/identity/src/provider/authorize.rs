//! `GET` and `POST /oauth2/authorize`: a client sends somebody to log in (RFC 6749
//! section 3.1, OpenID Connect Core section 3.1.2). A request that can be answered to
//! its client is; whatever is wrong with the client or the address is told to the person
//! alone.

use std::sync::Arc;

use axum::extract::State;
use galen_contracts::ids::UserId;
use galen_kernel::Problem;
use galen_service::{Answer, Cx, Needs, Outcome, Requires};
use http::header::{CACHE_CONTROL, SET_COOKIE};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::access;
use super::error::{Code, Refusal};
use super::page::{self, LogInPage};
use super::parameters::Parameters;
use super::request::{AuthorizationRequest, Destination, Misdirected, NAMES};
use super::ticket::Browser;
use crate::Identity;
use crate::client::{self, Client, ClientId, redirect};

/// A client that sends somebody.
pub(crate) struct Authorize;

impl Requires for Authorize {
    const NEEDS: Needs = Needs::Nobody;
}

/// Shows the login page.
pub(crate) async fn authorize(
    cx: Cx<Authorize>,
    State(s): State<Arc<Identity>>,
    headers: HeaderMap,
    parameters: Parameters,
) -> Outcome {
    let asked = match understand(&s, &parameters).await? {
        Understood::Asked(asked) => asked,
        Understood::Refused(answer) => return Ok(answer),
    };
    cx.about("oauth-clients", asked.client.id);
    if asked.request.silent {
        return Ok(asked.refuse(
            &s.public_url,
            Refusal::new(Code::LoginRequired, "everybody is asked to log in"),
        ));
    }
    let username = asked.request.login_hint.as_deref().unwrap_or_default();
    Ok(asked.form(&s, &headers, StatusCode::OK, username, None))
}

/// What became of reading a request.
pub(super) enum Understood {
    /// It is one.
    Asked(Box<Asked>),
    /// It is none, and this is the answer.
    Refused(Answer),
}

/// A request that is right.
pub(super) struct Asked {
    pub(super) client: Client,
    pub(super) destination: Destination,
    pub(super) request: AuthorizationRequest,
    /// Who is expected, by an id token of theirs.
    pub(super) expected: Option<UserId>,
    /// The request, encoded as the form carries it.
    encoded: String,
}

/// Reads a request.
pub(super) async fn understand(
    s: &Identity,
    parameters: &Parameters,
) -> Result<Understood, Problem> {
    let misdirected = |why: Misdirected| {
        Ok(Understood::Refused(page::refusal(
            StatusCode::BAD_REQUEST,
            &why.to_string(),
        )))
    };
    let Some(client) = client_of(s, parameters).await? else {
        return misdirected(Misdirected::Client);
    };
    let destination = match Destination::of(parameters, &client) {
        Ok(destination) => destination,
        Err(why) => return misdirected(why),
    };
    let read = AuthorizationRequest::read(parameters, &client)
        .and_then(|request| Ok((expected(s, &client, &request)?, request)));
    Ok(match read {
        Ok((expected, request)) => Understood::Asked(Box::new(Asked {
            client,
            destination,
            request,
            expected,
            encoded: parameters.encoded(NAMES),
        })),
        Err(refusal) => {
            Understood::Refused(redirect_to(&destination.refusing(&s.public_url, refusal)))
        }
    })
}

async fn client_of(s: &Identity, parameters: &Parameters) -> Result<Option<Client>, Problem> {
    let Some(id) = parameters
        .one("client_id")
        .ok()
        .flatten()
        .and_then(|id| id.parse::<ClientId>().ok())
    else {
        return Ok(None);
    };
    let client = client::store::by_id(s.db.pool(), id).await?;
    Ok(client.filter(|client| client.enabled))
}

/// Who is expected: a hint must be an id token of ours for this client. It may be old.
fn expected(
    s: &Identity,
    client: &Client,
    request: &AuthorizationRequest,
) -> Result<Option<UserId>, Refusal> {
    let Some(hint) = &request.id_token_hint else {
        return Ok(None);
    };
    access::hinted(&s.keyring, &s.public_url, client.id, hint)
        .map(Some)
        .ok_or(Refusal::new(
            Code::InvalidRequest,
            "id_token_hint is no id token of this client",
        ))
}

impl Asked {
    /// Sends the person back with an error.
    pub(super) fn refuse(&self, issuer: &str, refusal: Refusal) -> Answer {
        redirect_to(&self.destination.refusing(issuer, refusal))
    }

    /// The login page for this request.
    pub(super) fn form(
        &self,
        s: &Identity,
        headers: &HeaderMap,
        status: StatusCode,
        username: &str,
        notice: Option<&str>,
    ) -> Answer {
        let secure = s.public_url.starts_with("https://");
        let browser = Browser::of(headers, secure).unwrap_or_else(Browser::new);
        let page = LogInPage {
            client: &self.client.name,
            leads_to: &redirect::source(&self.destination.redirect_uri),
            username,
            notice,
            request: &self.encoded,
            ticket: &browser.ticket(&self.encoded),
        };
        let mut answer = page.answer(status);
        if let Some(cookie) = browser.cookie(secure) {
            answer.headers.insert(SET_COOKIE, cookie);
        }
        answer
    }

    /// Whether a ticket was given to this browser for this request.
    pub(super) fn gave(&self, s: &Identity, headers: &HeaderMap, ticket: &str) -> bool {
        Browser::of(headers, s.public_url.starts_with("https://"))
            .is_some_and(|browser| browser.gave(ticket, &self.encoded))
    }
}

/// Sends a browser on, with a GET whatever it sent (RFC 9700 section 4.12).
pub(super) fn redirect_to(address: &str) -> Answer {
    let mut answer = Answer::no_content().location(address);
    answer.status = StatusCode::SEE_OTHER;
    answer
        .headers
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
