//! The help texts of the gateway's metrics.

/// Describes them to the recorder.
pub(crate) fn describe() {
    use metrics::{describe_counter, describe_gauge};

    describe_counter!(
        "galen_edge_refusals_total",
        "Requests that the edge refused, by reason and class."
    );
    describe_gauge!(
        "galen_edge_buckets",
        "Token buckets of rate limits that are not full, by class."
    );
    describe_gauge!("galen_streams_open", "Live streams that are open.");
}
