//! Durable timers: something to be done at an instant, even if nobody runs then.

use std::sync::Arc;

use futures::future::BoxFuture;
use galen_kernel::Timestamp;
use galen_storage::{Error, Tx};

use crate::log::ts;
use crate::{Failure, cause};

/// Sets and removes timers as part of a transaction.
pub trait Timers {
    /// Fires `kind` for `key` at the instant, or as soon as possible after it.
    /// One timer per (service, kind, key): setting it again moves it. `payload`
    /// must hold no personal data.
    fn set_timer(
        &mut self,
        kind: &str,
        key: &str,
        fire_at: Timestamp,
        payload: serde_json::Value,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Removes a timer; nothing happens when there is none.
    fn cancel_timer(
        &mut self,
        kind: &str,
        key: &str,
    ) -> impl Future<Output = Result<(), Error>> + Send;
}

impl Timers for Tx {
    async fn set_timer(
        &mut self,
        kind: &str,
        key: &str,
        fire_at: Timestamp,
        payload: serde_json::Value,
    ) -> Result<(), Error> {
        if cause::current().replay {
            return Ok(());
        }
        sqlx::query("select events.set_timer($1, $2, $3, $4, $5)")
            .bind(kind)
            .bind(key)
            .bind(ts(fire_at))
            .bind(payload)
            .bind(cause::headers())
            .execute(self.conn())
            .await?;
        self.timer_set(fire_at);
        Ok(())
    }

    async fn cancel_timer(&mut self, kind: &str, key: &str) -> Result<(), Error> {
        if cause::current().replay {
            return Ok(());
        }
        sqlx::query("select events.cancel_timer($1, $2)")
            .bind(kind)
            .bind(key)
            .execute(self.conn())
            .await?;
        Ok(())
    }
}

/// Removes every timer of a kind whose key begins so.
pub(crate) async fn cancel_all(tx: &mut Tx, kind: &str, prefix: &str) -> Result<(), Error> {
    sqlx::query("select events.cancel_timers($1, $2)")
        .bind(kind)
        .bind(prefix)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// A timer that came due.
#[derive(Debug, Clone)]
pub struct Due {
    /// What it is for.
    pub kind: String,
    /// Whom it is for.
    pub key: String,
    /// When it was to fire.
    pub fire_at: Timestamp,
    /// What was given with it.
    pub payload: serde_json::Value,
}

/// Does what a timer was set for. The effect and the timer's removal commit together.
pub trait OnTimer: Send + Sync + 'static {
    /// Applies the timer in a transaction of the service's own database.
    fn on_timer(&self, tx: &mut Tx, due: Due) -> impl Future<Output = Result<(), Failure>> + Send;
}

pub(crate) trait ErasedTimer: Send + Sync {
    fn fire<'a>(&'a self, tx: &'a mut Tx, due: Due) -> BoxFuture<'a, Result<(), Failure>>;
}

impl<T: OnTimer> ErasedTimer for T {
    fn fire<'a>(&'a self, tx: &'a mut Tx, due: Due) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(self.on_timer(tx, due))
    }
}

/// Who handles a kind of timer of a service.
pub struct TimerSubscription {
    pub(crate) kind: &'static str,
    pub(crate) handler: Arc<dyn ErasedTimer>,
}

impl TimerSubscription {
    /// `kind` as given to [`Timers::set_timer`].
    #[must_use]
    pub fn new<H: OnTimer>(kind: &'static str, handler: Arc<H>) -> Self {
        Self { kind, handler }
    }
}
