//! What a service offers, and the host that runs services.
//!
//! A service is a crate with one type that implements [`Service`]. The host gives
//! it a database, a clock, its peers and its configuration, and runs what it
//! offers: REST routes, gRPC, subscriptions, timers, jobs, checks.

pub mod audit;
pub mod check;
mod circuit;
pub mod command;
pub mod config;
pub mod extract;
pub mod host;
mod input;
pub mod job;
pub mod money;
mod openapi;
mod ops;
pub mod outcome;
pub mod page;
pub mod peers;
pub mod problems;
pub mod records;
mod rest;
pub mod rpc;
pub mod testing;

pub use check::Check;
pub use circuit::Circuit;
pub use command::{Command, Deferred};
pub use config::{Config, ConfigError, Setting};
pub use extract::{Accept, Body, Cx, Needs, Params, PathIds, RequiredKey, Requires, Xml};
pub use host::{Host, HostError, HostOptions, Platform, RunningHost, Service, StartError};
pub use job::Job;
pub use money::{MoneyView, PositiveMoney};
pub use outcome::{Answer, Halt, Outcome};
pub use page::PageView;
pub use peers::{PeerError, Peers};
pub use problems::ProblemPage;
pub use rest::BODY_LIMIT;

/// Migrations that every service's schema starts with.
pub const SHARED_MIGRATIONS: &[galen_storage::Migration] = &[
    command::IDEMPOTENCY,
    command::SEALED_ANSWERS,
    galen_vault::DATA_KEYS,
];
