//! The keys that sign access tokens: announced, used, retired.

pub(crate) mod jwks;
pub(crate) mod keyring;
pub(crate) mod model;
pub(crate) mod store;

pub(crate) use keyring::Keyring;
