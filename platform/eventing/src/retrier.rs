//! Tries the first of a lane again when it is due, and goes on with what waits behind
//! it, in batches: one event a transaction would never catch up with a busy key.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use galen_storage::{Db, Error, Tx};
use sqlx::Row;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::backoff;
use crate::group::{self, Group};
use crate::lane::after_failure;
use crate::log::{self, Topic};
use crate::subscription::{Failure, Received};

/// Most events of a lane in one transaction.
const VISIT: i32 = 64;

/// How many lanes are visited at once.
const PARALLEL: usize = 4;

/// Longest sleep: how late a redrive from another process is noticed.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// Pause when another process visits everything that is due.
const TAKEN: Duration = Duration::from_millis(100);

/// Pause of a lane whose handler misses something that is away.
const AWAY: Duration = Duration::from_secs(2);

/// Visits lanes that are due.
pub(crate) struct Retrier {
    /// The owner of the `events` schema, which sees every lane.
    pub(crate) events: Db,
    pub(crate) groups: Vec<(Arc<Group>, Arc<Semaphore>)>,
    pub(crate) topics: HashMap<i16, Arc<Topic>>,
    /// Told when something was parked or an operator did something.
    pub(crate) lanes: Arc<Notify>,
    /// Told after every visit.
    pub(crate) progress: Arc<Notify>,
}

/// A lane that is due.
struct Due {
    group: String,
    topic: i16,
    key: String,
}

