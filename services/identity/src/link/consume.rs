//! `POST /auth/magic-link/consume`: logs in with the secret of a mailed link.
//!
//! What a mailbox opens must not be more than its owner's own things: a patient's
//! account is logged in by the link, and no other. That is asked when the link is
//! wanted, so that none is mailed in vain, and again when it is used.
//!
//! A link works once, for minutes, and no longer than the password that it stands in
//! for: a new one closes it, and so does everything else that ends all sessions. The
//! answer holds tokens, so it is not kept for an `Idempotency-Key`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::{Method, Role};
use galen_kernel::{Problem, Timestamp};
use galen_service::{Body, Cx, Halt, Needs, Outcome, Requires};
use http::StatusCode;
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

use super::model::Purpose;
use super::store;
use crate::Identity;
use crate::account::{self, Account};
use crate::secret::SecretHash;
use crate::session::device::Device;
use crate::session::open::{self, TokenAnswer};

const LOGS_IN: &[Purpose] = &[Purpose::LogIn];

/// The secret of a link.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ConsumeLink {
    /// From the link.
    #[schema(value_type = String)]
    secret: SecretString,
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
    let tokens = enter(&s, &account, secret, &device, cx.now()).await?;
    Ok(tokens.answer(StatusCode::OK))
}

/// One transaction: of two requests with one secret, one wins.
async fn enter(
    s: &Identity,
    account: &Account,
    secret: SecretHash,
    device: &Device,
    now: Timestamp,
) -> Result<TokenAnswer, Halt> {
    if !may_be_used_by(account) {
        return Err(DeadLink.into());
    }
    let mut tx = s.db.begin().await?;
    if !store::use_secret(tx.conn(), secret, LOGS_IN, now).await? {
        return Err(DeadLink.into());
    }
    store::close(tx.conn(), account.id, LOGS_IN, now).await?;
    let methods = [Method::MailedLink];
    let tokens = open::open(&mut tx, &s.keyring, account, device, &methods, now)
        .await?
        .ok_or(DeadLink)?;
    tx.commit().await?;
    metrics::counter!("galen_identity_logins_total", "outcome" => "ok").increment(1);
    Ok(tokens)
}

/// Whether an account may be logged in to by a link: whether it reaches its owner's own
/// things only.
pub(super) fn may_be_used_by(account: &Account) -> bool {
    account.roles.is_only(Role::Patient)
}
