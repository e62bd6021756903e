//! Login through the hospital's directory: an OpenID Connect provider (authorization
//! code with PKCE) that says who somebody is, and in which groups.
//!
//! The directory is asked only when somebody logs in through it: that it does not
//! answer keeps nobody from logging in with a password, and Galen from starting.

pub(crate) mod callback;
pub(crate) mod enter;
mod handshake;
pub(crate) mod link;
mod model;
mod provider;
mod settings;
pub(crate) mod show;
pub(crate) mod start;
pub(crate) mod store;
mod token;
mod web;

pub(crate) use handshake::LIFETIME;
pub(crate) use provider::Provider;
pub(crate) use settings::SETTINGS;

use galen_kernel::Problem;
use galen_service::StartError;

use crate::Identity;

/// The directory, if there is one.
pub(crate) fn open(
    config: &galen_service::Config,
    public_url: &str,
    clock: &galen_kernel::Clock,
) -> Result<Option<Provider>, StartError> {
    match settings::read(config, public_url)? {
        Some(settings) => Provider::new(settings, clock.clone())
            .map(Some)
            .map_err(|e| crate::start_error("preparing the directory's client", e)),
        None => Ok(None),
    }
}

/// The directory, or a 404 that says that there is none.
fn configured(s: &Identity) -> Result<&Provider, Problem> {
    s.directory.as_ref().ok_or_else(|| {
        Problem::new(
            404,
            "DIRECTORY_NOT_CONFIGURED",
            "This hospital has no directory to log in through.",
        )
    })
}
