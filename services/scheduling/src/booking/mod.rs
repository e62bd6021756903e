//! The booking process: from a taken time to a verified and confirmed appointment.

pub mod decision;
pub mod process;
