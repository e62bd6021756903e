//! A hospital's directory: an OpenID Connect provider on a real socket, with keys of
//! its own, which says what a test wants it to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256,
};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::{HeaderMap, StatusCode, header};
use openidconnect::url::{Url, form_urlencoded};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// What it calls the hospital.
pub(crate) const CLIENT_ID: &str = "galen";
/// What the hospital shows it; with characters that a form would spell otherwise.
pub(crate) const CLIENT_SECRET: &str = "a secret:with/signs";

/// A directory.
#[derive(Clone)]
pub(crate) struct Directory(Arc<Inner>);

struct Inner {
    issuer: String,
    keys: Mutex<Vec<Key>>,
    codes: Mutex<BTreeMap<String, Grant>>,
    manner: Mutex<Manner>,
    announces_issuer: Mutex<bool>,
    asked: Mutex<Vec<&'static str>>,
}

/// How it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// As it should.
    Well,
    /// With a 500.
    Broken,
    /// Never.
    Silent,
    /// With more and more.
    Endless,
    /// By sending the client elsewhere.
    Elsewhere,
    /// With what is no JSON.
    Garbage,
    /// With the description of another issuer.
    Impostor,
    /// With a token endpoint without TLS on another machine.
    InTheOpen,
}

/// What a code is good for.
struct Grant {
    challenge: String,
    redirect: String,
    id_token: String,
    access_token: String,
}

/// A key that signs.
pub(crate) struct Key {
    kid: String,
    pair: Pair,
}

enum Pair {
    Elliptic(EcdsaKeyPair),
    Rsa(Box<rsa::KeyPair>),
}

impl Key {
    /// A key for ES256.
    pub(crate) fn elliptic(kid: &str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
        Self {
            kid: kid.to_owned(),
            pair: Pair::Elliptic(pair),
        }
    }

    /// A key for RS256.
    pub(crate) fn rsa(kid: &str) -> Self {
        let pair = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).expect("a key");
        Self {
            kid: kid.to_owned(),
            pair: Pair::Rsa(Box::new(pair)),
        }
    }

    /// Its public half.
    pub(crate) fn public(&self) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match &self.pair {
            Pair::Elliptic(pair) => {
                let point = pair.public_key().as_ref();
                json!({ "kty": "EC", "crv": "P-256", "use": "sig", "kid": self.kid, "x": text(&point[1..33]), "y": text(&point[33..]) })
            }
            Pair::Rsa(pair) => {
                // RSAPublicKey of RFC 8017: a sequence of two numbers.
                let der = pair.public_key().as_ref();
                json!({ "kty": "RSA", "use": "sig", "kid": self.kid, "n": text(&der[9..265]), "e": text(&der[267..]) })
            }
        }
    }

    /// Signs claims.
    pub(crate) fn sign(&self, claims: &Value) -> String {
        let algorithm = match self.pair {
            Pair::Elliptic(_) => "ES256",
            Pair::Rsa(_) => "RS256",
        };
        let message = unsigned(
            &json!({ "alg": algorithm, "kid": self.kid, "typ": "JWT" }),
            claims,
        );
        let random = SystemRandom::new();
        let signature = match &self.pair {
            Pair::Elliptic(pair) => {
                let signature = pair.sign(&random, message.as_bytes()).expect("signed");
                signature.as_ref().to_vec()
            }
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(
                    &RSA_PKCS1_SHA256,
                    &random,
                    message.as_bytes(),
                    &mut signature,
                )
                .expect("signed");
                signature
            }
        };
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// A token without its signature.
pub(crate) fn unsigned(header: &Value, claims: &Value) -> String {
    let text = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    format!("{}.{}", text(header), text(claims))
}

/// What a browser was sent to the directory with.
#[derive(Debug, Clone)]
pub(crate) struct Asked(pub(crate) BTreeMap<String, String>);

impl Asked {
    /// Reads the address.
    pub(crate) fn of(address: &str) -> Self {
        let address = Url::parse(address).expect("an address");
        Self(address.query_pairs().into_owned().collect())
    }

    /// A parameter.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }
}

impl Directory {
    /// Opens one on a free port.
    pub(crate) async fn open() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let address = listener.local_addr().expect("an address");
        let inner = Inner {
            issuer: format!("http://{address}"),
            keys: Mutex::new(vec![Key::elliptic("one")]),
            codes: Mutex::default(),
            manner: Mutex::new(Manner::Well),
            announces_issuer: Mutex::default(),
            asked: Mutex::default(),
        };
        let directory = Self(Arc::new(inner));
        let routes = Router::new()
            .route("/.well-known/openid-configuration", get(description))
            .route("/keys", get(keys))
            .route("/token", post(token))
            .with_state(directory.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        directory
    }

    /// Who it is.
    pub(crate) fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// How it answers from now on.
    pub(crate) fn answers(&self, manner: Manner) {
        *self.0.manner.lock().expect("no panics") = manner;
    }

    /// From now on it says that it tells who it is beside a code.
    pub(crate) fn announces_issuer(&self) {
        *self.0.announces_issuer.lock().expect("no panics") = true;
    }

    /// Its only key from now on.
    pub(crate) fn signs_with(&self, key: Key) {
        *self.0.keys.lock().expect("no panics") = vec![key];
    }

