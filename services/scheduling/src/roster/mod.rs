//! Who works when: a read model of staff's events, and questions to staff.

pub mod directory;
pub mod projection;
pub mod store;
