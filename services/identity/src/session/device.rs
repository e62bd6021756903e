//! What is known of the device that logs in, for its owner to recognise it.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use galen_kernel::{Household, Pii};
use http::header::USER_AGENT;
use http::request::Parts;

/// Longest name of a browser that is kept.
const LONGEST: usize = 256;

/// A device.
#[derive(Debug, Clone, Default)]
pub(crate) struct Device {
    /// What its browser calls itself.
    pub(crate) user_agent: Option<String>,
    /// Where it connects from.
    pub(crate) address: Option<Pii<IpAddr>>,
}

impl Device {
    /// Which addresses it is counted with; `None` in memory, without a connection.
    pub(crate) fn household(&self) -> Option<Household> {
        self.address
            .as_ref()
            .map(|address| Household::of(*address.expose()))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Device {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let user_agent = parts
            .headers
            .get(USER_AGENT)
            .and_then(|value| value.to_str().ok());
        let address = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        Ok(Self {
            user_agent: user_agent.map(|text| text.chars().take(LONGEST).collect()),
            address: address.map(|ConnectInfo(address)| Pii::new(address.ip().to_canonical())),
        })
    }
}
