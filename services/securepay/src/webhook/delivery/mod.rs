//! Deliveries: one message to one endpoint, until it has it.

pub(crate) mod enqueue;
pub(crate) mod forget;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod measure;
pub(crate) mod model;
pub(crate) mod retry;
pub(crate) mod send;
pub(crate) mod store;
pub(crate) mod view;

pub(crate) use model::{Delivery, DeliveryId};
