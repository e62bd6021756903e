//! From events to deliveries, in the transaction that moves the cursor.

use std::sync::Arc;

use galen_eventing::{Failure, HandleBatch, Received};
use galen_kernel::Clock;
use galen_storage::Tx;
use tokio::sync::Notify;
use uuid::Uuid;

use super::{DeliveryId, store};
use crate::webhook::endpoint::{self, Endpoint, EndpointId};
use crate::webhook::message::Message;

/// Hears the service's own events.
pub(crate) struct Listener {
    /// Rings when there is something to send.
    pub(crate) bell: Arc<Notify>,
}

impl HandleBatch for Listener {
    async fn handle_batch(&self, tx: &mut Tx, batch: &[Received]) -> Result<(), Failure> {
        let endpoints = endpoint::store::listening(tx.conn()).await?;
        if endpoints.is_empty() {
            return Ok(());
        }
        let mut messages = Vec::new();
        for event in batch {
            messages.extend(Message::of(event)?);
        }
        let clock = tx.clock().clone();
        let due = addressed(&messages, &endpoints, &clock);
        if due.is_empty() {
            return Ok(());
        }
        messages.retain(|message| due.iter().any(|(_, _, id)| *id == message.id));
        store::enqueue(tx.conn(), &messages, &due, clock.now()).await?;
        tx.ring(&self.bell);
        Ok(())
    }
}

/// Who is to be told of what: whoever wants the type, is there when it is heard, and was
/// when it was said. What was said before is not theirs, however late it is heard.
fn addressed(
    messages: &[Message],
    endpoints: &[Endpoint],
    clock: &Clock,
) -> Vec<(DeliveryId, EndpointId, Uuid)> {
    let wants = |endpoint: &Endpoint, message: &Message| {
        endpoint.disabled.is_none()
            && endpoint.created_at <= message.at
            && endpoint.events.contains(&message.kind)
    };
    messages
        .iter()
        .flat_map(|message| endpoints.iter().map(move |endpoint| (message, endpoint)))
        .filter(|(message, endpoint)| wants(endpoint, message))
        .map(|(message, endpoint)| (clock.id(), endpoint.id, message.id))
        .collect()
}

#[cfg(test)]
mod tests {
    use galen_kernel::Timestamp;
    use jiff::SignedDuration;

    use super::*;
    use crate::webhook::message::MessageType;

    #[test]
    fn nobody_is_told_of_what_was_said_before_they_were_there() {
        let clock = Clock::manual(Timestamp::UNIX_EPOCH);
        let endpoint = Endpoint {
            id: clock.id(),
            url: "https://accounting.example.org".to_owned(),
            events: vec![MessageType::Test],
            description: None,
            disabled: None,
            created_at: clock.now(),
            version: 1,
        };
        let id = clock.uuid();
        let told = |seconds: i64| {
            let at = clock.now() + SignedDuration::from_secs(seconds);
            let message = Message::test(id, endpoint.id.uuid(), at);
            let endpoints = std::slice::from_ref(&endpoint);
            addressed(&[message], endpoints, &clock).len()
        };
        assert_eq!([told(-1), told(0), told(1)], [0, 1, 1]);
    }
}
