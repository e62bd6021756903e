//! Erasing a person: one administrator asks, another one approves, and it cannot be
//! undone.
//!
//! What is about the person is sealed with data keys of their own. Approving takes away
//! what they are found by and closes their records for good; then the keys are erased,
//! here and in every other service, which hear it as an event. What is sealed stays where
//! it is, in copies and backups as well, and opens no more. Numbers of records, who did
//! what and when, appointments and money stay.

pub mod approve;
pub mod list;
pub mod model;
pub mod reject;
pub mod request;
pub mod store;
pub mod view;
