//! The waitlist: who waits for a time to become free, and what is offered to whom.

pub mod accept;
pub mod decline;
pub mod expire;
pub mod find;
pub mod join;
pub mod model;
pub mod offering;
pub mod store;
pub mod view;
pub mod withdraw;
