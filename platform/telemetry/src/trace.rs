//! The trace of the current task.

use galen_kernel::TraceContext;
use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState,
};
use tracing::{Instrument as _, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

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

/// Runs a future as the next step of a trace, or as the first of a new one, under a
/// span. Where traces are exported, the exported span and [`current`] are the same
/// step, so that what the work calls and publishes hangs below it.
///
/// The span should be made with `parent: None`: its parent is the given step.
pub async fn in_span<F: Future>(span: Span, parent: Option<TraceContext>, work: F) -> F::Output {
    let step = step(&span, parent);
    CURRENT.scope(step, work.instrument(span)).await
}

/// Ties a span to the trace and reads the step it then is.
fn step(span: &Span, parent: Option<TraceContext>) -> TraceContext {
    if let Some(parent) = parent {
        let remote = opentelemetry::Context::new().with_remote_span_context(exported(parent));
        // Fails where nothing is exported; then the step below has the same parent.
        let _ = span.set_parent(remote);
    }
    let context = span.context();
    let context = context.span().span_context().clone();
    if context.is_valid() {
        return TraceContext {
            trace_id: context.trace_id().to_bytes(),
            span_id: context.span_id().to_bytes(),
            sampled: context.is_sampled(),
        };
    }
    parent.map_or_else(TraceContext::root, |parent| parent.child())
}

fn exported(trace: TraceContext) -> SpanContext {
    let flags = if trace.sampled {
        TraceFlags::SAMPLED
    } else {
        TraceFlags::default()
    };
    SpanContext::new(
        TraceId::from_bytes(trace.trace_id),
        SpanId::from_bytes(trace.span_id),
        flags,
        true,
        TraceState::NONE,
    )
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use opentelemetry::trace::TracerProvider as _;
    use opentelemetry_sdk::error::OTelSdkResult;
    use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[derive(Debug, Clone, Default)]
    struct Exported(Arc<Mutex<Vec<SpanData>>>);

    impl SpanExporter for Exported {
        async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
            self.0.lock().unwrap().extend(batch);
            Ok(())
        }
    }

    #[tokio::test]
    async fn an_exported_span_is_the_step_that_the_work_sees() {
        let exported = Exported::default();
        let provider = SdkTracerProvider::builder()
            .with_simple_exporter(exported.clone())
            .build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
        let guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));

        let caller = TraceContext::root();
        let seen = in_span(
            tracing::info_span!(parent: None, "outer"),
            Some(caller),
            async {
                let outer = current().unwrap();
                let inner = in_span(
                    tracing::info_span!(parent: None, "inner"),
                    Some(outer),
                    async { current().unwrap() },
                )
                .await;
                (outer, inner)
            },
        );
        let (outer, inner) = seen.await;
        let alone = in_span(tracing::info_span!(parent: None, "alone"), None, async {
            current().unwrap()
        })
        .await;
        drop(guard);
        provider.shutdown().unwrap();

        assert_eq!(
            (outer.trace_id, inner.trace_id),
            (caller.trace_id, caller.trace_id)
        );
        assert_ne!(alone.trace_id, caller.trace_id);
        let spans = exported.0.lock().unwrap();
        let find = |name: &str| spans.iter().find(|span| span.name == name).unwrap();
        assert_eq!(find("outer").parent_span_id.to_bytes(), caller.span_id);
        assert_eq!(
            find("outer").span_context.span_id().to_bytes(),
            outer.span_id
        );
        assert_eq!(find("inner").parent_span_id.to_bytes(), outer.span_id);
        assert_eq!(
            find("alone").span_context.trace_id().to_bytes(),
            alone.trace_id
        );
    }

    #[tokio::test]
    async fn without_an_exporter_a_step_follows_its_parent_all_the_same() {
        let caller = TraceContext {
            sampled: false,
            ..TraceContext::root()
        };
        let step = in_span(tracing::info_span!("x"), Some(caller), async {
            current().unwrap()
        })
        .await;
        assert_eq!((step.trace_id, step.sampled), (caller.trace_id, false));
        assert_ne!(step.span_id, caller.span_id);
        assert_eq!(current(), None);
    }
}
