//! The second half of a login: a code, where the account asks for one.
//!
//! A stolen password must not allow guessing at codes: wrong ones count like wrong
//! passwords, and are tried one after another.

use galen_access::Method;
use galen_kernel::{Problem, Timestamp};
use galen_vault::Vault;
use secrecy::ExposeSecret as _;
use sqlx::PgConnection;

use super::authenticator::Authenticator;
use super::backup_code::Typed;
use super::store::{self, SECRET, Stored};
use crate::Identity;
use crate::account::Account;
use crate::attempt::model::Paused;
use crate::attempt::{Attempt, Refusal};

/// Why the second factor is not shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MfaError {
    /// The account asks for a code, and none was given.
    #[error("a code is required")]
    Required,
    /// The code is wrong, or was used before.
    #[error("the code is wrong")]
    Invalid,
    /// There were too many failures.
    #[error(transparent)]
    Paused(#[from] Paused),
    /// The secret does not open.
    #[error(transparent)]
    Vault(#[from] galen_vault::Error),
    /// The secret is not one.
    #[error("what is sealed is not the secret of an authenticator")]
    NoSecret,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] galen_storage::Error),
}

impl From<MfaError> for Problem {
    fn from(error: MfaError) -> Self {
        match error {
            MfaError::Required => Self::new(
                401,
                "MFA_REQUIRED",
                "This account asks for a one-time code as well.",
            ),
            MfaError::Invalid => Self::new(
                401,
                "INVALID_MFA_CODE",
                "The one-time code is wrong or was used before.",
            ),
            MfaError::Paused(paused) => paused.into(),
            MfaError::Vault(error) => error.into(),
            MfaError::NoSecret => Self::internal(error),
            MfaError::Storage(error) => error.into(),
        }
    }
}

impl From<Refusal> for MfaError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Paused(paused) => Self::Paused(paused),
            Refusal::Storage(error) => Self::Storage(error),
        }
    }
}

/// Expects the code of an account that asks for one, and uses it up; of one that does
/// not, nothing is expected. Says which methods were shown with it.
///
/// Takes its own transaction, so that a wrong code counts whatever becomes of the login.
pub(crate) async fn second_factor(
    s: &Identity,
    attempt: &Attempt,
    account: &Account,
    code: Option<&str>,
    now: Timestamp,
) -> Result<Vec<Method>, MfaError> {
    let mut tx = s.db.begin().await?;
    let stored = store::lock(tx.conn(), account.id).await?;
    let Some(stored) = stored.filter(|stored| stored.confirmed_at.is_some()) else {
        return Ok(Vec::new());
    };
    let code = code.ok_or(MfaError::Required)?;
    attempt.refuse_paused(&mut *tx.conn(), now).await?;
    let right = use_up(tx.conn(), &s.vault, account, &stored, code, now).await?;
    if !right {
        attempt.failed(tx.conn(), now).await?;
    }
    tx.commit().await?;
    if right {
        Ok(vec![Method::OneTimeCode])
    } else {
        Err(MfaError::Invalid)
    }
}

/// Whether the code is right, once.
async fn use_up(
    tx: &mut PgConnection,
    vault: &Vault,
    account: &Account,
    stored: &Stored,
    code: &str,
    now: Timestamp,
) -> Result<bool, MfaError> {
    match Typed::read(code) {
        None => Ok(false),
        Some(Typed::Backup(hash)) => Ok(store::use_backup_code(tx, account.id, hash, now).await?),
        Some(Typed::OneTime(code)) => {
            let authenticator = open(tx, vault, account, stored).await?;
            let step = authenticator.step_of(code.expose_secret(), now, stored.last_step);
            match step {
                Some(step) => Ok(store::use_step(tx, account.id, step).await?),
                None => Ok(false),
            }
        }
    }
}

/// The authenticator of an account.
pub(crate) async fn open(
    tx: &mut PgConnection,
    vault: &Vault,
    account: &Account,
    stored: &Stored,
) -> Result<Authenticator, MfaError> {
    let keys = vault.keyring(tx, [&stored.secret]).await?;
    let secret = keys.open(&SECRET, account.id, account.id, &stored.secret)?;
    Authenticator::read(secret.expose(), account.username.as_str()).ok_or(MfaError::NoSecret)
}
