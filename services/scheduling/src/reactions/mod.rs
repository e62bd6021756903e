//! What scheduling does about events.

pub mod booking;
pub mod freed;
pub mod patients;
pub mod replanning;
