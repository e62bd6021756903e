//! An application that people log in to with Galen: sends them to the login page, fills
//! it in for them, and exchanges what comes back.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use galen_service::Service as _;
use galen_service::testing::{Reply, TestApi, TestCaller};
use http::{Method, StatusCode, header};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::hospital::{Hospital, PASSWORD};

/// Where the portal wants its users back.
pub(crate) const BACK: &str = "https://portal.example/back";
/// What it will show with the code.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// Everything that it may ask for without acting for its users.
pub(crate) const SCOPE: &str = "openid profile email offline_access";

/// A registered application.
pub(crate) struct Portal {
    pub(crate) id: String,
    pub(crate) secret: Option<String>,
    /// The endpoints at the root.
    pub(crate) root: TestApi,
}

/// A login page, as a browser has it.
pub(crate) struct Page {
    pub(crate) cookie: String,
    pub(crate) ticket: String,
    pub(crate) request: String,
}

impl Portal {
    /// Registers a confidential client.
    pub(crate) async fn register(hospital: &Hospital, admin: &TestCaller) -> Self {
        Self::register_as(
            hospital,
            admin,
            json!({ "name": "Portal", "confidential": true, "redirectUris": [BACK] }),
        )
        .await
    }

    /// Registers any client.
    pub(crate) async fn register_as(
        hospital: &Hospital,
        admin: &TestCaller,
        client: Value,
    ) -> Self {
        let reply = admin.post("/oauth-clients", client).await;
        assert_eq!(reply.status, StatusCode::CREATED, "{reply:?}");
        Self {
            id: reply.body["id"].as_str().expect("an id").to_owned(),
            secret: reply.body["clientSecret"].as_str().map(str::to_owned),
            root: TestApi::with_routes(hospital.identity.well_known(), &hospital.platform),
        }
    }

    /// The path of its registration.
    pub(crate) fn path(&self) -> String {
        format!("/oauth-clients/{}", self.id)
    }

