//! Traces, metrics and logs that carry the trace id.

pub mod init;
pub mod trace;

pub use init::{LogFormat, Telemetry, TelemetryError, TelemetryOptions};
pub use trace::{current, in_trace};
