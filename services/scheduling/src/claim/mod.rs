//! Claims on people's time: by appointments, by holds, by offers.

pub mod model;
pub mod store;
