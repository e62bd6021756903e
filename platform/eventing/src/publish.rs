//! Publishing: the only way an event leaves a service.

use galen_contracts::Event;
use galen_storage::{Outgoing, Tx};

use crate::{cause, measure};

/// Puts typed events into a transaction's outbox.
pub trait Publish {
    /// Publishes with the commit. The trace of the current task, the correlation
    /// and (inside a handler) the causing event travel in the headers. Order per
    /// key is the order of commits that hold the key. While a projection is
    /// rebuilt nothing is published: it was, the first time.
    ///
    /// # Panics
    /// In debug builds, when the topic is not the service's own; the database
    /// refuses it in any build.
    fn publish<E: Event>(&mut self, event: &E);
}

impl Publish for Tx {
    fn publish<E: Event>(&mut self, event: &E) {
        debug_assert_eq!(
            E::TYPE.topic,
            self.service(),
            "a service publishes its own topic only"
        );
        if cause::current().replay {
            return;
        }
        metrics::counter!(measure::PUBLISHED, "topic" => E::TYPE.topic).increment(1);
        let headers = cause::headers();
        let id = self.clock().uuid();
        self.enqueue(Outgoing {
            id,
            topic: E::TYPE.topic,
            key: event.key().to_owned(),
            event_type: E::TYPE.name,
            headers,
            data: event.encode_to_vec(),
        });
    }
}
