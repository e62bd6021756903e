//! How an authorization request is read: pure rules (RFC 6749 section 4.1.1, RFC 7636
//! section 4.3, OpenID Connect Core section 3.1.2.1).

use super::error::{Code, Refusal};
use super::parameters::{Parameters, Repeated};
use super::pkce::{Challenge, S256};
use super::scope::{Scope, Scopes};
use crate::account::username;
use crate::client::Client;

/// Most characters of a client's state.
const LONGEST_STATE: usize = 2048;
/// Most characters of a nonce.
const LONGEST_NONCE: usize = 512;

/// The parameters that make a request, for the form that carries it along.
pub(crate) const NAMES: &[&str] = &[
    "client_id",
    "redirect_uri",
    "response_type",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "login_hint",
    "id_token_hint",
];

/// Why nobody can be sent back: only people are told, because the address may be
/// anybody's (RFC 9700 section 4.11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Misdirected {
    /// There is no such client, or it is disabled.
    #[error("The application is not known here. Ask whoever runs it.")]
    Client,
    /// The address is not one of the client's.
    #[error(
        "The application asked to be answered at an address that it has not registered. Ask whoever runs it."
    )]
    RedirectUri,
}

/// Where answers go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Destination {
    /// One of the client's addresses.
    pub(crate) redirect_uri: String,
    /// What the client wants back.
    state: Option<String>,
}

impl Destination {
    /// The address that a request names, if it is the client's.
    pub(crate) fn of(parameters: &Parameters, client: &Client) -> Result<Self, Misdirected> {
        match parameters.one("redirect_uri") {
            Ok(Some(uri)) if client.allows(uri) => Ok(Self {
                redirect_uri: uri.to_owned(),
                state: parameters
                    .one("state")
                    .ok()
                    .flatten()
                    .filter(|state| is_text(state, LONGEST_STATE))
                    .map(str::to_owned),
            }),
            _ => Err(Misdirected::RedirectUri),
        }
    }

    /// The address of an answer, with the state and with who answers (RFC 9207).
    pub(crate) fn with(&self, issuer: &str, answer: &[(&str, &str)]) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(answer);
        if let Some(state) = &self.state {
            query.append_pair("state", state);
        }
        query.append_pair("iss", issuer);
        let joint = if self.redirect_uri.contains('?') {
            '&'
        } else {
            '?'
        };
        format!("{}{joint}{}", self.redirect_uri, query.finish())
    }

    /// The address of a refusal.
    pub(crate) fn refusing(&self, issuer: &str, refusal: Refusal) -> String {
        self.with(
            issuer,
            &[
                ("error", refusal.code.name()),
                ("error_description", refusal.description),
            ],
        )
    }
}

/// What a client wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AuthorizationRequest {
    /// What it asks to know or do.
    pub(crate) scopes: Scopes,
    /// What the id token is to repeat.
    pub(crate) nonce: Option<String>,
    /// What the exchange will have to fit.
    pub(crate) challenge: Challenge,
    /// Who is probably there.
    pub(crate) login_hint: Option<String>,
    /// An id token of who is expected.
    pub(crate) id_token_hint: Option<String>,
    /// Nobody is to be asked for anything.
    pub(crate) silent: bool,
}

impl AuthorizationRequest {
    /// Reads it. Whatever may be too old or may need asking is fine, because everybody
    /// is asked to log in: `max_age`, `prompt=login`, `prompt=select_account`; and
    /// `prompt=consent`, because the hospital has consented.
    pub(crate) fn read(parameters: &Parameters, client: &Client) -> Result<Self, Refusal> {
        unsupported(parameters)?;
        if let Some(state) = parameters.one("state")?
            && !is_text(state, LONGEST_STATE)
        {
            return Err(invalid(
                "state must be visible ASCII of at most 2048 characters",
            ));
        }
        match parameters.one("response_type")? {
            Some("code") => {}
            Some(_) => {
                return Err(Refusal::new(
                    Code::UnsupportedResponseType,
                    "response_type must be code",
                ));
            }
            None => return Err(invalid("response_type is missing")),
        }
        if parameters
            .one("response_mode")?
            .is_some_and(|mode| mode != "query")
        {
            return Err(invalid("response_mode must be query"));
        }
        let nonce = parameters.one("nonce")?;
        if nonce.is_some_and(|nonce| !is_text(nonce, LONGEST_NONCE)) {
            return Err(invalid(
                "nonce must be visible ASCII of at most 512 characters",
            ));
        }
        let max_age = parameters.one("max_age")?;
        if max_age.is_some_and(|age| age.parse::<u32>().is_err()) {
            return Err(invalid("max_age must be a number of seconds"));
        }
        Ok(Self {
            scopes: scopes(parameters, client)?,
            nonce: nonce.map(str::to_owned),
            challenge: challenge(parameters)?,
            login_hint: parameters
                .one("login_hint")?
                .filter(|hint| hint.chars().count() <= username::LONGEST)
                .map(str::to_owned),
            id_token_hint: parameters.one("id_token_hint")?.map(str::to_owned),
            silent: silent(parameters)?,
        })
    }
}

