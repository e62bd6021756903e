//! Payment plans: what is owed is paid in instalments.
//!
//! Somebody proposes a plan for invoices of a patient, and the patient, or a desk for
//! them, agrees. What is paid of the invoices, whichever way, covers the instalments in
//! the order of their days. A plan is over when all of it is paid; when an instalment is
//! not paid some days after its day it is not followed any more, and everything that is
//! left is owed at once again.
//!
//! | File | What |
//! |---|---|
//! | [`model`] | the rules: pure |
//! | [`propose`], [`agree`], [`cancel`] | its commands |
//! | [`find`], [`get`] | its questions |
//! | [`mod@follow`] | what happens when something is paid, or not |

pub mod agree;
pub mod cancel;
pub mod error;
pub mod find;
pub mod follow;
pub mod get;
pub mod model;
pub mod propose;
pub mod settings;
pub mod store;
pub mod view;

use std::sync::Arc;
use std::time::Duration;

use galen_service::Job;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Billing;

/// How often it is looked for instalments that were not paid.
const LOOK: Duration = Duration::from_secs(600);

/// Its part of the API.
pub(crate) fn routes() -> OpenApiRouter<Arc<Billing>> {
    OpenApiRouter::new()
        .routes(routes!(find::find, propose::propose))
        .routes(routes!(get::get))
        .routes(routes!(agree::agree))
        .routes(routes!(cancel::cancel))
}

/// Its work.
pub(crate) fn jobs(billing: &Arc<Billing>) -> Vec<Job> {
    let looking = Arc::clone(billing);
    let job = Job::new("billing.payment-plans", LOOK, move || {
        let billing = Arc::clone(&looking);
        async move { follow::give_up_all(&billing).await }
    });
    vec![job]
}
