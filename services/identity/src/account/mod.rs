//! Accounts: who may log in, with which roles, and whose they are.

pub(crate) mod change;
pub(crate) mod create;
pub(crate) mod email;
pub(crate) mod first_administrator;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod me;
pub(crate) mod model;
pub(crate) mod register;
pub(crate) mod store;
pub(crate) mod username;
pub(crate) mod view;

pub(crate) use email::Email;
pub(crate) use model::{Account, LockReason, RoleSet};
pub(crate) use username::Username;
