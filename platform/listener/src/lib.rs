//! The public listener: accepts connections, speaks TLS, refuses ambiguous HTTP/1
//! requests before anything parses them, and lets slow clients go.
//!
//! - [`serve()`] accepts, bounds and drains connections.
//! - [`Tls`] holds the certificate and replaces it when its files change.
//! - `head` decides which HTTP/1 heads are unambiguous; `wire` lets nothing else pass.
//! - [`Porch`] holds what has only begun; `crowd` counts the connections of a client.
//! - `refusal` answers what is not let pass; [`to_https`] sends plain HTTP to TLS.
//! - [`security`] has the headers that every answer gets.

mod crowd;
mod head;
mod porch;
mod redirect;
mod refusal;
pub mod security;
mod serve;
mod tls;
mod wire;

pub use porch::{Place, Porch};
pub use redirect::to_https;
pub use serve::{Bounds, Encrypted, serve};
pub use tls::{Tls, TlsError, TlsFiles};
