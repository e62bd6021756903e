//! The help texts of the platform's metrics, in one place.

/// Describes every metric of the platform to the recorder.
pub(crate) fn describe() {
    use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

    describe_histogram!(
        "galen_http_request_seconds",
        Unit::Seconds,
        "Time to the head of the answer, by method, route and status."
    );
    describe_histogram!(
        "galen_rpc_request_seconds",
        Unit::Seconds,
        "Time to answer another service, by method."
    );
    describe_histogram!(
        "galen_peer_request_seconds",
        Unit::Seconds,
        "Time to ask another service, by peer."
    );
    describe_counter!(
        "galen_peer_refused_total",
        "Questions that were not asked, because the peer keeps failing."
    );
    describe_histogram!(
        "galen_job_seconds",
        Unit::Seconds,
        "Time of one run of a job."
    );
    describe_counter!("galen_job_runs_total", "Runs of a job, by outcome.");
    describe_counter!("galen_job_items_total", "Things that a job did.");
    describe_gauge!(
        "galen_job_last_success_timestamp_seconds",
        Unit::Seconds,
        "When a job last succeeded, in Unix time."
    );
}
