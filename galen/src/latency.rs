//! How long things took, as percentiles.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;

/// Latencies by name, recorded from many tasks.
#[derive(Default)]
pub(crate) struct Latencies(Mutex<BTreeMap<&'static str, Histogram<u64>>>);

impl Latencies {
    /// Notes one.
    pub(crate) fn record(&self, name: &'static str, took: Duration) {
        let micros = u64::try_from(took.as_micros())
            .unwrap_or(u64::MAX)
            .clamp(1, 3_600_000_000);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let histogram = all.entry(name).or_insert_with(|| {
            Histogram::new_with_bounds(1, 3_600_000_000, 3).expect("these bounds are valid")
        });
        histogram.saturating_record(micros);
    }
}

/// A table of count, p50, p95, p99 and maximum in milliseconds.
impl fmt::Display for Latencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(
            f,
            "  {:<22} {:>7} {:>9} {:>9} {:>9} {:>9}",
            "", "count", "p50 ms", "p95 ms", "p99 ms", "max ms"
        )?;
        for (name, histogram) in all.iter() {
            let millis = |micros: u64| {
                // Microseconds shown as milliseconds with one digit, without a float.
                let tenths = (micros + 50) / 100;
                format!("{}.{}", tenths / 10, tenths % 10)
            };
            let at = |q: f64| millis(histogram.value_at_quantile(q));
            writeln!(
                f,
                "  {name:<22} {:>7} {:>9} {:>9} {:>9} {:>9}",
                histogram.len(),
                at(0.5),
                at(0.95),
                at(0.99),
                millis(histogram.max())
            )?;
        }
        Ok(())
    }
}
