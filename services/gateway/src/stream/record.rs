//! Hears every event, and writes what the stream tells of it.

use std::sync::Arc;

use galen_contracts::registry;
use galen_eventing::{Failure, HandleBatch, Received};
use galen_storage::Tx;
use tokio::sync::Notify;

use super::audience::Audience;
use super::store::{self, NewEntry};

/// The handler behind `gateway.stream`.
pub(crate) struct Recorder {
    /// Told that there will be something to tell.
    wake: Arc<Notify>,
}

/// Why an event cannot be told.
#[derive(Debug, thiserror::Error)]
enum Untellable {
    #[error("{0} has no audience")]
    NoAudience(String),
    #[error("the data is not a {0}")]
    Undecodable(String),
}

impl From<Untellable> for Failure {
    fn from(error: Untellable) -> Self {
        let code = match error {
            Untellable::NoAudience(_) => "NO_AUDIENCE",
            Untellable::Undecodable(_) => "UNDECODABLE",
        };
        Self::Permanent {
            code,
            source: Box::new(error),
        }
    }
}

impl Recorder {
    pub(crate) const fn new(wake: Arc<Notify>) -> Self {
        Self { wake }
    }
}

impl HandleBatch for Recorder {
    async fn handle_batch(&self, tx: &mut Tx, batch: &[Received]) -> Result<(), Failure> {
        let entries = batch.iter().map(told).collect::<Result<Vec<_>, _>>()?;
        store::record(tx, &entries).await?;
        tx.ring(&self.wake);
        Ok(())
    }
}

fn told(event: &Received) -> Result<NewEntry, Untellable> {
    let name = || event.event_type.clone();
    let audience =
        Audience::find(&event.event_type).ok_or_else(|| Untellable::NoAudience(name()))?;
    let data = registry::to_json(&event.event_type, &event.data)
        .ok_or_else(|| Untellable::Undecodable(name()))?;
    Ok(NewEntry {
        at: event.at,
        event_type: name(),
        subject: event.key.clone(),
        permission: audience.permission,
        owners: audience.owners(&data),
        data,
    })
}
