//! Fires durable timers when they come due.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use galen_kernel::Timestamp;
use galen_storage::{Db, Error, Ts, Tx, Wake};
use sqlx::Row;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::cause::{self, Cause, caused_by};
use crate::log::ts;
use crate::timer::{Due, ErasedTimer};
use crate::{Failure, backoff, group, measure};

/// Most timers in one transaction.
const BATCH: i32 = 256;

/// Longest sleep: how late a timer of another process, or one whose notice was lost,
/// is seen; and how late a clock is noticed that was moved.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// Pause after something fired, so that timers close together fire together.
const GATHER: Duration = Duration::from_millis(5);

/// Pause when another process fires everything that is due.
const TAKEN: Duration = Duration::from_millis(20);

/// Pauses of a timer that fails: it is never given up.
const RETRY_BASE: Duration = Duration::from_secs(1);
const RETRY_CAP: Duration = Duration::from_secs(3600);

/// The timers of one service.
pub(crate) struct ServiceTimers {
    pub(crate) db: Db,
    pub(crate) permits: Arc<Semaphore>,
    pub(crate) handlers: BTreeMap<&'static str, Arc<dyn ErasedTimer>>,
}

/// Fires timers that come due.
pub(crate) struct Alarm {
    /// The owner of the `events` schema, which sees every timer.
    pub(crate) events: Db,
    pub(crate) wake: Wake,
    pub(crate) services: Vec<Arc<ServiceTimers>>,
    /// Look at once.
    pub(crate) kick: Arc<Notify>,
    /// Told after timers fired.
    pub(crate) progress: Arc<Notify>,
}

impl Alarm {
    /// Runs until `stop`.
    pub(crate) async fn run(self, stop: CancellationToken) {
        if self.services.is_empty() {
            return;
        }
        let mut failures = 0;
        while !stop.is_cancelled() {
            let sleep = match self.round(&stop).await {
                Ok(sleep) => {
                    failures = 0;
                    sleep
                }
                Err(error) => {
                    failures += 1;
                    if failures == 1 {
                        tracing::warn!(error = &error as &dyn std::error::Error, "timers wait");
                    }
                    backoff::half_jitter(
                        Duration::from_millis(50),
                        Duration::from_secs(5),
                        failures,
                    )
                }
            };
            self.sleep(sleep, failures > 0, &stop).await;
        }
    }

    /// Fires what is due; returns how long to sleep.
    async fn round(&self, stop: &CancellationToken) -> Result<Duration, Error> {
        let mut sleep = LONGEST_SLEEP;
        let next = self.next().await?;
        let due: Vec<_> = self
            .services
            .iter()
            .filter(|service| {
                let Some(at) = next.get(service.db.service()) else {
                    return false;
                };
                let wait = at.duration_since(service.db.clock().now());
                if wait.is_positive() {
                    sleep = sleep.min(wait.unsigned_abs());
                }
                !wait.is_positive()
            })
            .collect();
        if due.is_empty() {
            return Ok(sleep);
        }
        let fired =
            futures::future::try_join_all(due.iter().map(|service| service.fire_due(stop))).await?;
        self.progress.notify_waiters();
        Ok(if fired.into_iter().any(|any| any) {
            GATHER
        } else {
            TAKEN
        })
    }

    /// The next timer of each service that has one.
    async fn next(&self) -> Result<BTreeMap<String, Timestamp>, Error> {
        let (services, kinds): (Vec<_>, Vec<_>) = self
            .services
            .iter()
            .flat_map(|s| s.handlers.keys().map(|kind| (s.db.service(), *kind)))
            .unzip();
        let rows = sqlx::query("select service, min(next_at) as next_at from events.next_timers($1, $2) group by service")
            .bind(services)
            .bind(kinds)
            .fetch_all(self.events.pool())
            .await?;
        rows.iter()
            .map(|row| {
                Ok((
                    row.try_get("service")?,
                    row.try_get::<Ts, _>("next_at")?.to_jiff(),
                ))
            })
            .collect()
    }

    /// Sleeps until a timer is due, one is set that is due sooner, or somebody asks.
    async fn sleep(&self, sleep: Duration, failing: bool, stop: &CancellationToken) {
        let until = tokio::time::Instant::now() + sleep;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.kick.notified() => return,
                () = tokio::time::sleep_until(until) => return,
                at = self.wake.wait_timer(), if !failing => {
                    let soonest = self.services.iter().map(|s| at.duration_since(s.db.clock().now())).min();
                    let left = until.saturating_duration_since(tokio::time::Instant::now());
                    if soonest.is_some_and(|wait| wait.is_negative() || wait.unsigned_abs() < left) {
                        return;
                    }
                }
            }
        }
    }
}

