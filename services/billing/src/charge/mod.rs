//! What was done that somebody pays for.
//!
//! A charge follows from something that happened, once, or is made by hand with a
//! reason. What has no price in force waits for one, where the desk sees it
//! (`GET /charges?status=HELD`); it never costs nothing by mistake. What is on an
//! invoice does not change any more: it is taken off by cancelling or crediting that,
//! taken back, and charged again.

pub mod add;
pub mod capture;
pub mod error;
pub mod find;
pub mod get;
pub mod model;
pub mod price;
pub mod store;
pub mod view;
pub mod void;

use std::sync::Arc;
use std::time::Duration;

use galen_service::Job;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Billing;

/// How often it is looked whether what waits for a price has one: tariffs change rarely.
const REPRICE: Duration = Duration::from_secs(60);

/// Its part of the API.
pub(crate) fn routes() -> OpenApiRouter<Arc<Billing>> {
    OpenApiRouter::new()
        .routes(routes!(find::find, add::add))
        .routes(routes!(get::get))
        .routes(routes!(void::void))
        .routes(routes!(price::reprice))
}

/// Its work.
pub(crate) fn jobs(billing: &Arc<Billing>) -> Vec<Job> {
    let pricing = Arc::clone(billing);
    vec![Job::new("billing.price", REPRICE, move || {
        let billing = Arc::clone(&pricing);
        async move { price::price_waiting(&billing).await }
    })]
}
