//! A ring of master keys in memory: what a file holds, and what tests use.

use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_lc_rs::aead::{Aad, Nonce};
use aws_lc_rs::error::Unspecified;
use futures::FutureExt as _;
use futures::future::{BoxFuture, ready};

use crate::master::{MasterError, MasterId, MasterKeys, Secret};
use crate::seal::aead;

const NONCE: usize = 12;

/// Master keys in the order in which they were made; the last is in use.
#[derive(Debug, Clone)]
pub struct Ring {
    pub(crate) root: Secret,
    pub(crate) masters: Vec<(MasterId, Secret)>,
}

impl Ring {
    /// A ring with one new master key.
    #[must_use]
    pub fn random() -> Self {
        let mut ring = Self {
            root: Secret::random(),
            masters: Vec::new(),
        };
        ring.rotate();
        ring
    }

    /// The names, the one in use last.
    #[must_use]
    pub fn ids(&self) -> Vec<MasterId> {
        self.masters.iter().map(|(id, _)| id.clone()).collect()
    }

    /// Adds a new master key and puts it to use.
    pub fn rotate(&mut self) -> MasterId {
        let id = MasterId::new(hex::encode(rand::random::<[u8; 8]>()));
        self.masters.push((id.clone(), Secret::random()));
        id
    }

    /// Drops a master key.
    ///
    /// # Errors
    /// When it is in use or not there.
    pub fn forget(&mut self, id: &MasterId) -> Result<(), MasterError> {
        match self.masters.iter().position(|(known, _)| known == id) {
            None => Err(MasterError::Unknown(id.clone())),
            Some(at) if at + 1 == self.masters.len() => Err(MasterError::InUse(id.clone())),
            Some(at) => {
                self.masters.remove(at);
                Ok(())
            }
        }
    }

    /// Wraps a key with the master key in use: a random nonce, then AES-256-GCM.
    ///
    /// # Errors
    /// When the library refuses.
    pub fn wrap(&self, bound: &[u8], key: &Secret) -> Result<(MasterId, Vec<u8>), MasterError> {
        let (id, master) = self.masters.last().expect("a ring has a key in use");
        let mut text = key.expose().to_vec();
        let nonce = aead(master)
            .seal_in_place_append_tag(Aad::from(bound), &mut text)
            .map_err(|Unspecified| MasterError::Refused)?;
        let wrapped = [nonce.as_ref().as_slice(), &text].concat();
        Ok((id.clone(), wrapped))
    }

    /// Unwraps a key.
    ///
    /// # Errors
    /// When there is no such master key, or the wrapped key is not exactly as it was.
    pub fn unwrap(
        &self,
        id: &MasterId,
        bound: &[u8],
        wrapped: &[u8],
    ) -> Result<Secret, MasterError> {
        let master = self.masters.iter().find(|(known, _)| known == id);
        let (_, master) = master.ok_or_else(|| MasterError::Unknown(id.clone()))?;
        let refused = |Unspecified| MasterError::Refused;
        let (nonce, text) = wrapped
            .split_at_checked(NONCE)
            .ok_or(MasterError::Refused)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(refused)?;
        let mut text = text.to_vec();
        let opened = aead(master)
            .open_in_place(nonce, Aad::from(bound), &mut text)
            .map_err(refused)?;
        let secret = <[u8; 32]>::try_from(&*opened).map_err(|_| MasterError::Refused)?;
        opened.fill(0);
        Ok(Secret::new(secret))
    }
}

/// A ring that lives as long as the process: for tests.
#[derive(Debug)]
pub struct MemoryKeys(Mutex<Ring>);

impl MemoryKeys {
    /// Keeps a ring.
    #[must_use]
    pub const fn new(ring: Ring) -> Self {
        Self(Mutex::new(ring))
    }

    /// The same key in every process, which protects nothing.
    #[must_use]
    pub fn for_tests() -> Self {
        Self::new(Ring {
            root: Secret::new([1; 32]),
            masters: vec![(MasterId::new("test".to_owned()), Secret::new([2; 32]))],
        })
    }

    /// A copy of the ring.
    pub(crate) fn whole(&self) -> Ring {
        self.ring().clone()
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MasterKeys for MemoryKeys {
    fn whereabouts(&self) -> String {
        "memory".to_owned()
    }

    fn ids(&self) -> BoxFuture<'_, Result<Vec<MasterId>, MasterError>> {
        ready(Ok(self.ring().ids())).boxed()
    }

    fn wrap<'a>(
        &'a self,
        bound: &'a [u8],
        key: &'a Secret,
    ) -> BoxFuture<'a, Result<(MasterId, Vec<u8>), MasterError>> {
        ready(self.ring().wrap(bound, key)).boxed()
    }

    fn unwrap<'a>(
        &'a self,
        master: &'a MasterId,
        bound: &'a [u8],
        wrapped: &'a [u8],
    ) -> BoxFuture<'a, Result<Secret, MasterError>> {
        ready(self.ring().unwrap(master, bound, wrapped)).boxed()
    }

    fn root(&self) -> BoxFuture<'_, Result<Secret, MasterError>> {
        ready(Ok(self.ring().root.clone())).boxed()
    }

    fn rotate(&self) -> BoxFuture<'_, Result<MasterId, MasterError>> {
        ready(Ok(self.ring().rotate())).boxed()
    }

    fn forget<'a>(&'a self, master: &'a MasterId) -> BoxFuture<'a, Result<(), MasterError>> {
        ready(self.ring().forget(master)).boxed()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_wrapped_key_unwraps_where_it_belongs_only(bound: Vec<u8>, other: Vec<u8>, bit in 0_usize..480) {
            let (ring, key) = (Ring::random(), Secret::random());
            let (id, mut wrapped) = ring.wrap(&bound, &key).expect("wrapped");
            let unwrapped = ring.unwrap(&id, &bound, &wrapped).expect("unwrapped");
            prop_assert_eq!(unwrapped.expose(), key.expose());
            prop_assert_eq!(ring.unwrap(&id, &other, &wrapped).is_ok(), bound == other);
            wrapped[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(ring.unwrap(&id, &bound, &wrapped).is_err());
        }
    }

    #[test]
    fn a_replaced_master_still_unwraps_until_it_is_forgotten() {
        let (mut ring, key) = (Ring::random(), Secret::random());
        let (old, wrapped) = ring.wrap(b"x", &key).expect("wrapped");
        assert!(matches!(ring.forget(&old), Err(MasterError::InUse(_))));
        let new = ring.rotate();
        assert_eq!(ring.wrap(b"x", &key).expect("wrapped").0, new);
        assert!(ring.unwrap(&old, b"x", &wrapped).is_ok());
        ring.forget(&old).expect("forgotten");
        assert!(matches!(
            ring.unwrap(&old, b"x", &wrapped),
            Err(MasterError::Unknown(_))
        ));
    }

    #[test]
    fn a_ring_does_not_print_its_keys() {
        let ring = Ring {
            root: Secret::new([0xab; 32]),
            masters: vec![(MasterId::new("m".to_owned()), Secret::new([0xcd; 32]))],
        };
        let printed = format!("{ring:?}");
        assert!(
            !printed.contains("171") && !printed.contains("205"),
            "{printed}"
        );
    }
}
