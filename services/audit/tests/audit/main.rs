//! The audit log on a real database.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod placing;
mod reading;
mod recording;
mod tampering;
mod world;
