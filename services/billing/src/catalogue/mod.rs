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

use galen_contracts::billing::v1::payer_directory_server::PayerDirectoryServer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use payer::PayerId;
pub use tariff::{Priced, TariffId, price};

use crate::Billing;

/// Its part of the API.
pub(crate) fn routes() -> OpenApiRouter<Arc<Billing>> {
    OpenApiRouter::new()
        .routes(routes!(payer::register::register, payer::find::find))
        .routes(routes!(payer::get::get, payer::revise::revise))
        .routes(routes!(tariff::set::set, tariff::find::find))
        .routes(routes!(tariff::end::end))
        .routes(routes!(plan::register::register, plan::find::find))
        .routes(routes!(plan::get::get))
        .routes(routes!(plan::publish::publish, plan::versions::versions))
        .routes(routes!(plan::versions::version))
}

/// Its part of what other services may ask.
pub(crate) fn serve(billing: &Arc<Billing>, routes: &mut tonic::service::RoutesBuilder) {
    let payers = payer::rpc::Payers(Arc::clone(billing));
    routes.add_service(PayerDirectoryServer::new(payers));
}
