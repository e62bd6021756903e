//! The directory: what is known of it, where it sends people, and who they are when
//! they come back.

use std::sync::Arc;

use futures::future::BoxFuture;
use galen_kernel::{Clock, Problem, Timestamp};
use http::StatusCode;
use http::header::ACCEPT;
use jiff::SignedDuration;
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreClaimName, CoreClaimType,
    CoreClientAuthMethod, CoreErrorResponseType, CoreGenderClaim, CoreGrantType, CoreJsonWebKey,
    CoreJsonWebKeySet, CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm,
    CoreResponseMode, CoreResponseType, CoreRevocableToken, CoreRevocationErrorResponse,
    CoreSubjectIdentifierType, CoreTokenIntrospectionResponse,
};
use openidconnect::{
    AdditionalProviderMetadata, AuthType, AuthorizationCode, Client, ClientSecret, CsrfToken,
    EndpointMaybeSet, EndpointNotSet, EndpointSet, Nonce, PkceCodeChallenge, PkceCodeVerifier,
    ProviderMetadata, RequestTokenError, Scope, StandardErrorResponse,
};
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::handshake::Handshake;
use super::model::{Mapping, Person};
use super::settings::{Settings, is_safe};
use super::token::{self, Disbelief, Expected, OtherClaims, Tokens};
use super::web::{Web, WebError};

/// After this what is known is asked for again.
const FRESH: SignedDuration = SignedDuration::from_hours(1);
/// Until then it is used all the same when the directory does not answer.
const USABLE: SignedDuration = SignedDuration::from_hours(24);
/// A key that is not known makes Galen ask for new ones at most this often.
const KEYS_AGAIN: SignedDuration = SignedDuration::from_mins(1);

/// What RFC 9207 adds to a provider's metadata.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
struct Extra {
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

impl AdditionalProviderMetadata for Extra {}

type Metadata = ProviderMetadata<
    Extra,
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

type DirectoryClient = Client<
    OtherClaims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Tokens,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// The directory.
pub(crate) struct Provider {
    settings: Settings,
    clock: Clock,
    web: Arc<Web>,
    known: Mutex<Option<Arc<Known>>>,
}

/// What it says of itself.
struct Known {
    metadata: Metadata,
    read_at: Timestamp,
}

/// Why nobody can log in, or not so. Says nothing of whom it was about.
#[derive(Debug, thiserror::Error)]
pub(super) enum DirectoryError {
    /// It does not answer.
    #[error(transparent)]
    Web(#[from] WebError),
    /// What it says of itself makes no sense.
    #[error("the directory's description is {0}")]
    Description(&'static str),
    /// It does not know the code, or not this hospital.
    #[error("the directory refuses the code: {0}")]
    Refused(String),
    /// Its answer is none.
    #[error("the directory's token answer cannot be read")]
    Unreadable,
    /// Another provider answered.
    #[error("the answer is not of this directory")]
    MixedUp,
    /// Its answer is not believed.
    #[error(transparent)]
    Disbelief(#[from] Disbelief),
}

impl From<DirectoryError> for Problem {
    fn from(error: DirectoryError) -> Self {
        match error {
            DirectoryError::Web(_) | DirectoryError::Description(_) => Self {
                cause: Some(Box::new(error)),
                ..Self::new(
                    503,
                    "DIRECTORY_UNAVAILABLE",
                    "The hospital's directory does not answer.",
                )
            }
            .retry_after(10),
            error => {
                tracing::warn!(%error, "a login through the directory is refused");
                refused()
            }
        }
    }
}

/// The same for all reasons that are no business of who asks.
pub(super) const fn refused() -> Problem {
    Problem::new(
        401,
        "DIRECTORY_LOGIN_REFUSED",
        "This login through the directory cannot be completed; begin again.",
    )
}

impl Provider {
    /// Prepares it. Nothing is asked before somebody logs in.
    pub(super) fn new(settings: Settings, clock: Clock) -> Result<Self, reqwest::Error> {
        let web = Arc::new(Web::new(settings.issuer.url().scheme() == "https")?);
        Ok(Self {
            settings,
            clock,
            web,
            known: Mutex::default(),
        })
    }

    /// What people call it.
    pub(super) fn name(&self) -> &str {
        &self.settings.name
    }

    /// Who it is.
    pub(super) fn issuer(&self) -> &str {
        self.settings.issuer.as_str()
    }

    /// Which of its groups give which role.
    pub(super) const fn mapping(&self) -> &Mapping {
        &self.settings.mapping
    }

    /// Whether a first login makes an account.
    pub(super) const fn provisions(&self) -> bool {
        self.settings.provision
    }

    /// Where a browser is sent to begin a login. With `fresh`, people show who they are
    /// even if the directory knows them still.
    pub(super) async fn begin(
        &self,
        handshake: &Handshake,
        fresh: bool,
    ) -> Result<String, DirectoryError> {
        let known = self.known().await?;
        let client = self.client(&known);
        let state = handshake.state.expose_secret().to_owned();
        let nonce = handshake.nonce();
        let verifier = PkceCodeVerifier::new(handshake.code_verifier());
        let mut request = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                move || CsrfToken::new(state),
                move || Nonce::new(nonce),
            )
            .add_scopes(self.settings.scopes.iter().cloned().map(Scope::new))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier));
        if fresh {
            request = request
                .add_prompt(CoreAuthPrompt::Login)
                .set_max_age(std::time::Duration::ZERO);
        }
        let (url, _, _) = request.url();
        Ok(url.into())
    }

