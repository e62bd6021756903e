//! Availability: whether a practitioner works in a whole interval. Bookings are
//! scheduling's business.

pub mod check;
pub mod model;
pub mod store;
