//! How a log line looks. Both looks end every line that belongs to a trace with its id.

use std::fmt;

use galen_kernel::Clock;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// For a person: `2026-11-21T15:28:10.123456Z WARN galen_service::rest request …`.
pub(crate) struct Human;

/// For a machine: one JSON object a line.
pub(crate) struct Json;

fn now() -> String {
    format!("{:.6}", Clock::system().now())
}

impl<S, N> FormatEvent<S, N> for Human
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        let (level, target) = (metadata.level(), metadata.target());
        if writer.has_ansi_escapes() {
            write!(
                writer,
                "\x1b[2m{}\x1b[0m {}{level:>5}\x1b[0m \x1b[2m{target}\x1b[0m ",
                now(),
                colour(*level)
            )?;
        } else {
            write!(writer, "{} {level:>5} {target} ", now())?;
        }
        context.format_fields(writer.by_ref(), event)?;
        if let Some(trace) = crate::current() {
            write!(writer, " trace={}", trace.trace_id_hex())?;
        }
        writeln!(writer)
    }
}

const fn colour(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\x1b[31m",
        Level::WARN => "\x1b[33m",
        Level::INFO => "\x1b[32m",
        Level::DEBUG => "\x1b[34m",
        Level::TRACE => "\x1b[35m",
    }
}

impl<S, N> FormatEvent<S, N> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        let mut line = Map::new();
        line.insert("time".to_owned(), now().into());
        line.insert("level".to_owned(), metadata.level().as_str().into());
        line.insert("target".to_owned(), metadata.target().into());
        if let Some(trace) = crate::current() {
            line.insert("traceId".to_owned(), trace.trace_id_hex().into());
        }
        event.record(&mut Fields(&mut line));
        writeln!(writer, "{}", Value::Object(line))
    }
}

/// Collects an event's fields with their types.
struct Fields<'a>(&'a mut Map<String, Value>);

impl Fields<'_> {
    fn put(&mut self, field: &Field, value: Value) {
        self.0.insert(field.name().to_owned(), value);
    }
}

impl Visit for Fields<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        // Beyond 64 bits it would not be a number to most readers of JSON.
        self.put(
            field,
            u64::try_from(value).map_or_else(|_| value.to_string().into(), Value::from),
        );
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}").into());
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use galen_kernel::TraceContext;
    use tracing_subscriber::fmt::MakeWriter;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Sink {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    impl Sink {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    #[tokio::test]
    async fn a_line_of_json_carries_its_fields_and_its_trace() {
        let sink = Sink::default();
        let layer = tracing_subscriber::fmt::layer()
            .event_format(Json)
            .with_writer(sink.clone());
        let guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
        let trace = TraceContext::root();
        crate::in_trace(trace, async {
            tracing::warn!(status = 503, slow = true, "a \"request\"")
        })
        .await;
        tracing::info!("alone");
        drop(guard);

        let text = sink.text();
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines[0]["message"], "a \"request\"");
        assert_eq!(
            (&lines[0]["status"], &lines[0]["slow"]),
            (&Value::from(503), &Value::from(true))
        );
        assert_eq!(lines[0]["traceId"], trace.trace_id_hex());
        assert_eq!(lines[1].get("traceId"), None);
    }

    #[tokio::test]
    async fn a_line_for_a_person_ends_with_its_trace() {
        let sink = Sink::default();
        let layer = tracing_subscriber::fmt::layer()
            .event_format(Human)
            .with_ansi(false)
            .with_writer(sink.clone());
        let guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
        let trace = TraceContext::root();
        crate::in_trace(trace, async { tracing::info!(status = 200, "request") }).await;
        drop(guard);

        let text = sink.text();
        assert!(
            text.contains(" INFO galen_telemetry::line::tests request status=200 trace="),
            "{text}"
        );
        assert!(
            text.ends_with(&format!("{}\n", trace.trace_id_hex())),
            "{text}"
        );
    }
}
