//! Failed logins, counted per name, so that guessing gets slow.

pub(crate) mod model;
pub(crate) mod store;
