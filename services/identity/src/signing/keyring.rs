//! The keys of this process: the one that signs, and all that are checked with.

use std::sync::{Arc, PoisonError, RwLock};

use galen_access::{Authentication, EndedSessions, KeySet, Principal, SigningKey, TokenError};
use galen_contracts::ids::{SessionId, UserId};
use galen_kernel::{Problem, Timestamp};
use galen_storage::{Db, Error, Tx};
use galen_vault::Vault;
use jiff::SignedDuration;
use serde::Serialize;
use serde_json::json;

use super::model::{self, State};
use super::store::{self, StoredKey};

/// Why the keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyringError {
    /// A key cannot be made, or its public part is refused.
    #[error("a signing key is not usable")]
    Key(#[from] TokenError),
    /// No key signs.
    #[error("there is no current signing key")]
    NoCurrent,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] Error),
    /// A stored key does not open.
    #[error(transparent)]
    Vault(#[from] galen_vault::Error),
}

impl From<KeyringError> for Problem {
    fn from(error: KeyringError) -> Self {
        match error {
            KeyringError::Storage(error) => error.into(),
            KeyringError::Vault(error) => error.into(),
            error => Self::internal(error),
        }
    }
}

/// The signing keys, and where the platform learns of them.
pub(crate) struct Keyring {
    db: Db,
    vault: Vault,
    published: KeySet,
    period: SignedDuration,
    current: RwLock<SigningKey>,
}

impl Keyring {
    /// Makes keys at the first start, and reads them at every other.
    pub(crate) async fn open(
        db: Db,
        vault: Vault,
        published: KeySet,
        period: SignedDuration,
    ) -> Result<Self, KeyringError> {
        let now = db.clock().now();
        let mut tx = db.begin().await?;
        store::lock(tx.conn()).await?;
        let sealed = store::seal(tx.conn(), &vault).await?;
        if sealed > 0 {
            tracing::info!(keys = sealed, "signing keys are sealed now");
        }
        if !store::all(tx.conn(), &vault)
            .await?
            .iter()
            .any(|stored| stored.state == State::Current)
        {
            announce(&mut tx, &vault, now).await?;
            store::activate(tx.conn(), now).await?;
            announce(&mut tx, &vault, now).await?;
        }
        let keys = store::all(tx.conn(), &vault).await?;
        tx.commit().await?;
        publish(&published, &keys)?;
        let current = RwLock::new(current(keys)?);
        Ok(Self {
            db,
            vault,
            published,
            period,
            current,
        })
    }

    /// Signs an access token.
    pub(crate) fn sign(
        &self,
        principal: &Principal,
        authentication: &Authentication,
        now: Timestamp,
    ) -> Result<String, TokenError> {
        self.signer()
            .sign(principal, authentication, self.published.issuer(), now)
    }

    /// Signs an access token that only says who somebody is.
    pub(crate) fn sign_for_userinfo(
        &self,
        user: UserId,
        session: SessionId,
        authentication: &Authentication,
        now: Timestamp,
    ) -> Result<String, TokenError> {
        let issuer = self.published.issuer();
        self.signer()
            .sign_for_userinfo(user, session, authentication, issuer, now)
    }

    /// Signs an id token.
    pub(crate) fn sign_id_token<C: Serialize>(&self, claims: &C) -> Result<String, TokenError> {
        self.signer().sign_claims(claims)
    }

    fn signer(&self) -> SigningKey {
        let current = self.current.read();
        current.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// All keys that are checked with.
    pub(crate) const fn keys(&self) -> &KeySet {
        &self.published
    }

    /// The sessions whose tokens are refused although these keys signed them.
    pub(crate) const fn ended(&self) -> &EndedSessions {
        self.published.ended()
    }

    /// The public keys (RFC 7517).
    pub(crate) fn jwks(&self) -> serde_json::Value {
        self.published.jwks()
    }

    /// Takes over what another process has changed.
    pub(crate) async fn reload(&self) -> Result<(), KeyringError> {
        let mut connection = self.db.pool().acquire().await.map_err(Error::from)?;
        self.take_over(store::all(&mut connection, &self.vault).await?)
    }

    /// Rotates when the current key has signed long enough, and forgets keys that
    /// have no valid tokens. Returns how many keys changed.
    pub(crate) async fn rotate_if_due(&self) -> Result<u64, KeyringError> {
        let now = self.db.clock().now();
        let mut tx = self.db.begin().await?;
        store::lock(tx.conn()).await?;
        let forgotten = store::forget(tx.conn(), model::forgettable_before(now)).await?;
        let rotated = self.rotate(&mut tx, now).await?;
        let keys = store::all(tx.conn(), &self.vault).await?;
        tx.commit().await?;
        self.take_over(keys)?;
        if rotated {
            tracing::info!("the signing key was rotated");
        }
        Ok(forgotten + u64::from(rotated))
    }

    async fn rotate(&self, tx: &mut Tx, now: Timestamp) -> Result<bool, KeyringError> {
        let keys = store::all(tx.conn(), &self.vault).await?;
        let current = keys
            .iter()
            .find(|stored| stored.state == State::Current)
            .ok_or(KeyringError::NoCurrent)?;
        if !current
            .activated_at
            .is_some_and(|at| model::is_due(at, self.period, now))
        {
            return Ok(false);
        }
        store::retire(tx.conn(), now).await?;
        store::activate(tx.conn(), now).await?;
        announce(tx, &self.vault, now).await?;
        Ok(true)
    }

    /// What is checked with first, then what signs: never a token that nobody knows.
    fn take_over(&self, keys: Vec<StoredKey>) -> Result<(), KeyringError> {
        publish(&self.published, &keys)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = current(keys)?;
        Ok(())
    }
}

/// Makes the next key.
async fn announce(tx: &mut Tx, vault: &Vault, now: Timestamp) -> Result<(), KeyringError> {
    let id = tx.clock().uuid();
    Ok(store::insert_next(tx.conn(), vault, &SigningKey::generate()?, id, now).await?)
}

/// Looks for changes by other processes for as long as the keyring is used.
pub(crate) fn follow(keyring: &Arc<Keyring>) {
    let keyring = Arc::downgrade(keyring);
    let period = std::time::Duration::from_secs(model::RELOAD.as_secs().unsigned_abs());
    tokio::spawn(async move {
        let mut tick = tokio::time::interval_at(tokio::time::Instant::now() + period, period);
        loop {
            tick.tick().await;
            let Some(keyring) = keyring.upgrade() else {
                return;
            };
            if let Err(error) = keyring.reload().await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "cannot look for new signing keys; using the known ones"
                );
            }
        }
    });
}

fn publish(published: &KeySet, keys: &[StoredKey]) -> Result<(), TokenError> {
    let keys: Vec<_> = keys.iter().map(|stored| stored.key.jwk()).collect();
    published.replace(json!({ "keys": keys }))
}

fn current(keys: Vec<StoredKey>) -> Result<SigningKey, KeyringError> {
    keys.into_iter()
        .find(|stored| stored.state == State::Current)
        .map(|stored| stored.key)
        .ok_or(KeyringError::NoCurrent)
}
