//! What the queue of webhooks looks like from outside.

use std::time::Duration;

use galen_kernel::{Problem, Timestamp};
use galen_storage::Db;

use super::model::Verdict;
use super::store;

const WAITING: &str = "galen_webhooks_waiting";
const OVERDUE: &str = "galen_webhooks_overdue_seconds";
const ATTEMPTS: &str = "galen_webhook_attempts_total";
const SECONDS: &str = "galen_webhook_attempt_seconds";

/// Describes the metrics to the recorder.
pub(crate) fn describe() {
    use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

    describe_gauge!(WAITING, "Webhooks that wait to be sent, or sent again.");
    describe_gauge!(
        OVERDUE,
        Unit::Seconds,
        "For how long the webhook has been due that is most overdue."
    );
    describe_counter!(ATTEMPTS, "Webhooks that were posted, by what came of it.");
    describe_histogram!(SECONDS, Unit::Seconds, "Time until a webhook was answered.");
}

/// Counts an attempt.
pub(crate) fn attempted(verdict: Verdict, latency: Duration) {
    let outcome = match verdict {
        Verdict::Delivered => "delivered",
        Verdict::Again(_) => "again",
        Verdict::GivenUp => "given_up",
        Verdict::Gone => "gone",
    };
    metrics::counter!(ATTEMPTS, "outcome" => outcome).increment(1);
    metrics::histogram!(SECONDS).record(latency.as_secs_f64());
}

/// Measures the queue; gives its depth.
pub(crate) async fn measure(db: &Db, now: Timestamp) -> Result<u64, Problem> {
    let (waiting, oldest) = store::depth(db.pool()).await?;
    let overdue = oldest.map_or(0.0, |at| now.duration_since(at).as_secs_f64().max(0.0));
    metrics::gauge!(WAITING).set(f64::from(i32::try_from(waiting).unwrap_or(i32::MAX)));
    metrics::gauge!(OVERDUE).set(overdue);
    Ok(0)
}