    /// Who comes back with a code, and when they showed who they are. `issuer` is what
    /// came with the code (RFC 9207): a code of another provider is not sent anywhere.
    pub(super) async fn finish(
        &self,
        code: &SecretString,
        issuer: Option<&str>,
        handshake: &Handshake,
    ) -> Result<(Person, Option<Timestamp>), DirectoryError> {
        let known = self.known().await?;
        let announced = known
            .metadata
            .additional_metadata()
            .authorization_response_iss_parameter_supported;
        match issuer {
            Some(issuer) if issuer != self.issuer() => return Err(DirectoryError::MixedUp),
            None if announced => return Err(DirectoryError::MixedUp),
            _ => {}
        }
        let tokens = self.exchange(&known, code, handshake).await?;
        match self.believe(&known, &tokens, handshake) {
            Err(disbelief) if disbelief.is_unknown_key() => {
                let renewed = self.renewed(&known).await?;
                Ok(self.believe(&renewed, &tokens, handshake)?)
            }
            believed => Ok(believed?),
        }
    }

    async fn exchange(
        &self,
        known: &Known,
        code: &SecretString,
        handshake: &Handshake,
    ) -> Result<Tokens, DirectoryError> {
        let web = Arc::clone(&self.web);
        let http = move |request| web.call(request);
        let client = self.client(known);
        let request = client
            .exchange_code(AuthorizationCode::new(code.expose_secret().to_owned()))
            .map_err(|_| DirectoryError::Description("without a token endpoint"))?
            .set_pkce_verifier(PkceCodeVerifier::new(handshake.code_verifier()));
        let asked: BoxFuture<'_, _> = Box::pin(request.request_async(&http));
        asked.await.map_err(|error| match error {
            RequestTokenError::Request(error) => error.into(),
            RequestTokenError::ServerResponse(answer) => {
                DirectoryError::Refused(answer.error().to_string().chars().take(100).collect())
            }
            // Their texts may show a piece of a token.
            RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
                DirectoryError::Unreadable
            }
        })
    }

    fn believe(
        &self,
        known: &Known,
        tokens: &Tokens,
        handshake: &Handshake,
    ) -> Result<(Person, Option<Timestamp>), Disbelief> {
        let expected = Expected {
            issuer: &self.settings.issuer,
            keys: known.metadata.jwks(),
            client: &self.settings.client_id,
            nonce: handshake.nonce(),
            groups_claim: &self.settings.groups_claim,
            now: self.clock.now(),
        };
        token::believe(tokens, expected)
    }