    /// The parameters of a request, with some others; an empty value leaves one out.
    pub(crate) fn request(&self, changes: &[(&str, &str)]) -> String {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
        let mut pairs = vec![
            ("client_id", self.id.as_str()),
            ("redirect_uri", BACK),
            ("response_type", "code"),
            ("scope", SCOPE),
            ("state", "what the portal was doing"),
            ("nonce", "a nonce"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        pairs.retain(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
        pairs.extend(changes.iter().filter(|(_, value)| !value.is_empty()));
        encoded(&pairs)
    }

    /// Asks for the login page.
    pub(crate) async fn ask(&self, changes: &[(&str, &str)]) -> Reply {
        let path = format!("/oauth2/authorize?{}", self.request(changes));
        self.root
            .anonymous()
            .send(Method::GET, &path, "".into())
            .await
    }

    /// The login page.
    pub(crate) async fn page(&self, changes: &[(&str, &str)]) -> Page {
        let reply = self.ask(changes).await;
        assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
        page(&reply)
    }

    /// Sends the form.
    pub(crate) async fn submit(&self, page: &Page, username: &str, password: &str) -> Reply {
        self.submit_with_code(page, username, password, "").await
    }

    /// Sends the form, with the code of a second factor.
    pub(crate) async fn submit_with_code(
        &self,
        page: &Page,
        username: &str,
        password: &str,
        code: &str,
    ) -> Reply {
        self.send(
            "/oauth2/login",
            &[
                ("request", &page.request),
                ("ticket", &page.ticket),
                ("username", username),
                ("password", password),
                ("mfa_code", code),
            ],
            &[(header::COOKIE, &page.cookie)],
        )
        .await
    }

    /// Logs somebody in; returns the code.
    pub(crate) async fn code(&self, username: &str, changes: &[(&str, &str)]) -> String {
        let page = self.page(changes).await;
        let reply = self.submit(&page, username, PASSWORD).await;
        assert_eq!(reply.status, StatusCode::SEE_OTHER, "{reply:?}");
        parameter(&reply, "code").expect("a code")
    }

    /// Exchanges a code, with some other parameters.
    pub(crate) async fn exchange(&self, code: &str, changes: &[(&str, &str)]) -> Reply {
        let mut pairs = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", BACK),
            ("code_verifier", VERIFIER),
        ];
        pairs.retain(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
        pairs.extend(changes.iter().filter(|(_, value)| !value.is_empty()));
        self.call("/oauth2/token", &pairs).await
    }

    /// Logs somebody in, and gets their tokens.
    pub(crate) async fn tokens(&self, username: &str, changes: &[(&str, &str)]) -> Value {
        let reply = self
            .exchange(&self.code(username, changes).await, &[])
            .await;
        assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        reply.body
    }

    /// Exchanges a refresh token.
    pub(crate) async fn renew(&self, refresh_token: &str) -> Reply {
        let pairs = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token),
        ];
        self.call("/oauth2/token", &pairs).await
    }

    /// Calls an endpoint as itself.
    pub(crate) async fn call(&self, path: &str, pairs: &[(&str, &str)]) -> Reply {
        match &self.secret {
            Some(secret) => {
                let basic = format!("Basic {}", STANDARD.encode(format!("{}:{secret}", self.id)));
                self.send(path, pairs, &[(header::AUTHORIZATION, &basic)])
                    .await
            }
            None => {
                let pairs = [pairs, &[("client_id", self.id.as_str())]].concat();
                self.send(path, &pairs, &[]).await
            }
        }
    }

    /// Posts a form with these headers.
    pub(crate) async fn send(
        &self,
        path: &str,
        pairs: &[(&str, &str)],
        headers: &[(http::HeaderName, &str)],
    ) -> Reply {
        let mut caller = self
            .root
            .anonymous()
            .with_header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        for (name, value) in headers {
            caller = caller.with_header(name.clone(), value);
        }
        caller.send(Method::POST, path, encoded(pairs).into()).await
    }

    /// Asks who somebody is.
    pub(crate) async fn userinfo(&self, tokens: &Value) -> Reply {
        let token = tokens["access_token"].as_str().expect("a token");
        let caller = self.root.with_token(token);
        caller
            .send(Method::GET, "/oauth2/userinfo", "".into())
            .await
    }

    /// What a token is worth.
    pub(crate) async fn worth(&self, token: &Value) -> Value {
        let token = token.as_str().expect("a token");
        let reply = self.call("/oauth2/introspect", &[("token", token)]).await;
        assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
        reply.body
    }
}

/// Pairs as a form has them.
pub(crate) fn encoded(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish()
}

/// The form of a login page.
pub(crate) fn page(reply: &Reply) -> Page {
    let text = std::str::from_utf8(&reply.bytes).expect("a page");
    let hidden = |name: &str| {
        let (_, rest) = text
            .split_once(&format!("name=\"{name}\" value=\""))
            .expect("a field");
        let (value, _) = rest.split_once('"').expect("its end");
        value.replace("&amp;", "&")
    };
    let cookie = reply.header("set-cookie").expect("a cookie");
    Page {
        cookie: cookie.split(';').next().expect("a pair").to_owned(),
        ticket: hidden("ticket"),
        request: hidden("request"),
    }
}

/// A parameter of the address that somebody is sent to.
pub(crate) fn parameter(reply: &Reply, name: &str) -> Option<String> {
    let address = reply.header("location").expect("an address");
    let (back, query) = address.split_once('?').expect("a query");
    assert_eq!(back, BACK);
    form_urlencoded::parse(query.as_bytes())
        .find(|(known, _)| known == name)
        .map(|(_, value)| value.into_owned())
}

/// The claims of a token.
pub(crate) fn claims(token: &Value) -> Value {
    let payload = token.as_str().and_then(|token| token.split('.').nth(1));
    let json = URL_SAFE_NO_PAD
        .decode(payload.expect("a token"))
        .expect("base64url");
    serde_json::from_slice(&json).expect("claims")
}
