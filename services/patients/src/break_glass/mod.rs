//! Breaking the glass: in an emergency somebody who treats reaches the record of a
//! patient they do not care for. It takes a reason, ends by itself, is shown to the
//! patient, and is judged by somebody else.

pub mod list;
pub mod model;
pub mod open;
pub mod review;
pub mod store;
pub mod view;
