//! Runs jobs on schedule, and remembers how their last runs went.

use std::borrow::Cow;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use galen_kernel::{Problem, Timestamp};
use galen_storage::Db;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Job;
use super::leader::Leadership;
use crate::outcome::chain;
use crate::rest::panic_message;

/// A failed job is tried again after this time, if it is not due earlier.
const RETRY: Duration = Duration::from_secs(30);

/// What is known of a job on this process.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    pub(crate) name: Cow<'static, str>,
    pub(crate) every: Duration,
    /// Whether this process runs it.
    pub(crate) leads: bool,
    pub(crate) running_since: Option<Timestamp>,
    pub(crate) last: Option<LastRun>,
}

/// How the last run went.
#[derive(Debug, Clone)]
pub(crate) struct LastRun {
    pub(crate) started_at: Timestamp,
    pub(crate) took: Duration,
    /// How many things it did, or the code of the problem.
    pub(crate) outcome: Result<u64, &'static str>,
}

/// A job that is being run here.
pub(crate) struct Scheduled {
    name: Cow<'static, str>,
    every: Duration,
    leadership: Leadership,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    running_since: Option<Timestamp>,
    last: Option<LastRun>,
}

impl Scheduled {
    /// What is known now.
    pub(crate) fn report(&self) -> Report {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        Report {
            name: self.name.clone(),
            every: self.every,
            leads: self.leadership.is_held(),
            running_since: state.running_since,
            last: state.last.clone(),
        }
    }
}

/// Runs a service's jobs until `stop`; what is running then finishes.
pub(crate) fn schedule(
    db: &Db,
    jobs: Vec<Job>,
    stop: &CancellationToken,
    tasks: &TaskTracker,
) -> Vec<Scheduled> {
    if jobs.is_empty() {
        return Vec::new();
    }
    // The lease is given back only after the last run has ended.
    let resigns = CancellationToken::new();
    let runs = TaskTracker::new();
    let (leadership, standing) = Leadership::of(db.clone(), resigns.clone());
    tasks.spawn(standing);
    let scheduled = jobs
        .into_iter()
        .map(|job| {
            let state = Arc::<Mutex<State>>::default();
            let scheduled = Scheduled {
                name: job.name.clone(),
                every: job.every,
                leadership: leadership.share(),
                state: Arc::clone(&state),
            };
            runs.spawn(repeat(
                job,
                db.clone(),
                leadership.share(),
                state,
                stop.clone(),
            ));
            scheduled
        })
        .collect();
    runs.close();
    tasks.spawn(async move {
        runs.wait().await;
        resigns.cancel();
    });
    scheduled
}

async fn repeat(
    job: Job,
    db: Db,
    mut leadership: Leadership,
    state: Arc<Mutex<State>>,
    stop: CancellationToken,
) {
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = leadership.held() => {}
        }
        let started = Instant::now();
        let succeeded = run(&job, &db, &state).await;
        let pause = if succeeded {
            job.every
        } else {
            job.every.min(RETRY)
        };
        let woken = async {
            match &job.wake {
                Some(wake) => wake.notified().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause.saturating_sub(started.elapsed())) => {}
            () = woken => {}
        }
    }
}

async fn run(job: &Job, db: &Db, state: &Mutex<State>) -> bool {
    let (started_at, started) = (db.clock().now(), Instant::now());
    set(state, |state| state.running_since = Some(started_at));
    let span = tracing::info_span!(parent: None, "job", job.name = &*job.name);
    let work = async {
        let outcome = AssertUnwindSafe((job.run)()).catch_unwind().await;
        let outcome =
            outcome.unwrap_or_else(|panic| Err(Problem::internal(panic_message(&*panic))));
        let took = started.elapsed();
        tell(&job.name, &outcome, took);
        LastRun {
            started_at,
            took,
            outcome: outcome.map_err(|problem| problem.code),
        }
    };
    let last = galen_telemetry::in_span(span, None, work).await;
    measure(&job.name, &last, db.clock().now());
    let succeeded = last.outcome.is_ok();
    set(state, |state| {
        *state = State {
            running_since: None,
            last: Some(last),
        };
    });
    succeeded
}

fn set(state: &Mutex<State>, change: impl FnOnce(&mut State)) {
    change(&mut state.lock().unwrap_or_else(PoisonError::into_inner));
}

fn tell(job: &str, outcome: &Result<u64, Problem>, took: Duration) {
    let us = took.as_micros();
    match outcome {
        Ok(0) => tracing::debug!(job, us, "a job ran"),
        Ok(items) => tracing::info!(job, items, us, "a job ran"),
        Err(problem) => tracing::warn!(job, us, error = chain(problem), "a job failed"),
    }
}

fn measure(job: &str, run: &LastRun, now: Timestamp) {
    let (job, outcome) = (
        job.to_owned(),
        if run.outcome.is_ok() {
            "success"
        } else {
            "failure"
        },
    );
    metrics::histogram!("galen_job_seconds", "job" => job.clone()).record(run.took.as_secs_f64());
    metrics::counter!("galen_job_runs_total", "job" => job.clone(), "outcome" => outcome)
        .increment(1);
    if let Ok(items) = run.outcome {
        metrics::counter!("galen_job_items_total", "job" => job.clone()).increment(items);
        metrics::gauge!("galen_job_last_success_timestamp_seconds", "job" => job)
            .set(now.as_duration().as_secs_f64());
    }
}
