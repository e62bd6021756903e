//! What the backbone measures. Labels are groups, topics and services: as many as
//! the source names, never a key.

/// Events handed to a transaction, by `topic`.
pub const PUBLISHED: &str = "galen_events_published_total";
/// Seconds since the sequencer last succeeded in looking.
pub const TICK_AGE: &str = "galen_events_tick_age_seconds";
/// Events applied, by `group`.
pub const APPLIED: &str = "galen_events_applied_total";
/// Time of a handler, or of one batch, by `group`, in seconds.
pub const HANDLER_SECONDS: &str = "galen_events_handler_seconds";
/// Failures of handlers, by `group` and `class` of failure.
pub const FAILED: &str = "galen_events_failed_total";
/// Events behind the head, by `group` and `topic`.
pub const LAG: &str = "galen_events_lag";
/// Age of the oldest event behind the head, by `group` and `topic`, in seconds.
pub const LAG_SECONDS: &str = "galen_events_lag_seconds";
/// Dead letters, by `group` and `topic`.
pub const DEAD: &str = "galen_events_dead_letters";
/// Keys that wait behind a failure, by `group` and `topic`.
pub const PARKED: &str = "galen_events_parked_keys";
/// Partitions that wait because something they stand on is away, by `group`.
pub const PAUSED: &str = "galen_events_paused_partitions";
/// Effects given up because the partition had another owner by then, by `group`.
pub const FENCED: &str = "galen_events_fenced_total";
/// Timers fired, by `service`.
pub const TIMERS_FIRED: &str = "galen_timers_fired_total";
/// How late timers fired, by `service`, in seconds.
pub const TIMERS_LATE: &str = "galen_timers_late_seconds";
/// Failures of timers, by `service`.
pub const TIMERS_FAILED: &str = "galen_timers_failed_total";

/// Says once what each metric means, to whatever recorder is installed.
pub(crate) fn describe() {
    metrics::describe_counter!(PUBLISHED, "Events handed to a transaction.");
    metrics::describe_gauge!(
        TICK_AGE,
        metrics::Unit::Seconds,
        "Since the sequencer last looked."
    );
    metrics::describe_counter!(APPLIED, "Events applied by a group.");
    metrics::describe_histogram!(
        HANDLER_SECONDS,
        metrics::Unit::Seconds,
        "Time of a handler or a batch."
    );
    metrics::describe_counter!(FAILED, "Failures of a group's handlers.");
    metrics::describe_gauge!(LAG, "Events that a group has not applied yet.");
    metrics::describe_gauge!(
        LAG_SECONDS,
        metrics::Unit::Seconds,
        "Age of the oldest event not applied yet."
    );
    metrics::describe_gauge!(DEAD, "Dead letters of a group.");
    metrics::describe_gauge!(PARKED, "Keys that wait behind a failure.");
    metrics::describe_gauge!(PAUSED, "Partitions that wait for infrastructure.");
    metrics::describe_counter!(FENCED, "Effects given up to another owner.");
    metrics::describe_counter!(TIMERS_FIRED, "Timers fired.");
    metrics::describe_histogram!(
        TIMERS_LATE,
        metrics::Unit::Seconds,
        "How late timers fired."
    );
    metrics::describe_counter!(TIMERS_FAILED, "Failures of timers.");
}

/// Sets the gauges of what waits.
pub(crate) fn record(lag: &[crate::operations::Lag]) {
    for lag in lag {
        let labels = [("group", lag.group.clone()), ("topic", lag.topic.clone())];
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
        for (name, value) in [
            (LAG, lag.events as f64),
            (LAG_SECONDS, lag.age_ms as f64 / 1000.0),
            (DEAD, lag.dead as f64),
            (PARKED, lag.parked_keys as f64),
        ] {
            metrics::gauge!(name, &labels).set(value);
        }
    }
}
