//! Which patients an answer shows, by id.

use std::collections::BTreeSet;
use std::fmt;

use serde::Deserialize as _;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use uuid::Uuid;

use super::Entry;

/// Adds the patients that an answer shows to its entry.
pub(super) fn name(entry: &mut Entry, document: &[u8]) {
    // The last literal part of the route says what the answer is a view of.
    let of_patients = entry
        .action
        .rsplit('/')
        .find(|part| !part.starts_with('{'))
        .is_some_and(|part| part == "patients");
    let mut shown = patients(document, of_patients);
    shown.retain(|id| !entry.patients.contains(id));
    entry.patients.extend(shown);
}

/// The patients in a JSON document: every `patientId`, and, in a list or a view of
/// patients, the `id` of each.
fn patients(document: &[u8], of_patients: bool) -> BTreeSet<Uuid> {
    let mut found = BTreeSet::new();
    let mut json = serde_json::Deserializer::from_slice(document);
    let walk = Walk {
        found: &mut found,
        ids: of_patients,
    };
    // What is not JSON shows nobody.
    match walk.deserialize(&mut json) {
        Ok(()) => found,
        Err(_) => BTreeSet::new(),
    }
}

/// Walks a document and keeps ids only.
struct Walk<'a> {
    found: &'a mut BTreeSet<Uuid>,
    /// Whether `id` is a patient's here.
    ids: bool,
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            match &*key {
                "patientId" => map.next_value_seed(Id(self.found))?,
                "id" if self.ids => map.next_value_seed(Id(self.found))?,
                // The ids of things inside a patient's view are not patients'.
                "items" | "candidates" => map.next_value_seed(Walk {
                    found: self.found,
                    ids: self.ids,
                })?,
                _ => map.next_value_seed(Walk {
                    found: self.found,
                    ids: false,
                })?,
            }
        }
        Ok(())
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut items: S) -> Result<(), S::Error> {
        while items
            .next_element_seed(Walk {
                found: self.found,
                ids: self.ids,
            })?
            .is_some()
        {}
        Ok(())
    }

    fn visit_some<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(IgnoredAny).map(|_| ())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// An id, if it is one.
struct Id<'a>(&'a mut BTreeSet<Uuid>);

impl<'de> DeserializeSeed<'de> for Id<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        let value = serde_json::Value::deserialize(json)?;
        self.0
            .extend(value.as_str().and_then(|id| id.parse::<Uuid>().ok()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn id(n: u128) -> Uuid {
        Uuid::from_u128(n)
    }

    fn found(document: &serde_json::Value, of_patients: bool) -> Vec<Uuid> {
        patients(document.to_string().as_bytes(), of_patients)
            .into_iter()
            .collect()
    }

    #[test]
    fn a_page_of_appointments_shows_their_patients() {
        let page = json!({ "items": [
            { "id": id(1), "patientId": id(7), "start": "2026-11-02T08:00:00Z", "n": 1.5, "ok": true },
            { "id": id(2), "patientId": id(8), "was": { "patientId": id(9) }, "room": null },
            { "id": id(3), "patientId": id(7) },
        ], "nextCursor": null });
        assert_eq!(found(&page, false), [id(7), id(8), id(9)]);
    }

    #[test]
    fn a_page_of_patients_shows_them_and_nobody_else() {
        let page = json!({ "items": [{ "id": id(1), "coverages": [{ "id": id(2) }] }] });
        assert_eq!(found(&page, true), [id(1)]);
        assert_eq!(found(&json!({ "id": id(1) }), true), [id(1)]);
        assert!(found(&json!({ "id": 17 }), true).is_empty());
    }

    #[test]
    fn what_is_not_json_shows_nobody() {
        assert_eq!(patients(b"<html>", true), BTreeSet::new());
        assert_eq!(patients(b"", true), BTreeSet::new());
    }
}
