//! The live stream. An event goes [`record`] → [`store`] → [`tail`] → [`follow`];
//! who may see it is said by [`audience`].

mod audience;
pub(crate) mod care;
pub(crate) mod follow;
pub(crate) mod record;
pub(crate) mod seats;
pub(crate) mod store;
pub(crate) mod tail;
