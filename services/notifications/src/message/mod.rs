//! What somebody is to be told, and how far that has come.

pub mod list;
pub mod model;
pub mod plan;
pub mod queue;
pub mod resend;
pub mod show;
pub mod store;
pub mod view;

pub use model::{MessageId, NewMessage, Params, Recipient, ServiceType, Status};
pub use queue::Queue;
