//! Subscriptions: a group of handlers with its own cursor over the log.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use galen_contracts::Event;
use galen_kernel::{Timestamp, TraceContext};
use galen_storage::Tx;
use uuid::Uuid;

/// An event as it lies in the log.
#[derive(Debug, Clone)]
pub struct Received {
    /// CloudEvents id.
    pub id: Uuid,
    /// Topic.
    pub topic: String,
    /// Partition of the topic.
    pub partition: i16,
    /// Dense offset in the partition, from 1.
    pub offset: i64,
    /// Partition key: the aggregate.
    pub key: String,
    /// CloudEvents type.
    pub event_type: String,
    /// When it was published.
    pub at: Timestamp,
    /// Trace of the publisher.
    pub trace: Option<TraceContext>,
    /// The command or event that began the journey.
    pub correlation_id: Option<Uuid>,
    /// Delivered before without success: which try this is, from 1.
    pub attempt: u32,
    /// Being replayed into a new projection: no follow-ups, no outside calls.
    pub replay: bool,
    /// The protobuf message.
    pub data: Vec<u8>,
}

/// A decoded event with its envelope.
#[derive(Debug, Clone)]
pub struct Delivery<E> {
    /// The message.
    pub event: E,
    /// Its envelope.
    pub meta: Arc<Received>,
}

/// Why a handler did not apply an event.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Something Galen stands on is away: the partition waits and nothing is
    /// counted against the event.
    #[error("infrastructure")]
    Infrastructure(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// This event will never succeed: dead letter at once.
    #[error("permanent: {code}")]
    Permanent {
        /// Error class, stable, SCREAMING_SNAKE.
        code: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// May succeed later: retried with growing pauses, then a dead letter.
    #[error("retryable: {code}")]
    Retryable {
        /// Error class, stable, SCREAMING_SNAKE.
        code: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl From<galen_storage::Error> for Failure {
    fn from(error: galen_storage::Error) -> Self {
        if error.is_transient() {
            Self::Infrastructure(Box::new(error))
        } else {
            Self::Retryable {
                code: "STORAGE",
                source: Box::new(error),
            }
        }
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        galen_storage::Error::from(error).into()
    }
}

impl From<galen_contracts::convert::WireError> for Failure {
    fn from(error: galen_contracts::convert::WireError) -> Self {
        Self::Permanent {
            code: "MALFORMED",
            source: Box::new(error),
        }
    }
}

/// Applies one type of event. The effect, published follow-ups and the cursor
/// commit together, so the effect happens exactly once.
pub trait Handle<E: Event>: Send + Sync + 'static {
    /// Applies the event in the given transaction of the service's own database.
    fn handle(
        &self,
        tx: &mut Tx,
        delivery: Delivery<E>,
    ) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// Applies many events at once, for set-based projections. All events of the
/// subscribed types, in offset order of one partition.
pub trait HandleBatch: Send + Sync + 'static {
    /// Applies the batch in the given transaction; an error is retried event by event.
    fn handle_batch(
        &self,
        tx: &mut Tx,
        batch: &[Received],
    ) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// How failed events are retried before they become dead letters.
#[derive(Debug, Clone, Copy)]
pub struct RetryPolicy {
    /// Tries in all, the first included.
    pub attempts: u32,
    /// Pause after the first failure; doubles, with full jitter.
    pub base: Duration,
    /// Longest pause.
    pub cap: Duration,
}

impl Default for RetryPolicy {
    /// Twelve tries over about six hours.
    fn default() -> Self {
        Self {
            attempts: 12,
            base: Duration::from_secs(1),
            cap: Duration::from_secs(3600),
        }
    }
}

pub(crate) trait ErasedHandler: Send + Sync {
    fn handle<'a>(
        &'a self,
        tx: &'a mut Tx,
        received: &'a Arc<Received>,
    ) -> BoxFuture<'a, Result<(), Failure>>;
}

struct Typed<H, E> {
    handler: Arc<H>,
    _event: std::marker::PhantomData<fn(E)>,
}

impl<H: Handle<E>, E: Event> ErasedHandler for Typed<H, E> {
    fn handle<'a>(
        &'a self,
        tx: &'a mut Tx,
        received: &'a Arc<Received>,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let event = E::decode(received.data.as_slice()).map_err(|e| Failure::Permanent {
                code: "UNDECODABLE",
                source: Box::new(e),
            })?;
            self.handler
                .handle(
                    tx,
                    Delivery {
                        event,
                        meta: Arc::clone(received),
                    },
                )
                .await
        })
    }
}

pub(crate) trait ErasedBatch: Send + Sync {
    fn handle<'a>(
        &'a self,
        tx: &'a mut Tx,
        batch: &'a [Received],
    ) -> BoxFuture<'a, Result<(), Failure>>;
}

impl<H: HandleBatch> ErasedBatch for H {
    fn handle<'a>(
        &'a self,
        tx: &'a mut Tx,
        batch: &'a [Received],
    ) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(self.handle_batch(tx, batch))
    }
}

/// A named group of handlers that reads the log at its own pace.
///
/// ```ignore
/// Subscription::new("notifications.appointments", reactions)
///     .on::<AppointmentBooked>()
///     .on::<AppointmentCancelled>()
/// ```
pub struct Subscription<H> {
    pub(crate) inner: Definition,
    handler: Arc<H>,
}

/// A subscription without its handler's type.
pub struct Definition {
    pub(crate) group: &'static str,
    pub(crate) handlers: Vec<(galen_contracts::EventType, Arc<dyn ErasedHandler>)>,
    pub(crate) batch: Option<(Vec<galen_contracts::EventType>, Arc<dyn ErasedBatch>)>,
    pub(crate) retry: RetryPolicy,
    pub(crate) one_by_one: bool,
}

impl<H: Send + Sync + 'static> Subscription<H> {
    /// A group named `<service>.<purpose>`; starts at the beginning of the log.
    #[must_use]
    pub fn new(group: &'static str, handler: Arc<H>) -> Self {
        Self {
            inner: Definition {
                group,
                handlers: Vec::new(),
                batch: None,
                retry: RetryPolicy::default(),
                one_by_one: false,
            },
            handler,
        }
    }

    /// Handles one more type of event; other types of the topic are passed over.
    #[must_use]
    pub fn on<E: Event>(mut self) -> Self
    where
        H: Handle<E>,
    {
        let handler = Typed::<H, E> {
            handler: Arc::clone(&self.handler),
            _event: std::marker::PhantomData,
        };
        self.inner.handlers.push((E::TYPE, Arc::new(handler)));
        self
    }

    /// Handles these types in batches.
    #[must_use]
    pub fn in_batches(mut self, types: &[galen_contracts::EventType]) -> Self
    where
        H: HandleBatch,
    {
        self.inner.batch = Some((
            types.to_vec(),
            Arc::clone(&self.handler) as Arc<dyn ErasedBatch>,
        ));
        self
    }

    /// Retries differently from [`RetryPolicy::default`].
    #[must_use]
    pub fn retrying(mut self, retry: RetryPolicy) -> Self {
        self.inner.retry = retry;
        self
    }

    /// Gives each event a transaction of its own. For effects that lock rows which
    /// commands lock too: several effects in one transaction lock in the order of the
    /// log, a command in an order of its own, and one of them would be a deadlock's
    /// victim. Slower than the default by a multiple.
    #[must_use]
    pub const fn one_by_one(mut self) -> Self {
        self.inner.one_by_one = true;
        self
    }

    /// Forgets the handler's type, for a service's list of subscriptions.
    #[must_use]
    pub fn build(self) -> Definition {
        self.inner
    }
}
