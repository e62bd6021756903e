//! Appointments: booking, the way through the day, and every way one can end.

pub mod admission;
pub mod book;
pub mod cancel;
pub mod check_in;
pub mod complete;
pub mod confirm;
pub mod error;
pub mod find;
pub mod get;
pub mod model;
pub mod no_show;
pub mod placing;
pub mod reschedule;
pub mod revert_no_show;
pub mod start;
pub mod status;
pub mod store;
pub mod transition;
pub mod view;
pub mod words;
