//! What `galen verify` looks for in this schema.

use galen_service::Check;

/// The invariants that SQL can look for.
pub(crate) const CHECKS: &[Check] = &[];
