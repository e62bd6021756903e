//! Roles: those that every hospital has, and those that it makes itself.

pub(crate) mod change;
pub(crate) mod create;
pub(crate) mod given;
pub(crate) mod list;
pub(crate) mod model;
pub(crate) mod store;
pub(crate) mod view;

pub(crate) use model::RoleName;
