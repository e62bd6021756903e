//! A service's own database: its pool, and the transactions that carry its events.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};

use galen_kernel::{Clock, Timestamp};
use sqlx::{PgConnection, PgPool, Postgres};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::Error;

/// An event on its way into the outbox, already encoded. Made by the eventing
/// crate only; services publish typed events.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// CloudEvents id, UUIDv7.
    pub id: Uuid,
    /// Topic, the publishing service's own.
    pub topic: &'static str,
    /// Partition key: the aggregate.
    pub key: String,
    /// CloudEvents type.
    pub event_type: &'static str,
    /// Extension attributes: traceparent, correlationid, causationid.
    pub headers: serde_json::Value,
    /// The protobuf message.
    pub data: Vec<u8>,
}

/// Told after every commit that published something or set a timer; the sequencer
/// and the timers listen.
#[derive(Clone, Default)]
pub struct Wake(Arc<Signals>);

#[derive(Default)]
struct Signals {
    published: Notify,
    timer_set: Notify,
    soonest: Mutex<Option<Timestamp>>,
}

impl Wake {
    /// Something was committed.
    pub fn notify(&self) {
        self.0.published.notify_one();
    }

    /// Waits until something was committed since the last wait.
    pub async fn wait(&self) {
        self.0.published.notified().await;
    }

    /// A timer for this instant was committed.
    pub fn notify_timer(&self, at: Timestamp) {
        let mut soonest = self
            .0
            .soonest
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *soonest = Some(soonest.map_or(at, |known| known.min(at)));
        drop(soonest);
        self.0.timer_set.notify_one();
    }

    /// Waits until a timer was committed since the last wait: the soonest of them.
    pub async fn wait_timer(&self) -> Timestamp {
        loop {
            self.0.timer_set.notified().await;
            let mut soonest = self
                .0
                .soonest
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if let Some(at) = soonest.take() {
                return at;
            }
        }
    }
}

/// One service's schema through its own login role, which has rights on nothing else.
#[derive(Clone)]
pub struct Db {
    pool: PgPool,
    service: &'static str,
    clock: Clock,
    wake: Wake,
}

impl Db {
    /// Wraps a pool whose connections log in as the service's role with
    /// `search_path` set to its schema.
    #[must_use]
    pub const fn new(pool: PgPool, service: &'static str, clock: Clock, wake: Wake) -> Self {
        Self {
            pool,
            service,
            clock,
            wake,
        }
    }

    /// For reads outside a transaction: `sqlx::query(..).fetch_all(db.pool())`.
    #[must_use]
    pub const fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// The service (and schema, and topic) this belongs to.
    #[must_use]
    pub const fn service(&self) -> &'static str {
        self.service
    }

    /// The clock of this process.
    #[must_use]
    pub const fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Starts a READ COMMITTED transaction.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn begin(&self) -> Result<Tx, Error> {
        Ok(Tx {
            inner: self.pool.begin().await?,
            outbox: Vec::new(),
            audit: None,
            timer: None,
            bells: Vec::new(),
            service: self.service,
            clock: self.clock.clone(),
            wake: self.wake.clone(),
        })
    }
}

/// A transaction. State, events, idempotent answer and cursor commit together or
/// not at all; dropping it rolls back. Derefs to the connection, so SQL is
/// `sqlx::query(..).execute(&mut **tx)` or `.execute(tx.conn())`.
pub struct Tx {
    inner: sqlx::Transaction<'static, Postgres>,
    outbox: Vec<Outgoing>,
    audit: Option<serde_json::Value>,
    timer: Option<Timestamp>,
    bells: Vec<Arc<Notify>>,
    service: &'static str,
    clock: Clock,
    wake: Wake,
}

impl Tx {
    /// The connection, for SQL.
    pub fn conn(&mut self) -> &mut PgConnection {
        &mut self.inner
    }

