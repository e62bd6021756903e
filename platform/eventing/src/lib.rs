//! The event backbone. Publishing is part of the business transaction; a sequencer
//! gives every event a dense offset per topic and partition; subscriptions apply
//! effects exactly once; what keeps failing parks its key and waits for a person.
//!
//! Reading order: [`publish`], [`sequencer`], [`subscription`], [`lane`],
//! [`timer`], [`process`], [`projection`], [`retention`], [`operations`].

pub mod backbone;
mod cause;
pub mod lane;
pub mod operations;
pub mod process;
pub mod projection;
pub mod publish;
pub mod retention;
pub mod sequencer;
pub mod subscription;
pub mod timer;

pub use backbone::{Backbone, Running};
pub use operations::Operations;
pub use process::{Decision, Instance, Process, Processes, Status, TimerChange, Trigger};
pub use projection::Projection;
pub use publish::Publish;
pub use subscription::{Delivery, Failure, Handle, HandleBatch, Received, Subscription};
pub use timer::{OnTimer, TimerSubscription, Timers};

/// The history of the `events` schema.
pub const MIGRATIONS: &[galen_storage::Migration] = galen_storage::migrations!["0001_log"];
