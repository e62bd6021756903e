//! Logging in to another application with Galen, as that application sees it: through a
//! library of OpenID Connect that is not ours, against the running binary.

use galen_client::Client as Api;
use http::StatusCode;
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthenticationFlow, CoreClaimName, CoreClaimType, CoreClient,
    CoreClientAuthMethod, CoreGrantType, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm, CoreJwsSigningAlgorithm, CoreResponseMode, CoreResponseType,
    CoreRevocableToken, CoreSubjectIdentifierType, CoreUserInfoClaims,
};
use openidconnect::{
    AccessTokenHash, AdditionalProviderMetadata, AuthorizationCode, ClientId, ClientSecret,
    CsrfToken, HttpRequest, HttpResponse, IntrospectionUrl, IssuerUrl, Nonce,
    OAuth2TokenResponse as _, PkceCodeChallenge, PkceCodeVerifier, ProviderMetadata, RedirectUrl,
    RevocationUrl, Scope, TokenIntrospectionResponse as _, TokenResponse as _,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::hospital::Hospital;
use crate::world::{expect_status, text};

const BACK: &str = "https://portal.example/back";
const PASSWORD: &str = "a long enough password";

/// The endpoints that the library's own metadata leave out.
#[derive(Debug, Clone, Deserialize, Serialize)]
struct Further {
    introspection_endpoint: IntrospectionUrl,
    revocation_endpoint: RevocationUrl,
}

impl AdditionalProviderMetadata for Further {}

type Metadata = ProviderMetadata<
    Further,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

/// A browser, or a server, that follows no redirects.
fn browser() -> reqwest::Client {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("a client")
}

/// How the library talks to the provider. It insists on TLS for revocation, and this
/// hospital speaks without, on the loopback.
async fn transport(request: HttpRequest) -> Result<HttpResponse, reqwest::Error> {
    let (mut parts, body) = request.into_parts();
    let address = parts.uri.to_string().replacen("https://", "http://", 1);
    parts.uri = address.parse().expect("an address");
    let request = http::Request::from_parts(parts, body);
    let answer = browser().execute(request.try_into()?).await?;
    let mut response = http::Response::builder().status(answer.status());
    for (name, value) in answer.headers() {
        response = response.header(name, value);
    }
    let body = answer.bytes().await?.to_vec();
    Ok(response.body(body).expect("an answer"))
}

/// Somebody at the login page: fills it in, and is sent back with this query.
async fn person_logs_in(page: reqwest::Url, username: &str, password: &str) -> reqwest::Url {
    let browser = browser();
    let shown = browser.get(page).send().await.expect("the page");
    assert_eq!(shown.status(), StatusCode::OK);
    let cookie = shown.headers()["set-cookie"].to_str().expect("a cookie");
    let cookie = cookie.split(';').next().expect("a pair").to_owned();
    let at = shown.url().clone();
    let html = shown.text().await.expect("the page");
    let hidden = |name: &str| {
        let (_, rest) = html
            .split_once(&format!("name=\"{name}\" value=\""))
            .expect("a field");
        rest.split('"')
            .next()
            .expect("a value")
            .replace("&amp;", "&")
    };
    let (_, action) = html.split_once("action=\"").expect("a form");
    let action = action.split('"').next().expect("an address");
    let form = [
        ("request", hidden("request")),
        ("ticket", hidden("ticket")),
        ("username", username.to_owned()),
        ("password", password.to_owned()),
    ];
    let body = reqwest::Url::parse_with_params("http://form/", &form).expect("a form");
    let sent = browser
        .post(at.join(action).expect("an address"))
        .header("cookie", cookie)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body.query().expect("fields").to_owned())
        .send()
        .await
        .expect("an answer");
    assert_eq!(sent.status(), StatusCode::SEE_OTHER);
    let back = sent.headers()["location"].to_str().expect("an address");
    assert!(back.starts_with(BACK), "{back}");
    back.parse().expect("an address")
}

fn parameter(back: &reqwest::Url, name: &str) -> String {
    let found = back.query_pairs().find(|(known, _)| known == name);
    found.expect("a parameter").1.into_owned()
}

async fn register(admin: &Api) -> (ClientId, ClientSecret) {
    let account = json!({ "username": "brandt", "password": PASSWORD, "roles": ["NURSE"],
                          "email": "brandt@example.org" });
    let made = admin.post("/api/v1/users", &account).await;
    expect_status(&made.expect("an answer"), 201);
    let client = json!({ "name": "Portal", "confidential": true, "redirectUris": [BACK] });
    let made = admin.post("/api/v1/oauth-clients", &client).await;
    let made = expect_status(&made.expect("an answer"), 201);
    (
        ClientId::new(text(&made, "id")),
        ClientSecret::new(text(&made, "clientSecret")),
    )
}

