//! Claims to payers, and what they answered.
//!
//! | Folder or file | Owns |
//! |---|---|
//! | [`model`], [`position`], [`scrub`] | what a claim is, where its money is, what is wrong with it: pure |
//! | [`mod@prepare`] | what an invoice asks of insurers becomes claims |
//! | [`store`] | all SQL about claims |

pub mod model;
pub mod position;
pub mod prepare;
pub mod scrub;
pub mod store;

use std::sync::Arc;

use galen_service::Job;
use utoipa_axum::router::OpenApiRouter;

use crate::Billing;

pub use model::ClaimId;
pub use prepare::{Billed, Insurer, Preparation, prepare};

/// Its part of the API.
pub(crate) fn routes() -> OpenApiRouter<Arc<Billing>> {
    OpenApiRouter::new()
}

/// Its work.
pub(crate) const fn jobs(_: &Arc<Billing>) -> Vec<Job> {
    Vec::new()
}
