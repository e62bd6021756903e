//! `POST /auth/passkeys/registration/options` and `…/verify`: adds a passkey to one's
//! own account, in two steps that belong together.
//!
//! A ceremony can be completed once, within five minutes, in the session that began it;
//! a wrong answer ends it as well. Its parts are not kept for an `Idempotency-Key`.

use std::sync::Arc;

use axum::extract::State;
use galen_kernel::{Pii, Problem, Violations};
use galen_service::{Answer, Body, Cx, Needs, Outcome, Requires};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use webauthn_rs_proto::PublicKeyCredentialCreationOptions;

use super::credential::{self, Given, registered_schema};
use super::list::PasskeyView;
use super::model::{self, CeremonyId, MOST, Name, Passkey};
use super::relying_party::{NoDomain, reason};
use super::store;
use crate::Identity;
use crate::account;

/// Wishes to add a passkey.
pub(crate) struct BeginRegistration;

impl Requires for BeginRegistration {
    const NEEDS: Needs = Needs::Anybody;
    // A thief of a token must not make themselves a way in that stays.
    const STEP_UP: bool = true;
}

/// What the browser needs for a new passkey.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RegistrationOptions {
    /// To be given back with the answer.
    ceremony_id: Uuid,
    /// For `PublicKeyCredential.parseCreationOptionsFromJSON()` and then
    /// `navigator.credentials.create()` (PublicKeyCredentialCreationOptionsJSON of
    /// WebAuthn).
    #[schema(value_type = Object)]
    public_key: PublicKeyCredentialCreationOptions,
}

/// A new passkey.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RegisterPasskey {
    /// Of the options that it answers.
    #[schema(value_type = Uuid)]
    ceremony_id: CeremonyId,
    /// What its owner calls it.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 64, examples("Security key"))]
    name: Option<Pii<String>>,
    /// What the browser answered.
    #[schema(schema_with = registered_schema)]
    credential: Given,
}

impl Requires for RegisterPasskey {
    const NEEDS: Needs = Needs::Anybody;
}

/// Why there is no new passkey.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RegisterError {
    /// The ceremony was completed, has expired, or is not of this session.
    #[error("no such ceremony")]
    CeremonyOver,
    /// The account has as many as it may have.
    #[error("too many passkeys")]
    TooMany,
    /// It is registered already, for this account or another.
    #[error("the passkey is registered")]
    Registered,
    /// What the browser answered is not the answer to the options.
    #[error("the credential {reason}")]
    Invalid {
        /// Why not.
        reason: &'static str,
    },
}

impl From<RegisterError> for Problem {
    fn from(error: RegisterError) -> Self {
        match error {
            RegisterError::CeremonyOver => Self::conflict(
                "CEREMONY_OVER",
                "This registration was completed, has expired, or is not yours; begin again.",
            ),
            RegisterError::TooMany => Self::conflict(
                "TOO_MANY_PASSKEYS",
                "The account has as many passkeys as it may have.",
            ),
            RegisterError::Registered => {
                Self::conflict("PASSKEY_REGISTERED", "The passkey is registered already.")
            }
            RegisterError::Invalid { reason } => {
                Self::invalid_field("/credential", "INVALID_CREDENTIAL", reason)
            }
        }
    }
}

/// Begins the registration of a passkey.
#[utoipa::path(
    post,
    path = "/auth/passkeys/registration/options",
    tag = "identity",
    responses((status = 200, description = "What the browser needs", body = RegistrationOptions))
)]
pub(crate) async fn options(cx: Cx<BeginRegistration>, State(s): State<Arc<Identity>>) -> Outcome {
    let party = s.relying_party.as_ref().ok_or(NoDomain)?;
    let principal = cx.principal()?;
    let account = account::store::by_id(s.db.pool(), principal.user_id)
        .await?
        .ok_or_else(Problem::unauthenticated)?;
    let known = store::credentials_of(s.db.pool(), account.id).await?;
    if known.len() >= MOST {
        return Err(Problem::from(RegisterError::TooMany).into());
    }
    let (public_key, state) = party.invite(&account, known).map_err(Problem::internal)?;
    let ceremony = cx.clock().id();
    let begun = store::begin_registration(
        s.db.pool(),
        ceremony,
        account.id,
        principal.session_id,
        &state,
        model::ceremony_ends(cx.now()),
    )
    .await?;
    if !begun {
        return Err(Problem::unauthenticated().into());
    }
    Ok(Answer::ok(&RegistrationOptions {
        ceremony_id: ceremony.uuid(),
        public_key,
    }))
}

/// Completes the registration of a passkey.
#[utoipa::path(
    post,
    path = "/auth/passkeys/registration/verify",
    tag = "identity",
    request_body = RegisterPasskey,
    responses((status = 201, description = "The new passkey", body = PasskeyView))
)]
pub(crate) async fn verify(
    cx: Cx<RegisterPasskey>,
    State(s): State<Arc<Identity>>,
    Body(request): Body<RegisterPasskey>,
) -> Outcome {
    let party = s.relying_party.as_ref().ok_or(NoDomain)?;
    let principal = cx.principal()?;
    let mut wrong = Violations::new();
    let name = match &request.name {
        Some(given) => wrong.keep("/name", "INVALID_NAME", Name::parse(given.expose())),
        None => Some(Name::unnamed()),
    };
    let credential = credential::registered(&request.credential, &mut wrong);
    wrong.finish()?;
    let (Some(name), Some(credential)) = (name, credential) else {
        return Err(Problem::internal("a field was neither kept nor refused").into());
    };

    let mut tx = s.db.begin().await?;
    // Registrations of one account come one after another, so that they can be counted.
    let account = account::store::lock(tx.conn(), principal.user_id)
        .await?
        .filter(|account| account.lock.is_none())
        .ok_or_else(Problem::unauthenticated)?;
    let state = store::take_registration(
        tx.conn(),
        request.ceremony_id,
        account.id,
        principal.session_id,
        cx.now(),
    )
    .await?
    .ok_or(RegisterError::CeremonyOver)
    .map_err(Problem::from)?;
    let known = store::credentials_of(tx.conn(), account.id).await?;
    let key = match party.register(&credential, &state) {
        _ if known.len() >= MOST => Err(RegisterError::TooMany),
        Ok(key) => Ok(key),
        Err(error) => Err(RegisterError::Invalid {
            reason: reason(&error),
        }),
    };
    let registered = match key {
        Ok(key) => {
            let passkey = Passkey {
                id: cx.clock().id(),
                account: account.id,
                key,
                name,
                created_at: cx.now(),
                last_used_at: None,
            };
            let new = store::insert(tx.conn(), &passkey).await?;
            new.then_some(passkey).ok_or(RegisterError::Registered)
        }
        Err(error) => Err(error),
    };
    // Refused or not, the ceremony is over.
    tx.commit().await?;
    let passkey = registered.map_err(Problem::from)?;
    cx.about("passkeys", passkey.id);
    Ok(Answer::json(
        StatusCode::CREATED,
        &PasskeyView::from(&passkey),
    ))
}
