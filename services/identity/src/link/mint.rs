//! Minting: a fresh secret for a link, at the moment a message is sent.

use galen_kernel::Pii;
use galen_storage::{Db, Error};

use super::model::{LinkId, Purpose};
use super::store;
use crate::account;
use crate::secret::Secret;

/// A link ready to be sent.
pub(crate) struct Minted {
    /// What it is for.
    pub(crate) purpose: Purpose,
    /// Shown back by who follows the link.
    pub(crate) secret: Secret,
    /// Where the account is reached; `None` for patients.
    pub(crate) email: Option<Pii<String>>,
    /// The login name.
    pub(crate) username: Pii<String>,
}

/// Why a link cannot be minted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MintError {
    /// There is no such link.
    #[error("no such link")]
    Unknown,
    /// It was used, has expired, or its account is locked.
    #[error("the link is closed")]
    Closed,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] Error),
}

/// Gives a link a fresh secret; earlier secrets of it stop working.
pub(crate) async fn mint(db: &Db, id: LinkId) -> Result<Minted, MintError> {
    let mut tx = db.begin().await?;
    let link = store::lock(tx.conn(), id)
        .await?
        .ok_or(MintError::Unknown)?;
    let expires_at = link.mint(db.clock().now()).ok_or(MintError::Closed)?;
    let account = account::store::by_id(tx.conn(), link.account).await?;
    let account = account
        .filter(|account| account.lock.is_none())
        .ok_or(MintError::Closed)?;
    let secret = Secret::generate();
    store::set_secret(tx.conn(), id, secret.hash(), expires_at).await?;
    tx.commit().await?;
    Ok(Minted {
        purpose: link.purpose,
        secret,
        email: account
            .email
            .map(|email| Pii::new(email.as_str().to_owned())),
        username: Pii::new(account.username.as_str().to_owned()),
    })
}
