//! Leave: asked for, decided by somebody else, withdrawn.

pub mod approve;
pub mod get;
pub mod list;
pub mod model;
pub mod reject;
pub mod request;
pub mod store;
pub mod view;
pub mod withdraw;
