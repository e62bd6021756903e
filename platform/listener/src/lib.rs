//! The public listener: accepts connections, speaks TLS, refuses ambiguous HTTP/1
//! requests before anything parses them, and lets slow clients go.
//!
//! - [`serve()`] accepts, bounds and drains connections.
//! - [`Tls`] holds the certificate and replaces it when its files change.
//! - `head` decides which HTTP/1 heads are unambiguous; `wire` lets nothing else pass.
//! - `porch` holds connections that have not asked anything yet.

mod head;
mod porch;
mod serve;
mod tls;
mod wire;

pub use serve::{Bounds, Encrypted, serve};
pub use tls::{Tls, TlsError, TlsFiles};
