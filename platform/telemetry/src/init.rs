//! Setting telemetry up, once per process.

use std::io::IsTerminal as _;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::WithExportConfig as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer};

use crate::line::{Human, Json};
use crate::{describe, process};

/// Buckets of everything measured in seconds: fine where the targets are (some
/// milliseconds), up to the longest time-out.
const SECONDS: &[f64] = &[
    0.000_5, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0,
    2.5, 5.0, 10.0, 30.0,
];

/// How often the recorder folds samples into buckets when nobody asks for them.
const UPKEEP: Duration = Duration::from_secs(5);

/// The recorder of this process.
static METRICS: OnceLock<PrometheusHandle> = OnceLock::new();

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For a terminal.
    Human,
    /// One JSON object a line.
    Json,
}

/// What to record and where to.
#[derive(Debug, Clone)]
pub struct TelemetryOptions {
    /// Look of log lines, on standard error.
    pub format: LogFormat,
    /// `tracing` filter, e.g. `info,galen_eventing=debug`.
    pub filter: String,
    /// OTLP endpoint (gRPC); `None` exports nothing.
    pub otlp_endpoint: Option<String>,
    /// `service.name` of exported traces.
    pub service_name: String,
}

/// Why telemetry cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is not one.
    #[error("log filter: {0}")]
    Filter(String),
    /// The exporter cannot be built.
    #[error("OTLP exporter: {0}")]
    Exporter(String),
    /// It was set up before.
    #[error("telemetry is already set up")]
    Twice,
}

/// Set-up telemetry; flushes on [`Telemetry::shutdown`].
pub struct Telemetry {
    provider: Option<SdkTracerProvider>,
    /// Ends the upkeep when it is dropped.
    _alive: Arc<()>,
}

impl Telemetry {
    /// Installs logs, traces and the metrics recorder of this process. To be called
    /// within the tokio runtime that the process uses.
    ///
    /// # Errors
    /// [`TelemetryError`].
    pub fn init(options: &TelemetryOptions) -> Result<Self, TelemetryError> {
        let filter = EnvFilter::builder()
            .parse(&options.filter)
            .map_err(|e| TelemetryError::Filter(e.to_string()))?;
        let provider = options
            .otlp_endpoint
            .as_deref()
            .map(|endpoint| exporter(endpoint, &options.service_name))
            .transpose()?;
        // Spans of our own only: those of the exporter's HTTP client would export themselves.
        let exported = provider.as_ref().map(|provider| {
            tracing_opentelemetry::layer()
                .with_tracer(provider.tracer("galen"))
                .with_filter(Targets::new().with_target("galen", LevelFilter::INFO))
        });
        let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
        let lines = match options.format {
            LogFormat::Human => {
                let colours =
                    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
                lines.with_ansi(colours).event_format(Human).boxed()
            }
            LogFormat::Json => lines.with_ansi(false).event_format(Json).boxed(),
        };
        tracing_subscriber::registry()
            .with(exported)
            .with(lines.with_filter(filter))
            .try_init()
            .map_err(|_| TelemetryError::Twice)?;
        log_panics();

        let alive = Arc::new(());
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)
            .and_then(PrometheusBuilder::install_recorder)
            .map_err(|_| TelemetryError::Twice)?;
        describe::describe();
        tokio::spawn(upkeep(recorder.clone(), Arc::downgrade(&alive)));
        METRICS.set(recorder).map_err(|_| TelemetryError::Twice)?;
        Ok(Self {
            provider,
            _alive: alive,
        })
    }

    /// Metrics in Prometheus text format.
    #[must_use]
    pub fn render_metrics(&self) -> String {
        render_metrics()
    }

    /// Flushes what is not yet exported.
    pub fn shutdown(self) {
        if let Some(Err(error)) = self.provider.map(|provider| provider.shutdown()) {
            tracing::warn!(%error, "the last traces were not exported");
        }
    }
}

/// The metrics of this process in Prometheus text format; of the process alone where
/// [`Telemetry::init`] was not called.
#[must_use]
pub fn render_metrics() -> String {
    let mut text = METRICS
        .get()
        .map(PrometheusHandle::render)
        .unwrap_or_default();
    process::render(&mut text);
    text
}

fn exporter(endpoint: &str, service_name: &str) -> Result<SdkTracerProvider, TelemetryError> {
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .build()
        .map_err(|e| TelemetryError::Exporter(e.to_string()))?;
    let resource = Resource::builder()
        .with_service_name(service_name.to_owned())
        .build();
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(resource)
        .build())
}

async fn upkeep(recorder: PrometheusHandle, alive: Weak<()>) {
    let mut ticks = tokio::time::interval(UPKEEP);
    while alive.strong_count() > 0 {
        ticks.tick().await;
        recorder.run_upkeep();
    }
}

/// A panic is a log line like any other, with the trace it happened in.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let message = panic.payload_as_str().unwrap_or("without words");
        let location = panic.location().map(ToString::to_string);
        tracing::error!(location, "panicked: {message}");
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One test, because a process has one telemetry.
    #[tokio::test]
    async fn telemetry_is_set_up_once_and_then_measures() {
        let options = TelemetryOptions {
            format: LogFormat::Json,
            filter: "off".to_owned(),
            otlp_endpoint: None,
            service_name: "test".to_owned(),
        };
        let broken = TelemetryOptions {
            filter: "a=b=c".to_owned(),
            ..options.clone()
        };
        assert!(matches!(
            Telemetry::init(&broken),
            Err(TelemetryError::Filter(_))
        ));

        let telemetry = Telemetry::init(&options).unwrap();
        metrics::histogram!("galen_http_request_seconds", "route" => "/x").record(0.004);
        let text = telemetry.render_metrics();
        assert!(
            text.contains("galen_http_request_seconds_bucket{route=\"/x\",le=\"0.005\"} 1"),
            "{text}"
        );
        assert!(
            text.contains("galen_http_request_seconds_bucket{route=\"/x\",le=\"0.003\"} 0"),
            "{text}"
        );
        assert!(
            text.contains("# HELP galen_http_request_seconds "),
            "{text}"
        );

        assert!(matches!(
            Telemetry::init(&options),
            Err(TelemetryError::Twice)
        ));
        telemetry.shutdown();
    }
}
