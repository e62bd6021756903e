//! A logged-in user of the API.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde::{Deserialize, Serialize};
use tokio::sync::RwLock;

use crate::{Problem, Reply};

/// Why there is no usable answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No answer at all, even after repeating.
    #[error("no answer")]
    NoAnswer(#[source] reqwest::Error),
    /// The answer is not what was expected.
    #[error("unreadable answer")]
    Unreadable(#[source] serde_json::Error),
    /// The server refused.
    #[error("{status} {}", problem.as_ref().map(ToString::to_string).unwrap_or_default())]
    Refused {
        /// HTTP status.
        status: StatusCode,
        /// Its problem details.
        problem: Option<Box<Problem>>,
    },
}

/// One user of one hospital. Clones share the login.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Arc<str>,
    login: Arc<RwLock<Option<Login>>>,
}

struct Login {
    access: String,
    refresh: String,
    renew_at: Instant,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Tokens {
    access_token: String,
    refresh_token: String,
    expires_in: u64,
}

/// How often a request without an answer is repeated, and for how long at most.
const PATIENCE: Duration = Duration::from_secs(60);

impl Client {
    /// A caller without a login. `base` is `http://host:port`.
    ///
    /// # Errors
    /// When the HTTP client cannot be set up.
    pub fn new(base: &str) -> Result<Self, ClientError> {
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(35))
            .pool_max_idle_per_host(512)
            .tcp_nodelay(true)
            .build()
            .map_err(ClientError::NoAnswer)?;
        Ok(Self {
            http,
            base: base.trim_end_matches('/').into(),
            login: Arc::default(),
        })
    }

    /// The same connections with nobody logged in.
    #[must_use]
    pub fn anonymous(&self) -> Self {
        Self {
            http: self.http.clone(),
            base: Arc::clone(&self.base),
            login: Arc::default(),
        }
    }

    /// Where the server is.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Logs in; later requests carry the token and renew it in time.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn login(&self, username: &str, password: &str) -> Result<(), ClientError> {
        let body = serde_json::json!({ "username": username, "password": password });
        let reply = self
            .send(
                Method::POST,
                "/api/v1/auth/login",
                Some(&body),
                HeaderMap::new(),
            )
            .await?;
        self.keep(&reply).await
    }

    /// Takes the tokens of a login or registration.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn keep(&self, reply: &Reply) -> Result<(), ClientError> {
        let tokens: Tokens = reply.success()?;
        let lasting = Duration::from_secs(tokens.expires_in.saturating_sub(60));
        *self.login.write().await = Some(Login {
            access: tokens.access_token,
            refresh: tokens.refresh_token,
            renew_at: Instant::now() + lasting,
        });
        Ok(())
    }

    /// The current access token.
    pub async fn token(&self) -> Option<String> {
        self.login
            .read()
            .await
            .as_ref()
            .map(|login| login.access.clone())
    }

    /// `GET path`.
    ///
    /// # Errors
    /// [`ClientError`]; a refusal is a [`Reply`], not an error.
    pub async fn get(&self, path: &str) -> Result<Reply, ClientError> {
        self.request(Method::GET, path, None::<&()>, HeaderMap::new())
            .await
    }

    /// `POST path` with a fresh idempotency key: repeated until there is an answer,
    /// and done once.
    ///
    /// # Errors
    /// [`ClientError`]; a refusal is a [`Reply`], not an error.
    pub async fn post<B: Serialize + ?Sized>(
        &self,
        path: &str,
        body: &B,
    ) -> Result<Reply, ClientError> {
        self.post_as(path, body, &uuid::Uuid::now_v7().to_string())
            .await
    }

    /// `POST path` with a given idempotency key.
    ///
    /// # Errors
    /// [`ClientError`]; a refusal is a [`Reply`], not an error.
    pub async fn post_as<B: Serialize + ?Sized>(
        &self,
        path: &str,
        body: &B,
        key: &str,
    ) -> Result<Reply, ClientError> {
        let mut headers = HeaderMap::new();
        if let Ok(value) = HeaderValue::from_str(key) {
            headers.insert("idempotency-key", value);
        }
        self.request(Method::POST, path, Some(body), headers).await
    }

    /// Any request as the logged-in user, repeated while there is no answer, 503 or
    /// 504, and while an earlier one with its key is under way. Without an
    /// idempotency key only what is safe to repeat is repeated.
    ///
    /// # Errors
    /// [`ClientError`]; a refusal is a [`Reply`], not an error.
    pub async fn request<B: Serialize + ?Sized>(
        &self,
        method: Method,
        path: &str,
        body: Option<&B>,
        mut headers: HeaderMap,
    ) -> Result<Reply, ClientError> {
        let repeatable = method != Method::POST || headers.contains_key("idempotency-key");
        let began = Instant::now();
        let mut pause = Duration::from_millis(20);
        loop {
            self.renew_if_due().await?;
            if let Some(token) = self.token().await
                && let Ok(value) = HeaderValue::from_str(&format!("Bearer {token}"))
            {
                headers.insert(http::header::AUTHORIZATION, value);
            }
            let outcome = self.send(method.clone(), path, body, headers.clone()).await;
            let unanswered = match &outcome {
                Err(ClientError::NoAnswer(_)) => true,
                Ok(reply) => {
                    matches!(reply.status.as_u16(), 429 | 503 | 504)
                        || (reply.status == StatusCode::CONFLICT
                            && reply.code() == "REQUEST_IN_PROGRESS")
                }
                Err(_) => false,
            };
            if !unanswered || !repeatable || began.elapsed() > PATIENCE {
                return outcome;
            }
            tokio::time::sleep(pause + Duration::from_millis(rand::random_range(0..20))).await;
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    }

    /// One request as it is, without login and without repetition.
    ///
    /// # Errors
    /// [`ClientError::NoAnswer`].
    pub async fn send<B: Serialize + ?Sized>(
        &self,
        method: Method,
        path: &str,
        body: Option<&B>,
        headers: HeaderMap,
    ) -> Result<Reply, ClientError> {
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.base))
            .headers(headers);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(ClientError::NoAnswer)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await.map_err(ClientError::NoAnswer)?;
        Ok(Reply {
            status,
            headers,
            body,
        })
    }

    async fn renew_if_due(&self) -> Result<(), ClientError> {
        let due = self
            .login
            .read()
            .await
            .as_ref()
            .is_some_and(|login| Instant::now() >= login.renew_at);
        if !due {
            return Ok(());
        }
        // Held over the request: a refresh token may be used once only.
        let mut login = self.login.write().await;
        let Some(current) = login
            .as_ref()
            .filter(|login| Instant::now() >= login.renew_at)
        else {
            return Ok(());
        };
        let body = serde_json::json!({ "refreshToken": current.refresh });
        let reply = self
            .send(
                Method::POST,
                "/api/v1/auth/refresh",
                Some(&body),
                HeaderMap::new(),
            )
            .await?;
        let tokens: Tokens = reply.success()?;
        let lasting = Duration::from_secs(tokens.expires_in.saturating_sub(60));
        *login = Some(Login {
            access: tokens.access_token,
            refresh: tokens.refresh_token,
            renew_at: Instant::now() + lasting,
        });
        Ok(())
    }
}
