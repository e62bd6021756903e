//! `POST /auth/passkeys/authentication/options` and `…/verify`: a passkey for tokens.
//!
//! The options name no keys, so they are the same for every name, known or not, and
//! take the same time: the name is not even looked up. It binds the login to the
//! account of that name. Failures count for nobody and pauses of a name are not for
//! passkeys: signatures are not guessed, and otherwise whoever guesses passwords, or
//! answers with nonsense, could keep the owner from the one way in that is left.
//!
//! All refusals are the same, except that of a key that seems to have been copied,
//! which only its holder can see. Answers hold tokens, so they are not kept for an
//! `Idempotency-Key`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Method;
use galen_kernel::{Pii, Problem, Violations};
use galen_service::{Answer, Body, Cx, Halt, Needs, Outcome, Requires};
use galen_storage::Tx;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use webauthn_rs::prelude::{PublicKeyCredential, WebauthnError};
use webauthn_rs_proto::PublicKeyCredentialRequestOptions;

use super::credential::{self, Given, asserted_schema};
use super::model::{self, CeremonyId};
use super::relying_party::{NoDomain, RelyingParty};
use super::store::{self, Authentication};
use crate::account::{self, username};
use crate::attempt::model::Subject;
use crate::session::device::Device;
use crate::session::open::{self, TokenAnswer};
use crate::{Identity, attempt};

/// Wishes to log in with a passkey.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct BeginAuthentication {
    /// Login name, when the person has said who they are; the passkey must be theirs.
    #[schema(value_type = Option<String>, max_length = 64, examples("nadia.keller"))]
    username: Option<Pii<String>>,
}

impl Requires for BeginAuthentication {
    const NEEDS: Needs = Needs::Nobody;
}

/// What the browser needs for a login.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AuthenticationOptions {
    /// To be given back with the answer.
    ceremony_id: Uuid,
    /// For `PublicKeyCredential.parseRequestOptionsFromJSON()` and then
    /// `navigator.credentials.get()` (PublicKeyCredentialRequestOptionsJSON of WebAuthn).
    #[schema(value_type = Object)]
    public_key: PublicKeyCredentialRequestOptions,
}

/// A passkey's signature.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct LogInWithPasskey {
    /// Of the options that it answers.
    #[schema(value_type = Uuid)]
    ceremony_id: CeremonyId,
    /// What the browser answered.
    #[schema(schema_with = asserted_schema)]
    credential: Given,
}

impl Requires for LogInWithPasskey {
    const NEEDS: Needs = Needs::Nobody;
}

/// Why there is no login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PasskeyError {
    /// The ceremony, the key, its signature or the account is not right.
    #[error("the passkey is not accepted")]
    NotAccepted,
    /// Its counter has not risen since its last use: somebody has a copy of the key.
    #[error("the passkey may have been copied")]
    PossiblyCopied,
}

impl From<PasskeyError> for Problem {
    fn from(error: PasskeyError) -> Self {
        match error {
            PasskeyError::NotAccepted => {
                Self::new(401, "PASSKEY_NOT_ACCEPTED", "The passkey is not accepted.")
            }
            PasskeyError::PossiblyCopied => Self::new(
                401,
                "PASSKEY_POSSIBLY_COPIED",
                "The passkey was used elsewhere in between, so it may have been copied.",
            ),
        }
    }
}

/// Begins a login with a passkey.
#[utoipa::path(
    post,
    path = "/auth/passkeys/authentication/options",
    tag = "identity",
    request_body = BeginAuthentication,
    responses((status = 200, description = "What the browser needs", body = AuthenticationOptions))
)]
pub(crate) async fn options(
    cx: Cx<BeginAuthentication>,
    State(s): State<Arc<Identity>>,
    Body(request): Body<BeginAuthentication>,
) -> Outcome {
    let party = s.relying_party.as_ref().ok_or(NoDomain)?;
    let name = request.username.as_ref().map(Pii::expose);
    let mut wrong = Violations::new();
    wrong.require(
        name.is_none_or(|name| name.chars().count() <= username::LONGEST),
        "/username",
        "TOO_LONG",
        "must have at most 64 characters",
    );
    wrong.finish()?;
    let subject = name.map(|name| Subject::of(name));
    let (public_key, state) = party.challenge().map_err(Problem::internal)?;
    let ceremony = cx.clock().id();
    let ends = model::ceremony_ends(cx.now());
    store::begin_authentication(s.db.pool(), ceremony, subject.as_ref(), &state, ends).await?;
    Ok(Answer::ok(&AuthenticationOptions {
        ceremony_id: ceremony.uuid(),
        public_key,
    }))
}

