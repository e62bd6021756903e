//! What the current task works for: the event or timer that caused it.

use galen_kernel::TraceContext;
use uuid::Uuid;

/// Goes from what is handled into the headers of what is published meanwhile.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cause {
    /// The event being handled.
    pub(crate) event: Option<Uuid>,
    /// The command or event that began the journey.
    pub(crate) correlation: Option<Uuid>,
    /// A projection is being rebuilt: nothing is published and no timer is set.
    pub(crate) replay: bool,
}

tokio::task_local! {
    static CURRENT: Cause;
}

/// What the current task works for; nothing outside of handlers.
pub(crate) fn current() -> Cause {
    CURRENT.try_with(|cause| *cause).unwrap_or_default()
}

/// Runs a handler as caused by `cause`, as the next step of the publisher's trace.
pub(crate) async fn caused_by<F: Future>(
    cause: Cause,
    publisher: Option<TraceContext>,
    work: F,
) -> F::Output {
    let span = tracing::info_span!(parent: None, "effect", otel.kind = "consumer");
    galen_telemetry::in_span(span, publisher, CURRENT.scope(cause, work)).await
}

/// CloudEvents extension attributes for what the current task publishes or sets.
pub(crate) fn headers() -> serde_json::Value {
    let cause = current();
    let mut headers = serde_json::Map::new();
    if let Some(trace) = galen_telemetry::current() {
        headers.insert("traceparent".to_owned(), trace.to_string().into());
    }
    if let Some(event) = cause.event {
        headers.insert("causationid".to_owned(), event.to_string().into());
    }
    if let Some(correlation) = cause.correlation {
        headers.insert("correlationid".to_owned(), correlation.to_string().into());
    }
    headers.into()
}

/// Reads [`headers`] back: the publisher's trace and the correlation.
pub(crate) fn read_headers(headers: &serde_json::Value) -> (Option<TraceContext>, Option<Uuid>) {
    let text = |name: &str| headers.get(name).and_then(serde_json::Value::as_str);
    (
        text("traceparent").and_then(TraceContext::parse),
        text("correlationid").and_then(|id| id.parse().ok()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_handler_passes_its_cause_on() {
        let publisher = TraceContext::root();
        let cause = Cause {
            event: Some(Uuid::from_u128(1)),
            correlation: Some(Uuid::from_u128(2)),
            replay: false,
        };
        let headers = caused_by(cause, Some(publisher), async { headers() }).await;
        let (trace, correlation) = read_headers(&headers);
        assert_eq!(trace.map(|t| t.trace_id), Some(publisher.trace_id));
        assert_ne!(trace.map(|t| t.span_id), Some(publisher.span_id));
        assert_eq!(correlation, Some(Uuid::from_u128(2)));
        assert_eq!(headers["causationid"], Uuid::from_u128(1).to_string());
    }

    #[test]
    fn outside_of_handlers_nothing_is_claimed() {
        assert_eq!(headers(), serde_json::json!({}));
        assert_eq!(
            read_headers(&serde_json::json!({ "traceparent": 7, "correlationid": "x" })),
            (None, None)
        );
    }
}
