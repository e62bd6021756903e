//! Whether the books agree with themselves and with the bank.

pub mod camt;
pub mod matching;
pub mod statement;
pub mod xml;

use std::sync::Arc;

use galen_service::Job;
use utoipa_axum::router::OpenApiRouter;

use crate::SecurePay;

/// Its part of the API.
pub(crate) fn routes() -> OpenApiRouter<Arc<SecurePay>> {
    OpenApiRouter::new()
}

/// Its work.
pub(crate) const fn jobs(_: &Arc<SecurePay>) -> Vec<Job> {
    Vec::new()
}
