//! Care: which practitioner sees which patient, because they have or had something
//! arranged with each other.
//!
//! A practitioner cares for a patient as long as any ground for it holds. Grounds come
//! from other services' events and stay with the record they were arranged for; who
//! cares for a record cares for the person, whatever records are merged or parted.

pub mod model;
pub mod projection;
pub mod store;