    /// What it was asked for so far.
    pub(crate) fn asked(&self) -> Vec<&'static str> {
        self.0.asked.lock().expect("no panics").clone()
    }

    /// Its public key.
    pub(crate) fn public_key(&self) -> Value {
        self.0.keys.lock().expect("no panics")[0].public()
    }

    /// Signs claims with its key.
    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.0.keys.lock().expect("no panics")[0].sign(claims)
    }

    /// Somebody has logged in to it: a code for this ID token.
    pub(crate) fn grants(&self, asked: &Asked, id_token: String) -> String {
        self.grants_both(asked, id_token, "an access token")
    }

    /// A code for this ID token with this access token.
    pub(crate) fn grants_both(
        &self,
        asked: &Asked,
        id_token: String,
        access_token: &str,
    ) -> String {
        let mut codes = self.0.codes.lock().expect("no panics");
        let code = format!("code-{}-{}", codes.len(), asked.get("state"));
        let grant = Grant {
            challenge: asked.get("code_challenge").to_owned(),
            redirect: asked.get("redirect_uri").to_owned(),
            id_token,
            access_token: access_token.to_owned(),
        };
        codes.insert(code.clone(), grant);
        code
    }

    async fn asked_for(&self, what: &'static str) -> Option<Response> {
        self.0.asked.lock().expect("no panics").push(what);
        let manner = *self.0.manner.lock().expect("no panics");
        match manner {
            Manner::Well => None,
            Manner::Broken => Some(StatusCode::INTERNAL_SERVER_ERROR.into_response()),
            Manner::Silent => {
                tokio::time::sleep(Duration::from_secs(60)).await;
                None
            }
            Manner::Endless => {
                let chunk = || async {
                    Some((Ok::<_, std::io::Error>(Bytes::from(vec![b' '; 65_536])), ()))
                };
                let stream = futures::stream::unfold((), move |()| chunk());
                let json = [(header::CONTENT_TYPE, "application/json")];
                Some((json, Body::from_stream(stream)).into_response())
            }
            Manner::Elsewhere => {
                let elsewhere = format!("{}/elsewhere", self.issuer());
                Some((StatusCode::FOUND, [(header::LOCATION, elsewhere)]).into_response())
            }
            Manner::Garbage => Some("<html>".into_response()),
            Manner::Impostor => {
                let mut description = self.describe();
                description["issuer"] = "https://id.example.org".into();
                Some(answer(&description))
            }
            Manner::InTheOpen => {
                let mut description = self.describe();
                description["token_endpoint"] = "http://id.example.org/token".into();
                Some(answer(&description))
            }
        }
    }

    fn describe(&self) -> Value {
        let issuer = self.issuer();
        json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token"),
            "jwks_uri": format!("{issuer}/keys"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            // It says so, and is not taken at its word.
            "id_token_signing_alg_values_supported": ["ES256", "RS256", "HS256", "none"],
            "authorization_response_iss_parameter_supported": *self.0.announces_issuer.lock().expect("no panics"),
        })
    }
}

fn answer(body: &Value) -> Response {
    (
        [(header::CONTENT_TYPE, "application/json")],
        body.to_string(),
    )
        .into_response()
}

async fn description(State(directory): State<Directory>) -> Response {
    match directory.asked_for("description").await {
        Some(otherwise) => otherwise,
        None => answer(&directory.describe()),
    }
}

async fn keys(State(directory): State<Directory>) -> Response {
    match directory.asked_for("keys").await {
        Some(otherwise) => otherwise,
        None => {
            let keys = directory.0.keys.lock().expect("no panics");
            let public: Vec<_> = keys.iter().map(Key::public).collect();
            answer(&json!({ "keys": public }))
        }
    }
}

/// Gives an ID token for a code, once, to who can show the secret and the verifier.
async fn token(State(directory): State<Directory>, headers: HeaderMap, body: Bytes) -> Response {
    if let Some(otherwise) = directory.asked_for("token").await {
        return otherwise;
    }
    let refuse = |error: &str| {
        let body = json!({ "error": error });
        (StatusCode::BAD_REQUEST, answer(&body)).into_response()
    };
    // RFC 6749, section 2.3.1: both halves are spelled as in a form.
    let spelled = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let basic = format!("{}:{}", spelled(CLIENT_ID), spelled(CLIENT_SECRET));
    let basic = format!("Basic {}", STANDARD.encode(basic));
    if headers
        .get(header::AUTHORIZATION)
        .map(http::HeaderValue::as_bytes)
        != Some(basic.as_bytes())
    {
        return refuse("invalid_client");
    }
    let form: BTreeMap<String, String> = form_urlencoded::parse(&body).into_owned().collect();
    let given = |name: &str| form.get(name).map_or("", String::as_str);
    let grant = directory
        .0
        .codes
        .lock()
        .expect("no panics")
        .remove(given("code"));
    let Some(grant) = grant else {
        return refuse("invalid_grant");
    };
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(given("code_verifier")));
    if given("grant_type") != "authorization_code"
        || grant.challenge != challenge
        || grant.redirect != given("redirect_uri")
    {
        return refuse("invalid_grant");
    }
    answer(&json!({
        "access_token": grant.access_token,
        "token_type": "Bearer",
        "expires_in": 300,
        "id_token": grant.id_token,
    }))
}
