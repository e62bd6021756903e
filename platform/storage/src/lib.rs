//! PostgreSQL as Galen uses it: a private cluster for one machine, one schema and
//! one login role per service, forward-only migrations, transactions that carry an
//! outbox, and leases.
//!
//! Architecture invariant: a service sees only [`Db`] and [`Tx`]; nothing here
//! knows what a hospital is.

pub mod cluster;
pub mod column;
pub mod db;
pub mod error;
pub mod lease;
pub mod migrate;
pub mod private_file;
pub mod provision;
mod scram;
mod secret;

pub use cluster::{Cluster, ClusterOptions};
pub use column::{Columns, date, ts};
pub use db::{Db, Outgoing, Tx, Wake};
pub use error::Error;
pub use migrate::Migration;
pub use provision::{Access, Databases, ProvisionError, SchemaSpec};

/// jiff types as PostgreSQL columns: `.bind(ts(at))`, and `row.instant("at")?` with [`Columns`].
pub use jiff_sqlx::{Date as SqlDate, Timestamp as Ts};
