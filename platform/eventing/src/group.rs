//! A group at work: finds the handler of an event and runs it, guarded.

use std::any::Any;
use std::error::Error as StdError;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use galen_storage::{Db, Tx};

use crate::cause::{Cause, caused_by};
use crate::log::Logged;
use crate::measure;
use crate::subscription::{Definition, ErasedBatch, ErasedHandler, Failure, Received, RetryPolicy};

/// A subscription and the database its effects go to.
pub(crate) struct Group {
    pub(crate) name: &'static str,
    pub(crate) db: Db,
    pub(crate) retry: RetryPolicy,
    /// Each event has a transaction of its own.
    pub(crate) one_by_one: bool,
    pub(crate) topics: Vec<&'static str>,
    /// SQL patterns of the types it reads, in any version.
    pub(crate) patterns: Vec<String>,
    reaction: Reaction,
}

enum Reaction {
    Each(Vec<(&'static str, Arc<dyn ErasedHandler>)>),
    Batch(Vec<&'static str>, Arc<dyn ErasedBatch>),
}

impl Group {
    /// Panics when the definition contradicts itself: a mistake in a service's source
    /// that its first test finds.
    pub(crate) fn new(db: Db, definition: Definition) -> Self {
        let Definition {
            group,
            handlers,
            batch,
            retry,
            one_by_one,
        } = definition;
        assert!(
            group
                .strip_prefix(db.service())
                .is_some_and(|rest| rest.starts_with('.')),
            "group {group} must be named {}.<purpose>",
            db.service()
        );
        let (types, reaction) = match batch {
            Some((types, handler)) => {
                assert!(
                    handlers.is_empty(),
                    "group {group} handles either one by one or in batches"
                );
                let names = types.iter().map(|t| t.name).collect();
                (types, Reaction::Batch(names, handler))
            }
            None => {
                let types: Vec<_> = handlers.iter().map(|(t, _)| *t).collect();
                let handlers = handlers
                    .into_iter()
                    .map(|(t, handler)| (t.name, handler))
                    .collect();
                (types, Reaction::Each(handlers))
            }
        };
        let mut topics: Vec<_> = types.iter().map(|t| t.topic).collect();
        topics.sort_unstable();
        topics.dedup();
        let patterns = types.iter().map(|t| any_version(t.name)).collect();
        Self {
            name: group,
            db,
            retry,
            one_by_one,
            topics,
            patterns,
            reaction,
        }
    }

    /// Whether every event has a handler for its version.
    pub(crate) fn knows(&self, event_type: &str) -> bool {
        match &self.reaction {
            Reaction::Each(handlers) => handlers.iter().any(|(name, _)| *name == event_type),
            Reaction::Batch(names, _) => names.contains(&event_type),
        }
    }

    /// Applies events in order, without savepoints: after an error the transaction is
    /// of no use. The error comes with the offset of its event, if that is known.
    pub(crate) async fn apply_all(
        &self,
        tx: &mut Tx,
        events: Vec<Logged>,
    ) -> Result<(), (Option<i64>, Failure)> {
        if let Some(unknown) = events.iter().find(|e| !self.knows(&e.received.event_type)) {
            return Err((
                Some(unknown.received.offset),
                undecodable(&unknown.received),
            ));
        }
        match &self.reaction {
            Reaction::Each(_) => {
                for event in events {
                    let off = event.received.offset;
                    let applied = self.apply(tx, &Arc::new(event.received)).await;
                    applied.map_err(|failure| (Some(off), failure))?;
                }
                Ok(())
            }
            Reaction::Batch(_, handler) => {
                let batch: Vec<_> = events.into_iter().map(|e| e.received).collect();
                let Some(first) = batch.first() else {
                    return Ok(());
                };
                let off = (batch.len() == 1).then_some(first.offset);
                let cause = Cause {
                    replay: first.replay,
                    ..Cause::default()
                };
                let work = guarded(handler.handle(tx, &batch));
                let applied = self
                    .measured(batch.len(), caused_by(cause, None, work))
                    .await;
                applied.map_err(|failure| (off, failure))
            }
        }
    }

    /// Applies one event.
    pub(crate) async fn apply(&self, tx: &mut Tx, received: &Arc<Received>) -> Result<(), Failure> {
        let work = match &self.reaction {
            Reaction::Each(handlers) => {
                match handlers
                    .iter()
                    .find(|(name, _)| *name == received.event_type)
                {
                    Some((_, handler)) => handler.handle(tx, received),
                    None => return Err(undecodable(received)),
                }
            }
            Reaction::Batch(names, handler) if names.contains(&received.event_type.as_str()) => {
                handler.handle(tx, std::slice::from_ref(received.as_ref()))
            }
            Reaction::Batch(..) => return Err(undecodable(received)),
        };
        let cause = Cause {
            event: Some(received.id),
            correlation: received.correlation_id,
            replay: received.replay,
        };
        self.measured(1, caused_by(cause, received.trace, guarded(work)))
            .await
    }

    async fn measured(
        &self,
        events: usize,
        work: impl Future<Output = Result<(), Failure>>,
    ) -> Result<(), Failure> {
        let started = Instant::now();
        let outcome = work.await;
        metrics::histogram!(measure::HANDLER_SECONDS, "group" => self.name)
            .record(started.elapsed());
        match &outcome {
            Ok(()) => {
                metrics::counter!(measure::APPLIED, "group" => self.name).increment(events as u64)
            }
            Err(failure) => {
                metrics::counter!(measure::FAILED, "group" => self.name, "class" => class(failure))
                    .increment(1);
            }
        }
        outcome
    }
}

/// `galen.staff.leave-approved.v1` in any version, as a pattern of SQL's LIKE.
fn any_version(name: &str) -> String {
    let base = name.rfind(".v").map_or(name, |at| &name[..at]);
    let mut pattern = String::with_capacity(base.len() + 3);
    for c in base.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern + ".v%"
}

#[derive(Debug, thiserror::Error)]
#[error("no handler for {0}")]
struct NoHandler(String);

/// A version of a known type that this binary cannot read. It waits for one that can.
fn undecodable(received: &Received) -> Failure {
    Failure::Permanent {
        code: "UNDECODABLE",
        source: Box::new(NoHandler(received.event_type.clone())),
    }
}

#[derive(Debug, thiserror::Error)]
#[error("panic: {0}")]
struct Panicked(String);

/// A handler's panic is its failure, not the process's.
pub(crate) async fn guarded(work: BoxFuture<'_, Result<(), Failure>>) -> Result<(), Failure> {
    AssertUnwindSafe(work)
        .catch_unwind()
        .await
        .unwrap_or_else(|panic| {
            Err(Failure::Retryable {
                code: "PANIC",
                source: Box::new(Panicked(message(panic.as_ref()))),
            })
        })
}

fn message(panic: &(dyn Any + Send)) -> String {
    if let Some(text) = panic.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = panic.downcast_ref::<String>() {
        text.clone()
    } else {
        "without a message".to_owned()
    }
}

/// The class of a failure, for metrics and dead letters.
pub(crate) const fn class(failure: &Failure) -> &'static str {
    match failure {
        Failure::Infrastructure(_) => "INFRASTRUCTURE",
        Failure::Permanent { code, .. } | Failure::Retryable { code, .. } => code,
    }
}

/// A failure with its causes, for a person; bounded.
pub(crate) fn explain(failure: &Failure) -> String {
    const LONGEST: usize = 4000;
    let mut text = failure.to_string();
    let mut cause = StdError::source(failure);
    while let Some(error) = cause {
        text += ": ";
        text += &error.to_string();
        cause = error.source();
    }
    // PostgreSQL's text cannot hold it.
    text = text.replace('\0', "\u{fffd}");
    if text.len() > LONGEST {
        text.truncate(text.floor_char_boundary(LONGEST));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_read_in_any_version() {
        assert_eq!(
            any_version("galen.staff.leave-approved.v1"),
            "galen.staff.leave-approved.v%"
        );
        assert_eq!(any_version("a_b.v2"), "a\\_b.v%");
    }

    #[test]
    fn a_failure_is_explained_with_its_causes() {
        let inner = std::io::Error::other("no route\0");
        let failure = Failure::Retryable {
            code: "SMTP",
            source: Box::new(inner),
        };
        assert_eq!(explain(&failure), "retryable: SMTP: no route\u{fffd}");
        let long = Failure::Infrastructure(Box::new(Panicked("ä".repeat(5000))));
        assert!(explain(&long).len() <= 4000);
    }

    #[tokio::test]
    async fn a_panic_is_a_failure() {
        let failure = guarded(Box::pin(async { panic!("at {}", 7) })).await;
        assert!(
            matches!(failure, Err(ref f) if class(f) == "PANIC" && explain(f).ends_with("at 7"))
        );
    }
}
