//! Sessions: a login, the refresh tokens that keep it going, and its end.

pub(crate) mod device;
pub(crate) mod end;
pub(crate) mod ending;
pub(crate) mod list;
pub(crate) mod log_in;
pub(crate) mod log_out;
pub(crate) mod model;
pub(crate) mod open;
pub(crate) mod refresh;
pub(crate) mod step_up;
pub(crate) mod store;