    fn client(&self, known: &Known) -> DirectoryClient {
        let secret = self.settings.client_secret.as_ref();
        let secret = secret.map(|secret| ClientSecret::new(secret.expose_secret().to_owned()));
        DirectoryClient::from_provider_metadata(
            known.metadata.clone(),
            self.settings.client_id.clone(),
            secret,
        )
        .set_auth_type(shown_how(&known.metadata))
        .set_redirect_uri(self.settings.redirect_url.clone())
    }

    /// What is known of the directory, asked for again when that is old. Those who need
    /// it at the same time wait for one answer.
    async fn known(&self) -> Result<Arc<Known>, DirectoryError> {
        let mut known = self.known.lock().await;
        let age = |known: &Known| self.clock.now().duration_since(known.read_at);
        match &*known {
            Some(known) if age(known) < FRESH => return Ok(Arc::clone(known)),
            _ => {}
        }
        match (self.discover().await, &*known) {
            (Ok(read), _) => Ok(Arc::clone(known.insert(Arc::new(read)))),
            (Err(error), Some(known)) if age(known) < USABLE => {
                tracing::warn!(%error, "the directory's keys of some time ago are used");
                Ok(Arc::clone(known))
            }
            (Err(error), _) => Err(error),
        }
    }

    /// What is known now that something was missing in `old`.
    async fn renewed(&self, old: &Arc<Known>) -> Result<Arc<Known>, DirectoryError> {
        let mut known = self.known.lock().await;
        match &*known {
            Some(newer) if !Arc::ptr_eq(newer, old) => Ok(Arc::clone(newer)),
            _ if self.clock.now().duration_since(old.read_at) < KEYS_AGAIN => Ok(Arc::clone(old)),
            _ => {
                let read = self.discover().await?;
                Ok(Arc::clone(known.insert(Arc::new(read))))
            }
        }
    }

    async fn discover(&self) -> Result<Known, DirectoryError> {
        let issuer = self.issuer().trim_end_matches('/');
        let description = format!("{issuer}/.well-known/openid-configuration");
        let metadata: Metadata = self.read(&description).await?;
        if *metadata.issuer() != self.settings.issuer {
            return Err(DirectoryError::Description("of another issuer"));
        }
        let endpoints = [
            Some(metadata.authorization_endpoint().url()),
            Some(metadata.jwks_uri().url()),
            metadata.token_endpoint().map(|endpoint| endpoint.url()),
        ];
        for endpoint in endpoints {
            let endpoint =
                endpoint.ok_or(DirectoryError::Description("without a token endpoint"))?;
            if !is_safe(endpoint) {
                return Err(DirectoryError::Description("of endpoints without TLS"));
            }
        }
        let keys: CoreJsonWebKeySet = self.read(metadata.jwks_uri().as_str()).await?;
        Ok(Known {
            metadata: metadata.set_jwks(keys),
            read_at: self.clock.now(),
        })
    }

    /// A document of the directory.
    async fn read<T: DeserializeOwned>(&self, address: &str) -> Result<T, DirectoryError> {
        let request = http::Request::get(address)
            .header(ACCEPT, "application/json")
            .body(Vec::new())
            .map_err(|_| DirectoryError::Description("of what is no address"))?;
        let answer = self.web.call(request).await?;
        if answer.status() != StatusCode::OK {
            return Err(DirectoryError::Description("not there"));
        }
        serde_json::from_slice(answer.body()).map_err(|_| DirectoryError::Description("malformed"))
    }
}

/// How the client's secret is shown: in a header, unless the directory can only read
/// it in the body.
fn shown_how(metadata: &Metadata) -> AuthType {
    let Some(methods) = metadata.token_endpoint_auth_methods_supported() else {
        return AuthType::BasicAuth;
    };
    let can = |method| methods.contains(&method);
    if can(CoreClientAuthMethod::ClientSecretPost) && !can(CoreClientAuthMethod::ClientSecretBasic)
    {
        AuthType::RequestBody
    } else {
        AuthType::BasicAuth
    }
}
