//! Setting telemetry up, once per process.

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
    _private: (),
}

impl Telemetry {
    /// Installs logs, traces and the metrics recorder of this process.
    ///
    /// # Errors
    /// [`TelemetryError`].
    pub fn init(options: &TelemetryOptions) -> Result<Self, TelemetryError> {
        let _ = options;
        todo!()
    }

    /// Metrics in Prometheus text format.
    #[must_use]
    pub fn render_metrics(&self) -> String {
        todo!()
    }

    /// Flushes what is not yet exported.
    pub fn shutdown(self) {
        todo!()
    }
}
