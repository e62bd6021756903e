//! Payers, tariffs and insurance plans.
//!
//! | What | Where |
//! |---|---|
//! | who pays besides patients | [`payer`] |
//! | what a service costs, by day, payer and class of encounter | [`tariff`] |
//! | versions of plans, checked with their own examples | [`plan`] |

pub mod payer;
pub mod plan;
pub mod tariff;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;

pub use payer::PayerId;
pub use tariff::{Priced, TariffId, price};

use crate::Billing;

/// Its part of the API.
pub(crate) fn routes() -> OpenApiRouter<Arc<Billing>> {
    OpenApiRouter::new()
}