impl From<Repeated> for Refusal {
    fn from(_: Repeated) -> Self {
        invalid("a parameter is there twice")
    }
}

const fn invalid(description: &'static str) -> Refusal {
    Refusal::new(Code::InvalidRequest, description)
}

fn unsupported(parameters: &Parameters) -> Result<(), Refusal> {
    for (name, code) in [
        ("request", Code::RequestNotSupported),
        ("request_uri", Code::RequestUriNotSupported),
        ("registration", Code::RegistrationNotSupported),
    ] {
        if parameters.one(name)?.is_some() {
            return Err(Refusal::new(
                code,
                "parameters are read from the request only",
            ));
        }
    }
    Ok(())
}

fn scopes(parameters: &Parameters, client: &Client) -> Result<Scopes, Refusal> {
    let scopes = parameters
        .one("scope")?
        .map(Scopes::parse)
        .unwrap_or_default();
    if scopes.is_empty() {
        return Err(Refusal::new(
            Code::InvalidScope,
            "scope must name at least one that is known, such as openid",
        ));
    }
    if scopes.contains(Scope::Galen) && !client.api_access {
        return Err(Refusal::new(
            Code::InvalidScope,
            "this client may not act for its users",
        ));
    }
    Ok(scopes)
}

fn challenge(parameters: &Parameters) -> Result<Challenge, Refusal> {
    let challenge = parameters
        .one("code_challenge")?
        .ok_or(invalid("code_challenge is missing"))?;
    // Without a method it would be `plain` (RFC 7636 section 4.3), which hides nothing.
    if parameters.one("code_challenge_method")? != Some(S256) {
        return Err(invalid("code_challenge_method must be S256"));
    }
    Challenge::parse(challenge).ok_or(invalid("code_challenge is no SHA-256 in base64url"))
}

fn silent(parameters: &Parameters) -> Result<bool, Refusal> {
    let Some(prompt) = parameters.one("prompt")? else {
        return Ok(false);
    };
    let wishes: Vec<&str> = prompt.split(' ').collect();
    match wishes.as_slice() {
        ["none"] => Ok(true),
        wishes
            if wishes
                .iter()
                .all(|wish| matches!(*wish, "login" | "consent" | "select_account")) =>
        {
            Ok(false)
        }
        _ => Err(invalid(
            "prompt must be none, or login, consent and select_account",
        )),
    }
}

/// Visible ASCII and spaces (RFC 6749 appendix A.5).
fn is_text(text: &str, longest: usize) -> bool {
    text.len() <= longest && text.bytes().all(|b| b.is_ascii_graphic() || b == b' ')
}

#[cfg(test)]
mod tests {
    use galen_kernel::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::client::ClientId;
    use crate::client::redirect::RedirectUri;

    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    const BACK: &str = "https://portal.example/back";

    fn client() -> Client {
        Client {
            id: ClientId::from_uuid(uuid::Uuid::nil()),
            name: "Portal".to_owned(),
            confidential: true,
            redirect_uris: vec![RedirectUri::parse(BACK).expect("a redirect URI")],
            api_access: false,
            enabled: true,
            created_at: Timestamp::UNIX_EPOCH,
            version: 1,
        }
    }

