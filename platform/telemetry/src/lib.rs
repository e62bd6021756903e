//! Traces, metrics and logs that carry the trace id.

mod describe;
pub mod init;
mod line;
mod process;
pub mod trace;

pub use init::{LogFormat, Telemetry, TelemetryError, TelemetryOptions, render_metrics};
pub use trace::{current, in_span, in_trace};
