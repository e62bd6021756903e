//! `traceparent`: what is read is written the same way and read again.
#![no_main]

use galen_kernel::TraceContext;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|header: &str| {
    if let Some(trace) = TraceContext::parse(header) {
        let written = trace.to_string();
        assert_eq!(written.len(), 55);
        assert_eq!(TraceContext::parse(&written), Some(trace));
        assert_eq!(
            TraceContext::parse(&trace.child().to_string()).map(|t| t.trace_id),
            Some(trace.trace_id)
        );
    }
});