    fn with(changes: &[(&str, &str)]) -> Parameters {
        let mut pairs = vec![
            ("redirect_uri", BACK),
            ("response_type", "code"),
            ("scope", "openid"),
            ("state", "a state"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        pairs.retain(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
        pairs.extend(changes);
        let mut query = form_urlencoded::Serializer::new(String::new());
        Parameters::parse(query.extend_pairs(pairs).finish().as_bytes())
    }

    fn refused(changes: &[(&str, &str)]) -> Option<Code> {
        let read = AuthorizationRequest::read(&with(changes), &client());
        read.err().map(|refusal| refusal.code)
    }

    #[test]
    fn a_request_is_read() {
        let changes = [
            ("nonce", "n"),
            ("scope", "openid email unheard-of"),
            ("login_hint", "nadia"),
            ("prompt", "login"),
            ("max_age", "0"),
            ("unknown", "x"),
        ];
        let read = AuthorizationRequest::read(&with(&changes), &client()).expect("fine");
        assert_eq!(read.scopes.to_string(), "openid email");
        assert_eq!(read.nonce.as_deref(), Some("n"));
        assert_eq!(read.login_hint.as_deref(), Some("nadia"));
        assert!(!read.silent);
        let silent = AuthorizationRequest::read(&with(&[("prompt", "none")]), &client());
        assert!(silent.expect("fine").silent);
    }

    #[test]
    fn what_is_missing_or_weaker_is_refused() {
        use Code::{InvalidRequest, InvalidScope, UnsupportedResponseType};
        let long = "x".repeat(LONGEST_NONCE + 1);
        for (name, value, code) in [
            ("code_challenge", "", InvalidRequest),
            ("code_challenge", "short", InvalidRequest),
            ("code_challenge_method", "", InvalidRequest),
            ("code_challenge_method", "plain", InvalidRequest),
            ("code_challenge_method", "s256", InvalidRequest),
            ("response_type", "", InvalidRequest),
            ("response_type", "token", UnsupportedResponseType),
            ("response_type", "code id_token", UnsupportedResponseType),
            ("response_mode", "fragment", InvalidRequest),
            ("scope", "", InvalidScope),
            ("scope", "unheard-of", InvalidScope),
            ("scope", "openid galen", InvalidScope),
            ("state", "bell\u{7}", InvalidRequest),
            ("nonce", "nu\u{0}l", InvalidRequest),
            ("nonce", &long, InvalidRequest),
            ("max_age", "-1", InvalidRequest),
            ("prompt", "none login", InvalidRequest),
            ("prompt", "create", InvalidRequest),
            ("request", "x", Code::RequestNotSupported),
            ("request_uri", "x", Code::RequestUriNotSupported),
            ("registration", "x", Code::RegistrationNotSupported),
        ] {
            assert_eq!(refused(&[(name, value)]), Some(code), "{name}={value}");
        }
        assert_eq!(refused(&[]), None);
        assert_eq!(
            refused(&[("nonce", "1"), ("nonce", "2")]),
            Some(InvalidRequest)
        );
    }

    #[test]
    fn a_client_that_may_act_for_its_users_can_ask_to() {
        let trusted = Client {
            api_access: true,
            ..client()
        };
        let read = AuthorizationRequest::read(&with(&[("scope", "openid galen")]), &trusted);
        assert!(read.expect("fine").scopes.contains(Scope::Galen));
    }

    #[test]
    fn an_answer_goes_to_a_registered_address_only() {
        let destination = Destination::of(&with(&[]), &client()).expect("registered");
        assert_eq!(
            destination.with("https://galen.example", &[("code", "a+b")]),
            format!("{BACK}?code=a%2Bb&state=a+state&iss=https%3A%2F%2Fgalen.example")
        );
        for uri in ["", "https://evil.example/", "https://portal.example/back/"] {
            let read = Destination::of(&with(&[("redirect_uri", uri)]), &client());
            assert_eq!(read, Err(Misdirected::RedirectUri));
        }
        let twice = with(&[
            ("redirect_uri", BACK),
            ("redirect_uri", "https://evil.example/"),
        ]);
        assert_eq!(
            Destination::of(&twice, &client()),
            Err(Misdirected::RedirectUri)
        );
    }

    proptest! {
        #[test]
        fn a_state_comes_back_as_it_was(state in "[ -~]{1,60}", query in "(|\\?a=b)") {
            let uri = format!("{BACK}{query}");
            let client = Client {
                redirect_uris: vec![RedirectUri::parse(&uri).expect("a redirect URI")],
                ..client()
            };
            let parameters = with(&[("redirect_uri", &uri), ("state", &state)]);
            let destination = Destination::of(&parameters, &client).expect("registered");
            let answer = destination.with("https://galen.example", &[("code", "c")]);
            let (address, answer) = answer.split_once('?').expect("a query");
            let read = Parameters::parse(answer.as_bytes());
            prop_assert_eq!(address, BACK);
            prop_assert_eq!(read.one("state"), Ok(Some(state.as_str())));
            prop_assert_eq!(read.one("code"), Ok(Some("c")));
            prop_assert_eq!(read.one("a"), Ok((!query.is_empty()).then_some("b")));
        }
    }
}
