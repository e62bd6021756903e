//! Blind indexes: finding a sealed value by equality, without reading it.
//!
//! HMAC-SHA-256 of a normalised form, with a key of its own per column (HKDF of the
//! root, which is not in the database). Equal values have equal indexes: a copy of the
//! database shows which rows are equal and how often each value occurs, not which value
//! it is. A shortened index matches more than it should, on purpose; what it finds has
//! to be opened and compared.

use std::fmt;

use aws_lc_rs::hmac::{self, HMAC_SHA256};

use crate::column::Place;
use crate::master::Secret;

/// How a column is indexed.
#[derive(Debug, Clone, Copy)]
pub struct Blind {
    place: Place,
    bytes: usize,
    normalise: fn(&str) -> String,
}

impl Blind {
    /// An index of 128 bits, on which uniqueness can be built.
    #[must_use]
    pub const fn new(place: Place, normalise: fn(&str) -> String) -> Self {
        Self {
            place,
            bytes: 16,
            normalise,
        }
    }

    /// Keeps only the first bytes: less to learn, more to look through.
    #[must_use]
    pub const fn shortened(self, bytes: usize) -> Self {
        assert!(0 < bytes && bytes <= 16, "an index has 1 to 16 bytes");
        Self { bytes, ..self }
    }

    /// The index of a value. `root` is [`crate::MasterKeys::root`].
    #[must_use]
    pub fn of(&self, root: &Secret, value: &str) -> BlindIndex {
        let Place {
            schema,
            table,
            column,
        } = self.place;
        let key = root.derive(&["blind index", schema, table, column]);
        let key = hmac::Key::new(HMAC_SHA256, key.expose());
        let tag = hmac::sign(&key, (self.normalise)(value).as_bytes());
        BlindIndex(tag.as_ref()[..self.bytes].to_vec())
    }
}

/// The index of a value: `bytea` that equals that of an equal value.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct BlindIndex(Vec<u8>);

impl BlindIndex {
    /// To bind to a statement.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for BlindIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[blind index]")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn place(column: &'static str) -> Place {
        Place {
            schema: "patients",
            table: "patient",
            column,
        }
    }

    fn folded(value: &str) -> String {
        value
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|c| c.to_ascii_uppercase())
            .collect()
    }

    const NUMBER: Blind = Blind::new(place("number"), folded);
    const OTHER: Blind = Blind::new(place("other"), folded);

    proptest! {
        #[test]
        fn equal_forms_have_equal_indexes_and_others_do_not(a in "[a-zA-Z0-9 -]{0,12}", b in "[a-zA-Z0-9 -]{0,12}") {
            let root = Secret::derived_for_tests(1);
            let equal = NUMBER.of(&root, &a) == NUMBER.of(&root, &b);
            prop_assert_eq!(equal, folded(&a) == folded(&b));
        }

        #[test]
        fn columns_and_hospitals_do_not_compare(value in "[a-z0-9]{0,12}") {
            let (root, elsewhere) = (Secret::derived_for_tests(1), Secret::derived_for_tests(2));
            prop_assert_ne!(NUMBER.of(&root, &value), OTHER.of(&root, &value));
            prop_assert_ne!(NUMBER.of(&root, &value), NUMBER.of(&elsewhere, &value));
        }
    }

    #[test]
    fn a_shortened_index_is_the_beginning_of_the_whole() {
        let root = Secret::derived_for_tests(1);
        let (whole, short) = (NUMBER.of(&root, "1"), NUMBER.shortened(3).of(&root, "1"));
        assert_eq!(short.bytes(), &whole.bytes()[..3]);
    }
}
