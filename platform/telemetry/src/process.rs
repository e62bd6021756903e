//! The process itself as metrics: memory, processor time, open files. The names are
//! those of the Prometheus client libraries. Nothing is told where `/proc` is absent.

use std::fmt::Write as _;

/// `USER_HZ`: the unit of times in `/proc`, the same on every Linux architecture.
const TICKS_PER_SECOND: f64 = 100.0;

/// Appends the metrics in Prometheus text format.
pub(crate) fn render(out: &mut String) {
    let read = |file: &str| std::fs::read_to_string(format!("/proc/self/{file}")).ok();
    if let Some(bytes) = read("status").as_deref().and_then(resident_bytes) {
        metric(
            out,
            "process_resident_memory_bytes",
            "gauge",
            "Resident memory.",
            bytes,
        );
    }
    if let Some(seconds) = read("stat").as_deref().and_then(cpu_seconds) {
        metric(
            out,
            "process_cpu_seconds_total",
            "counter",
            "Processor time, user and system.",
            seconds,
        );
    }
    if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
        metric(
            out,
            "process_open_fds",
            "gauge",
            "Open file descriptors.",
            files.count(),
        );
    }
}

fn metric(out: &mut String, name: &str, kind: &str, help: &str, value: impl std::fmt::Display) {
    let written = write!(
        out,
        "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n\n"
    );
    written.expect("writing to a string does not fail");
}

/// `VmRSS` of `/proc/self/status`, which is in KiB.
fn resident_bytes(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace()
        .next()?
        .parse::<u64>()
        .ok()
        .map(|kib| kib * 1024)
}

/// Fields 14 and 15 of `/proc/self/stat`, counted behind the name of the program,
/// which may hold anything.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11).map(str::parse::<u32>);
    let (user, system) = (fields.next()?.ok()?, fields.next()?.ok()?);
    Some((f64::from(user) + f64::from(system)) / TICKS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_from_status() {
        assert_eq!(
            resident_bytes("VmPeak:\t 99 kB\nVmRSS:\t   12 kB\n"),
            Some(12 * 1024)
        );
        assert_eq!(resident_bytes("nothing"), None);
    }

    #[test]
    fn processor_time_is_read_behind_the_name() {
        let stat = "7 (a (b) c) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0";
        assert_eq!(cpu_seconds(stat), Some(2.0));
        assert_eq!(cpu_seconds("7 (a) S 1"), None);
    }

    #[test]
    fn each_metric_has_its_kind() {
        let mut out = String::new();
        metric(&mut out, "x_total", "counter", "Things.", 3);
        assert_eq!(
            out,
            "# HELP x_total Things.\n# TYPE x_total counter\nx_total 3\n\n"
        );
    }
}
