//! The words every crate of Galen shares: typed ids, time, money, texts, problems, pages,
//! households.
//!
//! Architecture invariant: this crate does no I/O, and only [`clock`] reads the
//! time or draws randomness.

pub mod clock;
pub mod household;
pub mod id;
pub mod money;
pub mod page;
pub mod pii;
pub mod problem;
pub mod text;
pub mod trace;

pub use clock::Clock;
pub use household::Household;
pub use id::Id;
pub use money::{Currency, Money, MoneyError};
pub use page::{Cursor, Page};
pub use pii::Pii;
pub use problem::{FieldError, Problem, Violations};
pub use text::Text;
pub use trace::TraceContext;

/// An instant in UTC. Civil time and zones are spelled out where they matter.
pub use jiff::Timestamp;
