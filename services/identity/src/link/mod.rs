//! Links that let their holder choose a password or log in: asked for, minted at the
//! moment of sending, used once.

pub(crate) mod addressee;
pub(crate) mod ask;
pub(crate) mod consume;
pub(crate) mod forgot;
pub(crate) mod mint;
pub(crate) mod model;
pub(crate) mod redeem;
pub(crate) mod request;
pub(crate) mod store;
