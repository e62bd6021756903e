//! The pages of this service's problems.

use galen_service::ProblemPage;

/// One page per code.
pub(crate) const PAGES: &[ProblemPage] = &[];
