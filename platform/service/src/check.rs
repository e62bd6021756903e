//! Invariants that `galen verify` checks on a live or stopped system.

/// One invariant: a query that returns a row, with a text in its first column, for
/// everything that is wrong. Run with the role of the service.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    /// `no practitioner is booked twice at a time`.
    pub name: &'static str,
    /// Returns what is wrong; nothing when all is well.
    pub sql: &'static str,
}
