//! Records that may be one person: how alike two are, and the queue of pairs to look at.

pub mod dismiss;
pub mod list;
pub mod model;
pub mod store;

pub use model::{Match, Profile, Reason};