/// A taken timer.
struct Taken {
    due: Due,
    headers: serde_json::Value,
    attempts: i32,
}

impl ServiceTimers {
    /// Fires every due timer once. Whether there was one.
    async fn fire_due(&self, stop: &CancellationToken) -> Result<bool, Error> {
        let _permit = self.permits.acquire().await;
        let kinds: Vec<&str> = self.handlers.keys().copied().collect();
        let mut any = false;
        while !stop.is_cancelled() {
            let mut tx = self.db.begin().await?;
            let taken = take(&mut tx, &kinds, BATCH, None).await?;
            any |= !taken.is_empty();
            let full = taken.len() == usize::try_from(BATCH).unwrap_or(usize::MAX);
            let named: Vec<_> = taken
                .iter()
                .map(|t| (t.due.kind.clone(), t.due.key.clone()))
                .collect();
            let fired = match self.fire_all(&mut tx, taken).await {
                Ok(()) => tx.commit().await.is_ok(),
                Err(_) => {
                    // At once, so that its locks do not hide the timers.
                    tx.rollback().await?;
                    false
                }
            };
            if !fired {
                for (kind, key) in named {
                    self.fire_alone(&kind, &key).await?;
                }
            }
            if !full {
                break;
            }
        }
        Ok(any)
    }

    async fn fire_all(&self, tx: &mut Tx, taken: Vec<Taken>) -> Result<(), Failure> {
        for timer in taken {
            self.fire(tx, timer).await?;
        }
        Ok(())
    }

    /// Fires one timer in a transaction of its own, and puts it off when it fails.
    async fn fire_alone(&self, kind: &str, key: &str) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        let Some(timer) = take(&mut tx, &[kind], 1, Some(key)).await?.pop() else {
            return tx.rollback().await;
        };
        let (fire_at, attempts) = (timer.due.fire_at, timer.attempts.unsigned_abs());
        let failure = match self.fire(&mut tx, timer).await {
            Ok(()) => match tx.commit().await {
                Ok(()) => return Ok(()),
                Err(error) => Failure::from(error),
            },
            Err(failure) => {
                tx.rollback().await?;
                failure
            }
        };
        let counts = !matches!(failure, Failure::Infrastructure(_));
        tracing::warn!(
            service = self.db.service(),
            kind,
            key,
            attempts,
            cause = group::explain(&failure),
            "a timer failed"
        );
        metrics::counter!(measure::TIMERS_FAILED, "service" => self.db.service()).increment(1);
        let pause =
            backoff::half_jitter(RETRY_BASE, RETRY_CAP, if counts { attempts + 1 } else { 1 });
        let now = self.db.clock().now();
        sqlx::query("select events.fail_timer($1, $2, $3, $4, $5, $6, $7)")
            .bind(kind)
            .bind(key)
            .bind(ts(fire_at))
            .bind(ts(now.saturating_add(pause).unwrap_or(now)))
            .bind(counts)
            .bind(group::class(&failure))
            .bind(group::explain(&failure))
            .execute(self.db.pool())
            .await?;
        Ok(())
    }

    async fn fire(&self, tx: &mut Tx, timer: Taken) -> Result<(), Failure> {
        let Some(handler) = self.handlers.get(timer.due.kind.as_str()) else {
            return Ok(());
        };
        let late = self.db.clock().now().duration_since(timer.due.fire_at);
        let (trace, correlation) = cause::read_headers(&timer.headers);
        let cause = Cause {
            correlation,
            ..Cause::default()
        };
        caused_by(cause, trace, group::guarded(handler.fire(tx, timer.due))).await?;
        metrics::counter!(measure::TIMERS_FIRED, "service" => self.db.service()).increment(1);
        metrics::histogram!(measure::TIMERS_LATE, "service" => self.db.service())
            .record(late.as_secs_f64().max(0.0));
        Ok(())
    }
}

/// Takes due timers of these kinds, soonest first; they are gone with the commit.
async fn take(
    tx: &mut Tx,
    kinds: &[&str],
    most: i32,
    key: Option<&str>,
) -> Result<Vec<Taken>, Error> {
    let now = tx.clock().now();
    let rows = sqlx::query(
        "select kind, key, fire_at, payload, headers, attempts from events.take_timers($1, $2, $3, $4) order by fire_at, kind, key",
    )
    .bind(kinds)
    .bind(ts(now))
    .bind(most)
    .bind(key)
    .fetch_all(tx.conn())
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Taken {
                due: Due {
                    kind: row.try_get("kind")?,
                    key: row.try_get("key")?,
                    fire_at: row.try_get::<Ts, _>("fire_at")?.to_jiff(),
                    payload: row.try_get("payload")?,
                },
                headers: row.try_get("headers")?,
                attempts: row.try_get("attempts")?,
            })
        })
        .collect()
}
