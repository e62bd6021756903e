//! The trace of the current task.

use galen_kernel::TraceContext;

tokio::task_local! {
    static CURRENT: TraceContext;
}

/// The trace this task works for, if any.
#[must_use]
pub fn current() -> Option<TraceContext> {
    CURRENT.try_with(|trace| *trace).ok()
}

/// Runs a future as part of a trace: its events, calls and log lines carry it.
pub async fn in_trace<F: Future>(trace: TraceContext, work: F) -> F::Output {
    CURRENT.scope(trace, work).await
}
