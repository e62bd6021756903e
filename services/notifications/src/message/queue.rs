//! The way in: messages are queued in the transaction of what causes them.

use std::sync::Arc;

use galen_storage::{Error, Tx};
use tokio::sync::Notify;

use super::{MessageId, NewMessage, store};

/// Queues messages, and wakes the sender once they can be seen.
#[derive(Clone, Default)]
pub struct Queue {
    bell: Arc<Notify>,
}

impl Queue {
    /// Rings when there may be something to send.
    #[must_use]
    pub fn bell(&self) -> Arc<Notify> {
        Arc::clone(&self.bell)
    }

    /// Queues a message with the caller's transaction. The same cause queues nothing
    /// again and tells the first one's id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn add(&self, tx: &mut Tx, message: &NewMessage) -> Result<MessageId, Error> {
        let (id, now) = (tx.clock().id(), tx.clock().now());
        let id = store::queue(tx.conn(), id, message, now).await?;
        tx.ring(&self.bell);
        Ok(id)
    }
}
