//! Clients: applications that let people log in with Galen, registered by an
//! administrator (RFC 6749 section 2).

pub(crate) mod change;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod model;
pub(crate) mod redirect;
pub(crate) mod store;
pub(crate) mod view;

pub(crate) use model::{Client, ClientId};
