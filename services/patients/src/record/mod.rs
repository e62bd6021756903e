//! The clinical record: allergies, conditions, notes and vital signs.
//!
//! An entry is never changed or removed. What turns out otherwise is amended by a
//! further entry, and what was written by mistake is marked as entered in error.

pub mod allergy;
pub mod condition;
pub mod mark_error;
pub mod model;
pub mod note;
pub mod open;
pub mod store;
pub mod timeline;
pub mod view;
pub mod vital;
