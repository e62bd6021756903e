//! Endpoints: who is told, of what, and with which secrets it is signed.

pub(crate) mod change;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod model;
pub(crate) mod rotate;
pub(crate) mod store;
pub(crate) mod try_out;
pub(crate) mod view;

pub(crate) use model::{Endpoint, EndpointId};
