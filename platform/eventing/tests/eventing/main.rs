//! The backbone against real PostgreSQL, under concurrency and faults. The invariants
//! E1 to E15 are named where they are checked.

#![expect(clippy::unwrap_used, reason = "a step that fails fails its test")]

mod delivery;
mod hospital;
mod lanes;
mod operations;
mod ownership;
mod processes;
mod projections;
mod sequencing;
mod timers;
