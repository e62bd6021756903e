//! The booking process: from a taken time to a verified, paid and confirmed appointment.

pub mod decision;
pub mod process;
