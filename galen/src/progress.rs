//! Progress of long work: a bar on a terminal, nothing in a pipe.

use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A progress display.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// A bar of `length` steps; silent when asked or when nobody watches.
    #[must_use]
    pub(crate) fn bar(what: &'static str, length: u64, quiet: bool) -> Self {
        let hidden = quiet || !std::io::stderr().is_terminal();
        let target = if hidden {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        };
        let bar = ProgressBar::with_draw_target(Some(length), target).with_message(what);
        if let Ok(style) = ProgressStyle::with_template("  {msg:<12} [{bar:32}] {pos}/{len} {eta}")
        {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// One more step is done.
    pub(crate) fn step(&self) {
        self.0.inc(1);
    }

    /// So many steps are done by now.
    pub(crate) fn reach(&self, steps: u64) {
        self.0.set_position(steps);
    }

    /// All is done.
    pub(crate) fn finish(&self) {
        self.0.finish_and_clear();
    }
}