/// Discovery, login, code, id token, userinfo, renewal, introspection, revocation.
pub(crate) async fn a_foreign_client_library_logs_somebody_in() {
    let hospital = Hospital::at_a_known_address();
    let (id, secret) = register(&hospital.admin().await).await;
    let issuer = IssuerUrl::new(hospital.base().to_owned()).expect("an issuer");
    let metadata = Metadata::discover_async(issuer, &transport)
        .await
        .expect("the provider describes itself, under its own name");
    let further = metadata.additional_metadata().clone();
    let over_tls = further
        .revocation_endpoint
        .as_str()
        .replacen("http://", "https://", 1);
    let client = CoreClient::from_provider_metadata(metadata, id, Some(secret))
        .set_redirect_uri(RedirectUrl::new(BACK.to_owned()).expect("an address"))
        .set_introspection_url(further.introspection_endpoint)
        .set_revocation_url(RevocationUrl::new(over_tls).expect("an address"));

    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let (page, state, nonce) = client
        .authorize_url(
            CoreAuthenticationFlow::AuthorizationCode,
            CsrfToken::new_random,
            Nonce::new_random,
        )
        .add_scopes(["profile", "email", "offline_access"].map(|name| Scope::new(name.to_owned())))
        .set_pkce_challenge(challenge)
        .url();
    let page = reqwest::Url::parse(page.as_str()).expect("an address");
    let back = person_logs_in(page, "brandt", PASSWORD).await;
    assert_eq!(&parameter(&back, "state"), state.secret());
    assert_eq!(parameter(&back, "iss"), hospital.base());
    let code = parameter(&back, "code");

    let exchange = |verifier: &str| {
        client
            .exchange_code(AuthorizationCode::new(code.clone()))
            .expect("a token endpoint")
            .set_pkce_verifier(PkceCodeVerifier::new(verifier.to_owned()))
    };
    let guessed = exchange(&"x".repeat(43)).request_async(&transport).await;
    assert!(guessed.is_err(), "another verifier");
    let tokens = exchange(verifier.secret())
        .request_async(&transport)
        .await
        .expect("tokens");

    let es256 = [CoreJwsSigningAlgorithm::EcdsaP256Sha256];
    let checker = client.id_token_verifier().set_allowed_algs(es256);
    let id_token = tokens.id_token().expect("an id token");
    let claims = id_token.claims(&checker, &nonce).expect("a good id token");
    assert!(id_token.claims(&checker, &Nonce::new_random()).is_err());
    let hash = AccessTokenHash::from_token(
        tokens.access_token(),
        id_token.signing_alg().expect("an algorithm"),
        id_token.signing_key(&checker).expect("a key"),
    );
    assert_eq!(claims.access_token_hash(), Some(&hash.expect("a hash")));
    assert!(claims.auth_time().is_some());

    let subject = claims.subject().clone();
    let person: CoreUserInfoClaims = client
        .user_info(tokens.access_token().clone(), Some(subject.clone()))
        .expect("an endpoint")
        .request_async(&transport)
        .await
        .expect("who they are");
    let name = person.preferred_username().map(|name| name.as_str());
    assert_eq!(name, Some("brandt"));
    assert_eq!(
        person.email().map(|email| email.as_str()),
        Some("brandt@example.org")
    );

    let refresh = tokens.refresh_token().expect("a refresh token");
    let renewed = client
        .exchange_refresh_token(refresh)
        .expect("a token endpoint")
        .request_async(&transport)
        .await
        .expect("the next tokens");
    let worth = |token| client.introspect(token).request_async(&transport);
    let known = worth(renewed.access_token()).await.expect("an answer");
    assert!(known.active());
    assert_eq!(known.sub(), Some(subject.as_str()));
    assert_eq!(known.username(), Some("brandt"));

    // Knowing who somebody is opens nothing of theirs.
    let me = browser()
        .get(format!("{}/api/v1/auth/me", hospital.base()))
        .bearer_auth(renewed.access_token().secret())
        .send()
        .await
        .expect("an answer");
    assert_eq!(me.status(), StatusCode::UNAUTHORIZED);

    let newest = renewed.refresh_token().expect("a refresh token").clone();
    client
        .revoke_token(CoreRevocableToken::RefreshToken(newest.clone()))
        .expect("an endpoint")
        .request_async(&transport)
        .await
        .expect("given back");
    let known = worth(renewed.access_token()).await.expect("an answer");
    assert!(!known.active(), "at once");
    let late = client
        .exchange_refresh_token(&newest)
        .expect("a token endpoint")
        .request_async(&transport)
        .await;
    assert!(late.is_err());
    let (holds, report) = hospital.verify();
    assert!(holds, "{report}");
}
