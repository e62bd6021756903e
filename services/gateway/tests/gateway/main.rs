//! The gateway from outside: its edge around a router, its stream over a real log.

#![expect(
    clippy::unwrap_used,
    reason = "a test panics when its assumptions fail"
)]

mod answers;
mod door;
mod headers;
mod hospital;
mod hosted;
mod limits;
mod stream;
