//! An entry of the log, and the bytes that its hash is made of.

use galen_kernel::Timestamp;
use uuid::Uuid;

use crate::tree::hash::{self, Hash};

/// The form of the bytes. Another form gets another number, so that old entries
/// keep their hashes.
const FORM: u8 = 1;

/// An entry, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The number it was drawn with; not part of it.
    pub seq: i64,
    /// Its id.
    pub id: Uuid,
    /// When it was written, by the database's clock.
    pub at: Timestamp,
    /// The service that wrote it.
    pub service: String,
    /// `READ`, `WRITE`, `DENY`, `LOGIN` or `ADMIN`.
    pub kind: String,
    /// `USER`, `SERVICE` or `ANONYMOUS`.
    pub actor_kind: String,
    /// The account's id or the service's name.
    pub actor: Option<String>,
    /// The login.
    pub session: Option<Uuid>,
    /// The roles the actor had.
    pub roles: Vec<String>,
    /// Method and route, or the gRPC method.
    pub action: String,
    /// What it needed.
    pub permission: Option<String>,
    /// The kind of thing it was done to.
    pub subject_kind: Option<String>,
    /// Which one.
    pub subject: Option<String>,
    /// Whose data were shown or changed.
    pub patients: Vec<Uuid>,
    /// The HTTP status.
    pub status: i16,
    /// Why.
    pub reason: Option<String>,
    /// From where.
    pub address: Option<String>,
    /// In which trace.
    pub trace_id: Option<String>,
    /// What the client calls the request.
    pub request_id: Option<String>,
}

impl Entry {
    /// The bytes that are hashed: a number for their form, then every field in the
    /// order of the type, each behind its length, so that no two entries have the
    /// same bytes. Numbers are big-endian; time is in microseconds since 1970, which
    /// is all that the database keeps.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Bytes(vec![FORM]);
        bytes.field(self.id.as_bytes());
        bytes.field(&self.at.as_microsecond().to_be_bytes());
        bytes.field(self.service.as_bytes());
        bytes.field(self.kind.as_bytes());
        bytes.field(self.actor_kind.as_bytes());
        bytes.optional(self.actor.as_ref());
        bytes.optional(self.session.as_ref());
        bytes.list(&self.roles);
        bytes.field(self.action.as_bytes());
        bytes.optional(self.permission.as_ref());
        bytes.optional(self.subject_kind.as_ref());
        bytes.optional(self.subject.as_ref());
        bytes.list(&self.patients);
        bytes.field(&self.status.to_be_bytes());
        bytes.optional(self.reason.as_ref());
        bytes.optional(self.address.as_ref());
        bytes.optional(self.trace_id.as_ref());
        bytes.optional(self.request_id.as_ref());
        bytes.0
    }

    /// Its leaf in the tree.
    #[must_use]
    pub fn hash(&self) -> Hash {
        hash::leaf(&self.bytes())
    }

    /// The names it is found by: who acted, on what, and whose data it was.
    #[must_use]
    pub fn mentions(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .actor
            .iter()
            .chain(&self.subject)
            .filter(|name| !name.is_empty())
            .cloned()
            .chain(self.patients.iter().map(Uuid::to_string))
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

struct Bytes(Vec<u8>);

impl Bytes {
    fn field(&mut self, value: &[u8]) {
        let length = u32::try_from(value.len()).expect("a field is shorter than 4 GiB");
        self.0.extend(length.to_be_bytes());
        self.0.extend(value);
    }

    /// Nothing is told from what is empty by a length that no field has.
    fn optional(&mut self, value: Option<&impl AsRef<[u8]>>) {
        match value {
            Some(value) => self.field(value.as_ref()),
            None => self.0.extend(u32::MAX.to_be_bytes()),
        }
    }

    fn list(&mut self, values: &[impl AsRef<[u8]>]) {
        let length = u32::try_from(values.len()).expect("a list has fewer than 2^32 items");
        self.0.extend(length.to_be_bytes());
        for value in values {
            self.field(value.as_ref());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::strategy::ValueTree as _;

    use super::*;

    fn text() -> impl Strategy<Value = String> {
        "[a-c]{0,3}"
    }

    fn ids() -> impl Strategy<Value = Uuid> {
        (0u128..3).prop_map(Uuid::from_u128)
    }

    prop_compose! {
        fn entries()(
            id in ids(), micros in 0i64..3, words in prop::array::uniform4(text()),
            options in prop::collection::vec(prop::option::of(text()), 8),
            session in prop::option::of(ids()), roles in prop::collection::vec(text(), 0..3),
            patients in prop::collection::vec(ids(), 0..3), status in 200i16..202,
        ) -> Entry {
            let [service, kind, actor_kind, action] = words;
            let mut options = options.into_iter();
            let mut next = || options.next().flatten();
            Entry {
                seq: 0, id, at: Timestamp::from_microsecond(micros).unwrap(), service, kind, actor_kind,
                actor: next(), session, roles, action, permission: next(), subject_kind: next(),
                subject: next(), patients, status, reason: next(), address: next(),
                trace_id: next(), request_id: next(),
            }
        }
    }

    proptest! {
        /// Few values, so that entries are alike, and often nearly so.
        #[test]
        fn entries_that_differ_have_different_bytes(a in entries(), b in entries()) {
            prop_assert_eq!(a == b, a.bytes() == b.bytes());
        }

        #[test]
        fn what_moves_from_one_field_to_the_next_is_seen(mut a in entries(), word in "[a-c]{1,3}") {
            let (mut b, c) = (a.clone(), a.clone());
            a.subject = Some(word.clone());
            a.reason = None;
            b.subject = None;
            b.reason = Some(word);
            prop_assert_ne!(a.bytes(), b.bytes());
            prop_assert_eq!(c.bytes(), Entry { seq: 9, ..c }.bytes());
        }
    }

    #[test]
    fn nobody_in_particular_is_not_mentioned_and_nobody_twice() {
        let patient = Uuid::from_u128(7);
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        let mut entry = entries().new_tree(&mut runner).unwrap().current();
        entry.actor = Some(String::new());
        entry.subject = Some(patient.to_string());
        entry.patients = vec![patient];
        assert_eq!(entry.mentions(), [patient.to_string()]);
    }
}
