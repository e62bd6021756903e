//! Series: the same appointment again and again.

pub mod cancel;
pub mod create;
pub mod get;
pub mod model;
pub mod store;
pub mod view;
