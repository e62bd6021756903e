//! The event backbone. Publishing is part of the business transaction; a sequencer
//! gives every event a dense offset per topic and partition; subscriptions apply
//! effects exactly once; what keeps failing parks its key and waits for a person.
//!
//! Reading order: [`publish`], [`sequencer`], [`subscription`], `consumer`, `attempt`,
//! [`lane`], `retrier`, `membership`, [`timer`], `alarm`, [`process`], [`projection`],
//! [`rebuild`], [`retention`], [`operations`]. The tables, and why the sequencer is
//! right, are in `migrations/`.

mod alarm;
mod attempt;
pub mod backbone;
mod backoff;
mod cause;
pub mod checks;
mod consumer;
mod cursor;
mod group;
pub mod lane;
mod log;
pub mod measure;
mod membership;
pub mod operations;
pub mod process;
pub mod projection;
pub mod publish;
pub mod rebuild;
pub mod retention;
mod retrier;
pub mod sequencer;
mod settle;
mod slot;
pub mod subscription;
pub mod timer;

pub use backbone::{Backbone, Running};
pub use checks::CHECKS;
pub use operations::Operations;
pub use process::{Decision, Instance, Process, Processes, Status, TimerChange, Trigger};
pub use projection::Projection;
pub use publish::Publish;
pub use rebuild::RebuildError;
pub use subscription::{Delivery, Failure, Handle, HandleBatch, Received, Subscription};
pub use timer::{OnTimer, TimerSubscription, Timers};

/// The history of the `events` schema.
pub const MIGRATIONS: &[galen_storage::Migration] = galen_storage::migrations![
    "0001_log",
    "0002_subscription",
    "0003_timer",
    "0004_process",
    "0005_retention",
];