/// Logs in with a passkey.
#[utoipa::path(
    post,
    path = "/auth/passkeys/authentication/verify",
    tag = "identity",
    request_body = LogInWithPasskey,
    responses((status = 200, description = "Logged in", body = TokenAnswer))
)]
pub(crate) async fn verify(
    cx: Cx<LogInWithPasskey>,
    State(s): State<Arc<Identity>>,
    device: Device,
    Body(request): Body<LogInWithPasskey>,
) -> Outcome {
    let party = s.relying_party.as_ref().ok_or(NoDomain)?;
    let mut wrong = Violations::new();
    let credential = credential::asserted(&request.credential, &mut wrong);
    wrong.finish()?;
    let credential =
        credential.ok_or_else(|| Problem::internal("a field was neither kept nor refused"))?;

    let mut tx = s.db.begin().await?;
    let begun = store::take_authentication(tx.conn(), request.ceremony_id, cx.now()).await?;
    let Some(begun) = begun else {
        count_outcome("refused");
        return Err(Problem::from(PasskeyError::NotAccepted).into());
    };
    let entered = enter(&mut tx, &s, party, &cx, &device, begun, &credential).await?;
    // Refused or not, the ceremony is over.
    tx.commit().await?;
    count_outcome(match &entered {
        Ok(_) => "ok",
        Err(PasskeyError::NotAccepted) => "refused",
        Err(PasskeyError::PossiblyCopied) => "copied",
    });
    let tokens = entered.map_err(Problem::from)?;
    Ok(tokens.answer(StatusCode::OK))
}

/// Opens a session of whoever the passkey belongs to.
async fn enter(
    tx: &mut Tx,
    s: &Identity,
    party: &RelyingParty,
    cx: &Cx<LogInWithPasskey>,
    device: &Device,
    begun: Authentication,
    credential: &PublicKeyCredential,
) -> Result<Result<TokenAnswer, PasskeyError>, Halt> {
    let refused = Ok(Err(PasskeyError::NotAccepted));
    let Some(mut passkey) = store::lock(tx.conn(), &credential.raw_id).await? else {
        return refused;
    };
    cx.about("users", passkey.account);
    let account = account::store::by_id(tx.conn(), passkey.account).await?;
    let Some(account) = account.filter(|account| account.lock.is_none()) else {
        return refused;
    };
    let meant = begun
        .subject
        .is_none_or(|subject| subject == Subject::of(account.username.as_str()));
    // The authenticator says whose key it is, too (WebAuthn section 7.2, step 6).
    let owned = credential.get_user_unique_id() == Some(account.id.uuid().as_bytes().as_slice());
    if !meant || !owned {
        return refused;
    }
    let used = match party.authenticate(credential, begun.state, &passkey.key) {
        Ok(used) => used,
        Err(WebauthnError::CredentialPossibleCompromise) => {
            return Ok(Err(PasskeyError::PossiblyCopied));
        }
        Err(_) => return refused,
    };
    passkey.key.update_credential(&used);
    store::used(tx.conn(), &passkey, cx.now()).await?;
    let tokens = open::open(
        tx,
        &s.keyring,
        &account,
        device,
        &[Method::Passkey],
        cx.now(),
    )
    .await
    .map_err(Problem::from)?;
    if tokens.is_some() {
        attempt::store::welcome(tx.conn(), &account, device.household(), cx.now()).await?;
    }
    Ok(tokens.ok_or(PasskeyError::NotAccepted))
}

fn count_outcome(outcome: &'static str) {
    metrics::counter!("galen_identity_passkey_logins_total", "outcome" => outcome).increment(1);
}
