//! Recurring work.

pub mod no_show;
pub mod overdue;
