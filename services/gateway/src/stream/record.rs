//! Hears every event, and writes what the stream tells of it.

use std::sync::Arc;

use galen_access::EndedSessions;
use galen_contracts::identity::v1::SessionsEnded;
use galen_contracts::ids::SessionId;
use galen_contracts::{Event as _, registry};
use galen_eventing::{Failure, HandleBatch, Received};
use galen_kernel::Timestamp;
use galen_storage::Tx;
use tokio::sync::Notify;

use super::audience::Audience;
use super::store::{self, NewEntry};

/// The handler behind `gateway.stream`.
pub(crate) struct Recorder {
    /// Told that there will be something to tell.
    wake: Arc<Notify>,
    /// Where it is kept whose tokens are refused: identity may run elsewhere.
    ended: EndedSessions,
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
    pub(crate) const fn new(wake: Arc<Notify>, ended: EndedSessions) -> Self {
        Self { wake, ended }
    }
}

impl HandleBatch for Recorder {
    async fn handle_batch(&self, tx: &mut Tx, batch: &[Received]) -> Result<(), Failure> {
        // What was published has been committed: no need to wait for this commit.
        for event in batch {
            end_sessions(&self.ended, event, tx.clock().now());
        }
        let entries = batch.iter().map(told).collect::<Result<Vec<_>, _>>()?;
        store::record(tx, &entries).await?;
        tx.ring(&self.wake);
        Ok(())
    }
}

/// Refuses the tokens of the sessions that an event says have ended.
fn end_sessions(ended: &EndedSessions, event: &Received, now: Timestamp) {
    if event.event_type != SessionsEnded::TYPE.name {
        return;
    }
    let data = registry::to_json(&event.event_type, &event.data).unwrap_or_default();
    let sessions = data["sessionIds"].as_array().into_iter().flatten();
    let sessions = sessions.filter_map(|id| id.as_str()?.parse::<SessionId>().ok());
    ended.end(sessions, event.at, now);
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
