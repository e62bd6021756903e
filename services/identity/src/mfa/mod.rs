//! The second factor: codes of an authenticator, and backup codes for when it is lost.

pub(crate) mod authenticator;
pub(crate) mod backup_code;
pub(crate) mod confirm;
pub(crate) mod enrol;
pub(crate) mod remove;
pub(crate) mod renew_backup_codes;
pub(crate) mod reset;
pub(crate) mod second_factor;
pub(crate) mod show;
pub(crate) mod store;

pub(crate) use second_factor::{MfaError, second_factor};