impl Retrier {
    /// Runs until `stop`.
    pub(crate) async fn run(self, stop: CancellationToken) {
        if self.groups.is_empty() {
            return;
        }
        let mut failures = 0;
        while !stop.is_cancelled() {
            let sleep = match self.due().await {
                Ok((due, next)) => {
                    failures = 0;
                    let none_due = due.is_empty();
                    let moved = futures::stream::iter(due)
                        .map(|due| self.visit_logged(due, &stop))
                        .buffer_unordered(PARALLEL)
                        .fold(false, |any, moved| async move { any || moved })
                        .await;
                    if moved {
                        self.progress.notify_waiters();
                        continue;
                    }
                    if none_due { next } else { TAKEN }
                }
                Err(error) => {
                    failures += 1;
                    if failures == 1 {
                        tracing::warn!(error = &error as &dyn std::error::Error, "retries wait");
                    }
                    backoff::half_jitter(
                        Duration::from_millis(50),
                        Duration::from_secs(5),
                        failures,
                    )
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.lanes.notified(), if failures == 0 => {}
                () = tokio::time::sleep(sleep) => {}
            }
        }
    }

    /// The lanes that are due, and how long to sleep if there are none.
    async fn due(&self) -> Result<(Vec<Due>, Duration), Error> {
        let names: Vec<&str> = self.groups.iter().map(|(group, _)| group.name).collect();
        let rows: Vec<(String, i16, String, f64)> =
            sqlx::query_as("select grp, topic, key, wait from events.due_lanes($1, $2)")
                .bind(names)
                .bind(VISIT)
                .fetch_all(self.events.pool())
                .await?;
        let next = rows.iter().map(|(.., wait)| *wait).find(|wait| *wait > 0.0);
        let sleep = next.map_or(LONGEST_SLEEP, |wait| {
            Duration::from_secs_f64(wait).min(LONGEST_SLEEP)
        });
        let due = rows
            .into_iter()
            .filter(|(.., wait)| *wait <= 0.0)
            .map(|(group, topic, key, _)| Due { group, topic, key })
            .collect();
        Ok((due, sleep))
    }

    /// Whether anything came of it.
    async fn visit_logged(&self, due: Due, stop: &CancellationToken) -> bool {
        let known = self
            .groups
            .iter()
            .find(|(group, _)| group.name == due.group);
        let (Some((group, permits)), Some(topic)) = (known, self.topics.get(&due.topic)) else {
            return false;
        };
        let _permit = permits.acquire().await;
        if stop.is_cancelled() {
            return false;
        }
        let (moved, away) = match visit(group, topic, &due.key).await {
            Ok(Visit::Nothing) => (false, None),
            Ok(Visit::Moved) => (true, None),
            Ok(Visit::Away(failure)) => (true, Some(failure)),
            Err(error) => (true, Some(Failure::from(error))),
        };
        if let Some(away) = away {
            tracing::warn!(
                group = group.name,
                key = due.key,
                cause = group::explain(&away),
                "a lane waits"
            );
            let postponed = sqlx::query("select events.postpone_lane($1, $2, $3, $4)")
                .bind(group.name)
                .bind(due.topic)
                .bind(&due.key)
                .bind(AWAY.mul_f64(rand::random_range(0.5..1.0)).as_secs_f64())
                .execute(group.db.pool())
                .await;
            if postponed.is_err() {
                tokio::time::sleep(AWAY).await;
            }
        }
        moved
    }
}

/// What came of a visit.
enum Visit {
    /// Nothing was due any more.
    Nothing,
    /// Events were applied, or failed once more.
    Moved,
    /// Something else was away.
    Away(Failure),
}

/// What stopped a visit.
struct Stopped {
    off: i64,
    attempts: u32,
    failure: Failure,
}

/// Applies the first events of a lane, in one transaction. When one fails, those
/// before it are applied again without it.
async fn visit(group: &Group, topic: &Topic, key: &str) -> Result<Visit, Error> {
    let mut most = VISIT;
    loop {
        let mut tx = group.db.begin().await?;
        let events = open(&mut tx, group, topic, key, most).await?;
        let Some(first) = events.first().map(|e| e.offset) else {
            tx.rollback().await?;
            return Ok(Visit::Nothing);
        };
        let mut done = Vec::with_capacity(events.len());
        let mut stopped = None;
        for event in events {
            let (off, attempts) = (event.offset, event.attempt);
            match group.apply(&mut tx, &Arc::new(event)).await {
                Ok(()) => done.push(off),
                Err(failure) => {
                    stopped = Some(Stopped {
                        off,
                        attempts,
                        failure,
                    });
                    break;
                }
            }
        }
        match stopped {
            None => {
                close(&mut tx, group, topic, key, &done, None).await?;
                match tx.commit().await {
                    // What was published with it cannot be: one at a time tells whose.
                    Err(error) if !error.is_transient() && done.len() > 1 => most = 1,
                    Err(error) if !error.is_transient() => {
                        return fail(group, topic, key, first, error.into()).await;
                    }
                    outcome => {
                        outcome?;
                        return Ok(Visit::Moved);
                    }
                }
            }
            Some(stopped) => {
                tx.rollback().await?;
                if !done.is_empty() {
                    most = i32::try_from(done.len()).unwrap_or(VISIT);
                } else if matches!(stopped.failure, Failure::Infrastructure(_)) {
                    return Ok(Visit::Away(stopped.failure));
                } else {
                    tracing::info!(
                        group = group.name,
                        topic = topic.name,
                        key,
                        offset = stopped.off,
                        attempts = stopped.attempts,
                        class = group::class(&stopped.failure),
                        "a retry failed"
                    );
                    return fail(group, topic, key, stopped.off, stopped.failure).await;
                }
            }
        }
    }
}

/// Writes down that the first of a lane failed once more.
async fn fail(
    group: &Group,
    topic: &Topic,
    key: &str,
    off: i64,
    failure: Failure,
) -> Result<Visit, Error> {
    let mut tx = group.db.begin().await?;
    let first = open(&mut tx, group, topic, key, 1).await?;
    match first.first() {
        // Between the two transactions somebody else may have dealt with it.
        Some(event) if event.offset == off => {
            let attempts = event.attempt;
            close(
                &mut tx,
                group,
                topic,
                key,
                &[],
                Some(&Stopped {
                    off,
                    attempts,
                    failure,
                }),
            )
            .await?;
            tx.commit().await?;
        }
        _ => tx.rollback().await?,
    }
    Ok(Visit::Moved)
}

/// Locks a lane and returns its first events if the first is due.
async fn open(
    tx: &mut Tx,
    group: &Group,
    topic: &Topic,
    key: &str,
    most: i32,
) -> Result<Vec<Received>, Error> {
    let rows = sqlx::query(
        "select off, part, attempts, id, type, at, headers, data from events.open_lane($1, $2, $3, $4)",
    )
    .bind(group.name)
    .bind(topic.id)
    .bind(key)
    .bind(most)
    .fetch_all(tx.conn())
    .await?;
    rows.iter()
        .map(|row| {
            let former: i32 = row.try_get("attempts")?;
            log::received(
                row,
                &topic.name,
                row.try_get("part")?,
                row.try_get("off")?,
                key.to_owned(),
                former.unsigned_abs() + 1,
            )
        })
        .collect()
}

/// Ends a visit: what is done leaves the lane, and the next may be tried.
async fn close(
    tx: &mut Tx,
    group: &Group,
    topic: &Topic,
    key: &str,
    done: &[i64],
    failed: Option<&Stopped>,
) -> Result<(), Error> {
    let (state, delay) = failed.map_or(("retry", 0.0), |f| {
        after_failure(&f.failure, f.attempts, &group.retry)
    });
    sqlx::query("select events.close_lane($1, $2, $3, $4, $5, $6, $7, $8, $9)")
        .bind(group.name)
        .bind(topic.id)
        .bind(key)
        .bind(done)
        .bind(failed.map(|f| f.off))
        .bind(state)
        .bind(failed.map(|f| group::class(&f.failure)))
        .bind(failed.map(|f| group::explain(&f.failure)))
        .bind(delay)
        .execute(tx.conn())
        .await?;
    Ok(())
}
