//! A client of Galen's REST API, as an integrator would write one: it logs in,
//! renews its token, gives every POST an idempotency key, and repeats what got no
//! answer under the same key.

mod reply;
mod session;

pub use reply::{FieldError, Problem, Reply};
pub use session::{Client, ClientError};
