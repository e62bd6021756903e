//! Argon2id (RFC 9106) with the parameters that OWASP recommends, on a bounded
//! number of threads: hashing is made to be slow, so it must not be free to ask for.

use std::fmt;
use std::sync::Arc;

use argon2::password_hash::PasswordHasher as _;
use argon2::{Algorithm, Argon2, Params, PasswordVerifier as _, Version};
use galen_kernel::Problem;
use rand::Rng as _;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::NewPassword;

/// KiB of memory per hash.
const MEMORY: u32 = 19 * 1024;
/// Passes over it.
const PASSES: u32 = 2;
/// Lanes.
const LANES: u32 = 1;

/// A hashed password: a PHC string with its own salt and parameters.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PasswordHash(String);

impl PasswordHash {
    /// As its column holds it.
    pub(crate) const fn stored(phc: String) -> Self {
        Self(phc)
    }

    /// For its column.
    pub(crate) fn phc(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hash]")
    }
}

/// Why a password could not be hashed or checked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HashError {
    /// More wait already than can be served soon.
    #[error("too many passwords wait to be hashed")]
    Overloaded,
    /// The hash function refused; with fixed parameters that is a bug.
    #[error("the password hash function failed")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<HashError> for Problem {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Overloaded => {
                Self::new(503, "OVERLOADED", "Too many logins at this moment.").retry_after(1)
            }
            HashError::Failed(_) => Self::internal(error),
        }
    }
}

/// Hashes and verifies, a few at a time.
pub(crate) struct Hasher {
    /// One seat per core.
    seats: Arc<Semaphore>,
    /// Seats and waiting places together.
    places: Arc<Semaphore>,
    /// Verified against when there is no hash, so that it takes as long.
    dummy: PasswordHash,
}

/// The right to hash now. Held while a failed login is counted, so that no more
/// guesses run at once than there are seats.
pub(crate) struct Turn {
    hold: Arc<(OwnedSemaphorePermit, OwnedSemaphorePermit)>,
    dummy: PasswordHash,
}

impl Hasher {
    /// `seats` at a time, `queue` more may wait.
    pub(crate) async fn new(seats: usize, queue: usize) -> Result<Self, HashError> {
        let mut nobody = [0_u8; 32];
        rand::rng().fill_bytes(&mut nobody);
        let dummy = tokio::task::spawn_blocking(move || hash(&nobody))
            .await
            .map_err(failed)??;
        Ok(Self {
            seats: Arc::new(Semaphore::new(seats)),
            places: Arc::new(Semaphore::new(seats + queue)),
            dummy,
        })
    }

    /// Waits for a turn, unless too many wait already.
    pub(crate) async fn turn(&self) -> Result<Turn, HashError> {
        let place = Arc::clone(&self.places)
            .try_acquire_owned()
            .map_err(|_| HashError::Overloaded)?;
        let seat = Arc::clone(&self.seats)
            .acquire_owned()
            .await
            .map_err(failed)?;
        Ok(Turn {
            hold: Arc::new((place, seat)),
            dummy: self.dummy.clone(),
        })
    }
}

impl Turn {
    /// Hashes a new password.
    pub(crate) async fn hash(&self, password: &NewPassword) -> Result<PasswordHash, HashError> {
        let password = password.secret().clone();
        self.run(move || hash(password.expose_secret().as_bytes()))
            .await
    }

    /// Whether the password is the one that was hashed. Without a hash it never
    /// is, after the same time.
    pub(crate) async fn verify(
        &self,
        password: SecretString,
        expected: Option<&PasswordHash>,
    ) -> Result<bool, HashError> {
        let known = expected.is_some();
        let expected = expected.unwrap_or(&self.dummy).clone();
        let right = self
            .run(move || verify(password.expose_secret().as_bytes(), &expected))
            .await?;
        Ok(known && right)
    }

    /// The work keeps its seat even when its asker has gone away.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, HashError> + Send + 'static,
    ) -> Result<T, HashError> {
        let hold = Arc::clone(&self.hold);
        tokio::task::spawn_blocking(move || {
            let _hold = hold;
            work()
        })
        .await
        .map_err(failed)?
    }
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> HashError {
    HashError::Failed(Box::new(error))
}

fn argon2id() -> Result<Argon2<'static>, HashError> {
    let params = Params::new(MEMORY, PASSES, LANES, None).map_err(failed)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash(password: &[u8]) -> Result<PasswordHash, HashError> {
    let mut salt = [0_u8; 16];
    rand::rng().fill_bytes(&mut salt);
    let phc = argon2id()?
        .hash_password_with_salt(password, &salt)
        .map_err(failed)?;
    Ok(PasswordHash(phc.to_string()))
}

/// The stored string's own parameters are used, so old hashes outlive new ones.
fn verify(password: &[u8], expected: &PasswordHash) -> Result<bool, HashError> {
    use argon2::password_hash::Error;
    match argon2id()?.verify_password(password, expected.phc()) {
        Ok(()) => Ok(true),
        Err(Error::PasswordInvalid) => Ok(false),
        Err(error) => Err(failed(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> NewPassword {
        NewPassword::parse(&text.into(), None).expect("a password")
    }

    #[tokio::test]
    async fn only_the_hashed_password_verifies() {
        let hasher = Hasher::new(1, 1).await.expect("a hasher");
        let turn = hasher.turn().await.expect("a turn");
        let hash = turn.hash(&password("correct horse")).await.expect("a hash");
        assert!(
            hash.phc().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{}",
            hash.phc()
        );
        assert!(
            turn.verify("correct horse".into(), Some(&hash))
                .await
                .expect("verified")
        );
        assert!(
            !turn
                .verify("correct house".into(), Some(&hash))
                .await
                .expect("verified")
        );
        assert!(
            !turn
                .verify("correct horse".into(), None)
                .await
                .expect("verified")
        );
        assert!(!format!("{hash:?}").contains("argon2id"));
    }

    #[tokio::test]
    async fn the_same_password_never_has_the_same_hash() {
        let hasher = Hasher::new(1, 1).await.expect("a hasher");
        let turn = hasher.turn().await.expect("a turn");
        let first = turn.hash(&password("correct horse")).await.expect("a hash");
        let second = turn.hash(&password("correct horse")).await.expect("a hash");
        assert_ne!(first, second);
    }

    #[tokio::test]
    async fn who_comes_when_all_places_are_taken_is_turned_away() {
        let hasher = Arc::new(Hasher::new(1, 1).await.expect("a hasher"));
        let seated = hasher.turn().await.expect("a seat");
        let waiting = tokio::spawn({
            let hasher = Arc::clone(&hasher);
            async move { hasher.turn().await.map(drop) }
        });
        while hasher.places.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert!(matches!(hasher.turn().await, Err(HashError::Overloaded)));
        drop(seated);
        assert!(waiting.await.expect("no panic").is_ok());
        assert!(hasher.turn().await.is_ok());
    }
}
