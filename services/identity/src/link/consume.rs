//! `POST /auth/magic-link/consume`: logs in with the secret of a mailed link.
//!
//! What a mailbox opens must not be more than its owner's own things: a patient's
//! account is logged in by the link alone, every other account only together with its
//! second factor, and not at all while it has none. That is asked when the link is
//! wanted, so that none is mailed in vain, and again when it is used.
//!
//! A link works once, for minutes, and no longer than the password that it stands in
//! for: a new one closes it, and so does everything else that ends all sessions. A
//! wrong code does not use it up. The answer holds tokens, so it is not kept for an
//! `Idempotency-Key`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::{Method, Role};
use galen_kernel::{Problem, Timestamp};
use galen_service::{Body, Cx, Halt, Needs, Outcome, Requires};
use galen_storage::Error;
use http::StatusCode;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use sqlx::PgConnection;
use utoipa::ToSchema;

use super::model::Purpose;
use super::store;
use crate::account::{self, Account};
use crate::attempt::Attempt;
use crate::secret::SecretHash;
use crate::session::device::Device;
use crate::session::open::{self, TokenAnswer};
use crate::{Identity, mfa};

const LOGS_IN: &[Purpose] = &[Purpose::LogIn];

/// The secret of a link.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ConsumeLink {
    /// From the link.
    #[schema(value_type = String)]
    secret: SecretString,
    /// Of the account's second factor, when it has one.
    #[schema(value_type = Option<String>, max_length = 64)]
    mfa_code: Option<SecretString>,
}

impl Requires for ConsumeLink {
    const NEEDS: Needs = Needs::Nobody;
}

/// The secret is of no link that logs in now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the link does not work")]
struct DeadLink;

impl From<DeadLink> for Problem {
    fn from(_: DeadLink) -> Self {
        Self::invalid_field(
            "/secret",
            "INVALID_LINK",
            "is of a link that was used, has expired or never was; ask for a new one",
        )
    }
}

/// Logs in with a mailed link, once.
#[utoipa::path(
    post,
    path = "/auth/magic-link/consume",
    tag = "identity",
    request_body = ConsumeLink,
    responses((status = 200, description = "Logged in", body = TokenAnswer))
)]
pub(crate) async fn consume(
    cx: Cx<ConsumeLink>,
    State(s): State<Arc<Identity>>,
    device: Device,
    Body(request): Body<ConsumeLink>,
) -> Outcome {
    let secret = SecretHash::of(&request.secret);
    let holder = store::account_of(s.db.pool(), secret, LOGS_IN, cx.now()).await?;
    let id = holder.ok_or(DeadLink)?;
    cx.about("users", id);
    let account = account::store::by_id(s.db.pool(), id).await?;
    let account = account
        .filter(|account| account.lock.is_none())
        .ok_or(DeadLink)?;
    let code = request.mfa_code.as_ref().map(|code| code.expose_secret());
    let tokens = enter(&s, &account, secret, code, &device, cx.now()).await?;
    Ok(tokens.answer(StatusCode::OK))
}

/// One transaction: of two requests with one secret, one wins.
async fn enter(
    s: &Identity,
    account: &Account,
    secret: SecretHash,
    code: Option<&str>,
    device: &Device,
    now: Timestamp,
) -> Result<TokenAnswer, Halt> {
    let attempt = Attempt::at(account.username.as_str(), Some(account), device);
    let shown = mfa::second_factor(s, &attempt, account, code, now).await?;
    if shown.is_empty() && !is_a_patients(account) {
        return Err(DeadLink.into());
    }
    let mut tx = s.db.begin().await?;
    if !store::use_secret(tx.conn(), secret, LOGS_IN, now).await? {
        return Err(DeadLink.into());
    }
    store::close(tx.conn(), account.id, LOGS_IN, now).await?;
    let methods = [&[Method::MailedLink], shown.as_slice()].concat();
    let tokens = open::open(&mut tx, &s.keyring, account, device, &methods, now)
        .await?
        .ok_or(DeadLink)?;
    tx.commit().await?;
    metrics::counter!("galen_identity_logins_total", "outcome" => "ok").increment(1);
    Ok(tokens)
}

/// Whether an account may be logged in to by a link at all.
pub(super) async fn may_be_used_by(
    tx: &mut PgConnection,
    account: &Account,
) -> Result<bool, Error> {
    if is_a_patients(account) {
        return Ok(true);
    }
    let authenticator = mfa::store::find(tx, account.id).await?;
    Ok(authenticator.is_some_and(|stored| stored.confirmed_at.is_some()))
}

/// Whether an account reaches its owner's own things only.
fn is_a_patients(account: &Account) -> bool {
    account.roles.is_only(Role::Patient)
}
