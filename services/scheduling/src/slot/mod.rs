//! Slots: free times that can be booked, and holds on them.

pub mod expire;
pub mod find;
pub mod hold;
pub mod model;
pub mod release;
