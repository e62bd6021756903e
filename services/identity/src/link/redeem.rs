//! `POST /auth/password/set` and `…/reset`: chooses a password with the secret of a
//! link. Both take links of either purpose; they have two names because people come
//! from two kinds of mail. All sessions of the account end, and their tokens at once:
//! whoever forgot a password cannot say who else knows it.
//!
//! The request holds a password, so it is not kept for an `Idempotency-Key`; the
//! link works once.

use std::sync::Arc;

use axum::extract::State;
use galen_contracts::ids::UserId;
use galen_kernel::{Problem, Timestamp};
use galen_service::{Answer, Body, Cx, Halt, Needs, Outcome, Requires};
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

use super::model::Purpose;
use super::store;
use crate::account::{self, Account};
use crate::password::{NewPassword, PasswordHash};
use crate::secret::SecretHash;
use crate::session::device::Device;
use crate::session::ending::Ending;
use crate::{Identity, attempt};

/// Links of both purposes choose a password.
const CHOOSES: &[Purpose] = &[Purpose::SetPassword, Purpose::ResetPassword];

/// A secret and a new password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ChoosePassword {
    /// From the link.
    #[schema(value_type = String)]
    token: SecretString,
    /// Any characters; not the login name, and none of the most used passwords.
    #[schema(value_type = String, min_length = 8, max_length = 128, format = "password")]
    new_password: SecretString,
}

impl Requires for ChoosePassword {
    const NEEDS: Needs = Needs::Nobody;
}

/// The secret is of no link that still works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the link does not work")]
pub(crate) struct DeadLink;

impl From<DeadLink> for Problem {
    fn from(_: DeadLink) -> Self {
        Self::invalid_field(
            "/token",
            "INVALID_LINK",
            "is of a link that was used, has expired or never was; ask for a new one",
        )
    }
}

/// Chooses the first password of an account.
#[utoipa::path(
    post,
    path = "/auth/password/set",
    tag = "identity",
    request_body = ChoosePassword,
    responses((status = 204, description = "The password is set"))
)]
pub(crate) async fn set(
    cx: Cx<ChoosePassword>,
    State(s): State<Arc<Identity>>,
    device: Device,
    Body(request): Body<ChoosePassword>,
) -> Outcome {
    redeem(&s, &device, &request, cx.now()).await
}

/// Chooses a new password instead of a forgotten one.
#[utoipa::path(
    post,
    path = "/auth/password/reset",
    tag = "identity",
    request_body = ChoosePassword,
    responses((status = 204, description = "The password is set"))
)]
pub(crate) async fn reset(
    cx: Cx<ChoosePassword>,
    State(s): State<Arc<Identity>>,
    device: Device,
    Body(request): Body<ChoosePassword>,
) -> Outcome {
    redeem(&s, &device, &request, cx.now()).await
}

async fn redeem(
    s: &Identity,
    device: &Device,
    request: &ChoosePassword,
    now: Timestamp,
) -> Outcome {
    let secret = SecretHash::of(&request.token);
    let account = holder(s, secret, now).await?;
    let password = NewPassword::parse(
        &request.new_password,
        account.as_ref().map(|account| &account.username),
    )
    .map_err(|error| Problem::invalid_field("/newPassword", error.code(), error.to_string()))?;
    let account = account.ok_or(DeadLink)?;
    let hash = s.hasher.turn().await?.hash(&password).await?;
    replace(s, account.id, device, secret, &hash, now).await?;
    Ok(Answer::no_content())
}

async fn holder(
    s: &Identity,
    secret: SecretHash,
    now: Timestamp,
) -> Result<Option<Account>, galen_storage::Error> {
    match store::account_of(s.db.pool(), secret, CHOOSES, now).await? {
        Some(id) => account::store::by_id(s.db.pool(), id).await,
        None => Ok(None),
    }
}

/// One transaction: of two requests with one secret, one wins.
async fn replace(
    s: &Identity,
    id: UserId,
    device: &Device,
    secret: SecretHash,
    hash: &PasswordHash,
    now: Timestamp,
) -> Result<(), Halt> {
    let mut tx = s.db.begin().await?;
    let account = account::store::lock(tx.conn(), id).await?;
    let account = account
        .filter(|account| account.lock.is_none())
        .ok_or(DeadLink)?;
    if !store::use_secret(tx.conn(), secret, CHOOSES, now).await? {
        return Err(DeadLink.into());
    }
    account::store::set_password(tx.conn(), id, hash).await?;
    store::close(tx.conn(), id, CHOOSES, now).await?;
    let ending = Ending::all_of(&mut tx, id, now).await?;
    attempt::store::begin_anew(tx.conn(), &account, device.household(), now).await?;
    tx.commit().await?;
    ending.take_effect(s.keyring.ended());
    Ok(())
}
