//! Payments from wallet to wallet, and from a wallet to what is owed.
//!
//! A payment is a hold of the ledger with the same id, and the facts that go with it. It
//! has no state of its own: what became of it is read from its hold, so that there is
//! nothing that could say otherwise, or that two could change at once.
//!
//! ```text
//!              capture                     refund                  refund
//! AUTHORIZED ──────────→ CAPTURED ──────────────────→ PARTIALLY_ ──────────→ REFUNDED
//!     │                     └──────────────────────────REFUNDED───────────────↑
//!     ├── void ──→ VOIDED
//!     └── its time ends ──→ EXPIRED
//! ```
//!
//! Others hear of it from the [announcer](announce), which reads the ledger's postings
//! in their order: what was posted is told, and nothing else is.

pub mod announce;
pub mod find;
pub mod get;
pub mod make;
pub mod model;
pub mod rpc;
pub mod settle;
pub(crate) mod store;
pub mod view;
pub mod words;

pub use model::{Capture, Payment, Status};

use std::sync::Arc;
use std::time::Duration;

use galen_contracts::securepay::v1::payment_service_server::PaymentServiceServer;
use galen_service::Job;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::SecurePay;

/// How often the announcer looks when no bell rings: another process may be the writer.
const TICK: Duration = Duration::from_secs(1);

/// Its part of the API.
pub(crate) fn routes() -> OpenApiRouter<Arc<SecurePay>> {
    OpenApiRouter::new()
        .routes(routes!(make::make, find::find))
        .routes(routes!(get::get))
        .routes(routes!(settle::capture))
        .routes(routes!(settle::void))
        .routes(routes!(settle::refund))
}

/// Its part of what other services may ask.
pub(crate) fn serve(pay: &Arc<SecurePay>, routes: &mut tonic::service::RoutesBuilder) {
    routes.add_service(PaymentServiceServer::new(rpc::Payments(Arc::clone(pay))));
}

/// Its work.
pub(crate) fn jobs(pay: &Arc<SecurePay>) -> Vec<Job> {
    let (bell, pay) = (pay.ledger.bell(), Arc::clone(pay));
    let announcing = Job::new("securepay.announce", TICK, move || {
        let pay = Arc::clone(&pay);
        async move { announce::run(&pay.db).await }
    });
    vec![announcing.woken_by(bell)]
}
