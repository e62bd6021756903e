//! What a sealed value is: pure, without database.
//!
//! ```text
//! 1 byte    version, 1
//! 16 bytes  id of the data key
//! 12 bytes  nonce, random
//! n bytes   ciphertext
//! 16 bytes  tag
//! ```
//!
//! AES-256-GCM (NIST SP 800-38D). Authenticated with it, besides the first 17 bytes:
//! schema, table, column and row. The plaintext is JSON, filled up with spaces to a
//! multiple of 32 bytes, so that lengths say little. With random nonces a key may seal
//! 2^32 values; a person has fewer.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::error::Unspecified;
use galen_kernel::{Id, Pii};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::Error;
use crate::column::{Column, Place, Sealed};
use crate::master::Secret;

const VERSION: u8 = 1;
const HEADER: usize = 17;
const NONCE: usize = 12;
const TAG: usize = 16;
/// Plaintexts are a multiple of this long.
const BLOCK: usize = 32;

/// Fewest bytes of a sealed value; tables check it.
pub const SHORTEST: usize = HEADER + NONCE + TAG;

/// Whom a value is about: the owner of its data key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Subject(Uuid);

impl Subject {
    /// The bare id.
    #[must_use]
    pub const fn uuid(self) -> Uuid {
        self.0
    }
}

impl From<Uuid> for Subject {
    fn from(id: Uuid) -> Self {
        Self(id)
    }
}

impl<K> From<Id<K>> for Subject {
    fn from(id: Id<K>) -> Self {
        Self(id.uuid())
    }
}

/// A key that seals and opens what is about one subject. Its bytes stay inside the
/// cryptographic library, which wipes them.
pub struct DataKey {
    id: Uuid,
    subject: Subject,
    aead: RandomizedNonceKey,
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DataKey({})", self.id)
    }
}

impl DataKey {
    pub(crate) fn new(id: Uuid, subject: Subject, secret: &Secret) -> Self {
        Self {
            id,
            subject,
            aead: aead(secret),
        }
    }

    /// Its id: what sealed values name it by.
    #[must_use]
    pub const fn id(&self) -> Uuid {
        self.id
    }

    /// Whose it is.
    #[must_use]
    pub const fn subject(&self) -> Subject {
        self.subject
    }

    /// Seals a value for one column of one row.
    ///
    /// # Errors
    /// [`Error::NotSealable`] when the value cannot be written as JSON.
    pub fn seal<T: Serialize>(
        &self,
        column: &Column<T>,
        row: impl Into<Uuid>,
        value: &T,
    ) -> Result<Sealed<T>, Error> {
        let place = column.place();
        let mut text = serde_json::to_vec(value).map_err(|_| Error::NotSealable(place))?;
        text.resize(text.len().next_multiple_of(BLOCK), b' ');
        self.seal_bytes(place, row.into(), text).map(Sealed::of)
    }

    pub(crate) fn seal_bytes(
        &self,
        place: Place,
        row: Uuid,
        mut text: Vec<u8>,
    ) -> Result<Vec<u8>, Error> {
        let nonce = self
            .aead
            .seal_in_place_append_tag(
                Aad::from(bound_to(place, row, self.id).as_slice()),
                &mut text,
            )
            .map_err(|Unspecified| Error::NotSealable(place))?;
        let mut sealed = Vec::with_capacity(HEADER + NONCE + text.len());
        sealed.push(VERSION);
        sealed.extend_from_slice(self.id.as_bytes());
        sealed.extend_from_slice(nonce.as_ref());
        sealed.append(&mut text);
        Ok(sealed)
    }

