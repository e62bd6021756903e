//! Who is expected to pay what: policies, what was counted under them, estimates.
//!
//! [`policies`] asks who insures a patient on a day, and looks up by which versions of
//! plans; [`fn@work_out`] applies them, the first payer first, to what was done. It changes
//! nothing, so an estimate is the same call as the real thing. What is final is counted
//! with [`post`], and taken back with [`reverse`].
//!
//! **Counting under one lock.** All that is counted under a contract is counted under the
//! lock of its row, and only as long as nothing was counted since it was looked at: who
//! takes [`lock`] before [`fn@work_out`] in one transaction is sure of that, whoever does
//! not hears [`CoverError::Moved`] and works it out again. So no limit is ever passed.

pub mod ask;
pub mod error;
pub mod estimate;
pub mod insured;
pub mod model;
pub mod rpc;
pub mod store;
pub mod view;
pub mod work_out;

use std::sync::Arc;

use galen_contracts::billing::v1::pricing_server::PricingServer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use error::CoverError;
pub use insured::{over, policies};
pub use model::{Agreed, Cover, LineShare, Period, Service, Share, Shares};
pub(crate) use store::books;
pub use store::{lock, post, reverse};
pub use work_out::{again, work_out};

use crate::Billing;

/// Its part of the API.
pub(crate) fn routes() -> OpenApiRouter<Arc<Billing>> {
    OpenApiRouter::new().routes(routes!(ask::ask))
}

/// Its part of what other services may ask.
pub(crate) fn serve(billing: &Arc<Billing>, routes: &mut tonic::service::RoutesBuilder) {
    routes.add_service(PricingServer::new(rpc::Prices(Arc::clone(billing))));
}