    /// The service this transaction belongs to.
    #[must_use]
    pub const fn service(&self) -> &'static str {
        self.service
    }

    /// The clock of this process.
    #[must_use]
    pub const fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Adds an event to the outbox; written with [`Tx::commit`]. Use
    /// `galen_eventing::Publish::publish`, which is typed.
    pub fn enqueue(&mut self, event: Outgoing) {
        self.outbox.push(event);
    }

    /// Says what the audit log is to hold of this transaction; written with
    /// [`Tx::commit`]. Commands do it through `galen_service::Command`.
    pub fn audit(&mut self, entries: serde_json::Value) {
        self.audit = Some(entries);
    }

    /// How many events wait for the commit; with [`Tx::forget_since`] lets a batch
    /// consumer undo one handler's events together with its savepoint.
    #[must_use]
    pub fn outbox_len(&self) -> usize {
        self.outbox.len()
    }

    /// Forgets the events added since [`Tx::outbox_len`] said `len`.
    pub fn forget_since(&mut self, len: usize) {
        self.outbox.truncate(len);
    }

    /// A timer for this instant was set; whoever fires timers hears of it after the
    /// commit. Use `galen_eventing::Timers::set_timer`.
    pub fn timer_set(&mut self, at: Timestamp) {
        self.timer = Some(self.timer.map_or(at, |known| known.min(at)));
    }

    /// Rings after the commit, for somebody who looks for what this transaction wrote:
    /// told earlier, they would look too early.
    pub fn ring(&mut self, bell: &Arc<Notify>) {
        if !self.bells.iter().any(|known| Arc::ptr_eq(known, bell)) {
            self.bells.push(Arc::clone(bell));
        }
    }

    /// Writes the outbox (`events.publish`, which takes the key locks in order and
    /// refuses other services' topics) and the entries of the audit log
    /// (`audit.record`) in one statement, commits, and wakes the sequencer.
    ///
    /// # Errors
    /// When the database refuses or is lost. After a lost connection the outcome
    /// is unknown to the caller; idempotency keys make the retry safe.
    pub async fn commit(mut self) -> Result<(), Error> {
        let published = !self.outbox.is_empty();
        if published {
            let outbox = std::mem::take(&mut self.outbox);
            let mut ids = Vec::with_capacity(outbox.len());
            let (mut topics, mut keys, mut types) = (Vec::new(), Vec::new(), Vec::new());
            let (mut headers, mut data) = (Vec::new(), Vec::new());
            for event in outbox {
                ids.push(event.id);
                topics.push(event.topic);
                keys.push(event.key);
                types.push(event.event_type);
                headers.push(event.headers);
                data.push(event.data);
            }
            let audit = self.audit.take();
            let publish = if audit.is_some() {
                sqlx::query("select events.publish($1, $2, $3, $4, $5, $6), audit.record($7)")
            } else {
                sqlx::query("select events.publish($1, $2, $3, $4, $5, $6)")
            };
            let mut publish = publish
                .bind(ids)
                .bind(topics)
                .bind(keys)
                .bind(types)
                .bind(headers)
                .bind(data);
            if let Some(audit) = audit {
                publish = publish.bind(audit);
            }
            publish.execute(&mut *self.inner).await?;
        }
        if let Some(audit) = self.audit.take() {
            sqlx::query("select audit.record($1)")
                .bind(audit)
                .execute(&mut *self.inner)
                .await?;
        }
        self.inner.commit().await?;
        if published {
            self.wake.notify();
        }
        if let Some(at) = self.timer {
            self.wake.notify_timer(at);
        }
        for bell in self.bells {
            bell.notify_one();
        }
        Ok(())
    }

    /// Undoes everything.
    ///
    /// # Errors
    /// When the connection is lost, which undoes everything as well.
    pub async fn rollback(self) -> Result<(), Error> {
        Ok(self.inner.rollback().await?)
    }
}

impl Deref for Tx {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.inner
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.inner
    }
}