    pub(crate) fn open_bytes(
        &self,
        place: Place,
        row: Uuid,
        sealed: &[u8],
    ) -> Result<Vec<u8>, Error> {
        if key_id(sealed) != Some(self.id) {
            return Err(Error::NotSealed(place));
        }
        let (nonce, text) = sealed[HEADER..].split_at(NONCE);
        let nonce = Nonce::try_assume_unique_for_key(nonce)
            .map_err(|Unspecified| Error::NotSealed(place))?;
        let mut text = text.to_vec();
        let opened = self
            .aead
            .open_in_place(
                nonce,
                Aad::from(bound_to(place, row, self.id).as_slice()),
                &mut text,
            )
            .map_err(|Unspecified| Error::Refused(place))?
            .len();
        text.truncate(opened);
        Ok(text)
    }
}

/// The data keys that a set of sealed values needs.
#[derive(Debug, Default)]
pub struct Keyring {
    keys: HashMap<Uuid, Option<Arc<DataKey>>>,
}

impl Keyring {
    /// Adds a key.
    pub fn add(&mut self, key: Arc<DataKey>) {
        self.keys.insert(key.id, Some(key));
    }

    /// Remembers that a key was erased.
    pub(crate) fn add_erased(&mut self, id: Uuid) {
        self.keys.insert(id, None);
    }

    /// Opens the value of one column of one row about one subject.
    ///
    /// # Errors
    /// Whatever is not exactly as it was sealed is refused; see [`Error`].
    pub fn open<T: DeserializeOwned>(
        &self,
        column: &Column<T>,
        subject: impl Into<Subject>,
        row: impl Into<Uuid>,
        sealed: &Sealed<T>,
    ) -> Result<Pii<T>, Error> {
        let place = column.place();
        let text = self.open_bytes(place, subject.into(), row.into(), sealed)?;
        serde_json::from_slice(&text)
            .map(Pii::new)
            .map_err(|_| Error::Inconsistent(place))
    }

    /// Opens a value; `None` when its subject was erased: then it is as if it had never
    /// been written.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_unless_erased<T: DeserializeOwned>(
        &self,
        column: &Column<T>,
        subject: impl Into<Subject>,
        row: impl Into<Uuid>,
        sealed: &Sealed<T>,
    ) -> Result<Option<Pii<T>>, Error> {
        match self.open(column, subject, row, sealed) {
            Ok(value) => Ok(Some(value)),
            Err(Error::Erased) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The text of a value, for whoever does not know its type.
    pub(crate) fn open_bytes<T>(
        &self,
        place: Place,
        subject: Subject,
        row: Uuid,
        sealed: &Sealed<T>,
    ) -> Result<Vec<u8>, Error> {
        let id = sealed.key_id().ok_or(Error::NotSealed(place))?;
        let key = match self.keys.get(&id) {
            None => return Err(Error::UnknownKey(place)),
            Some(None) => return Err(Error::Erased),
            Some(Some(key)) => key,
        };
        if key.subject != subject {
            return Err(Error::OtherSubject(place));
        }
        key.open_bytes(place, row, sealed.bytes())
    }
}

/// The key that bytes say they are sealed with.
pub(crate) fn key_id(sealed: &[u8]) -> Option<Uuid> {
    if sealed.len() < SHORTEST || sealed[0] != VERSION {
        return None;
    }
    Uuid::from_slice(&sealed[1..HEADER]).ok()
}

/// What is authenticated beside the text. Names are preceded by their lengths, so that
/// no two places run together.
fn bound_to(place: Place, row: Uuid, key: Uuid) -> Vec<u8> {
    let mut bound = Vec::with_capacity(128);
    bound.extend_from_slice(b"galen sealed column");
    bound.push(VERSION);
    bound.extend_from_slice(key.as_bytes());
    for name in [place.schema, place.table, place.column] {
        bound.extend_from_slice(&(name.len() as u64).to_be_bytes());
        bound.extend_from_slice(name.as_bytes());
    }
    bound.extend_from_slice(row.as_bytes());
    bound
}

/// AES-256-GCM with a secret.
pub(crate) fn aead(secret: &Secret) -> RandomizedNonceKey {
    RandomizedNonceKey::new(&AES_256_GCM, secret.expose())
        .expect("a secret is as long as the algorithm's key")
}

#[cfg(test)]
mod tests;
