//! Invoices: who owes what, why, and what became of it.
//!
//! | File or folder | What |
//! |---|---|
//! | [`model`], [`event`], [`mod@decide`] | the invoice as the fold of its events: pure |
//! | [`adjudicate`] | who owes what of charges |
//! | [`draft`], [`issue`], [`cancel`], [`find`], [`get`] | its commands and questions |
//! | [`payment`] | paying it, from a wallet or in cash |
//! | [`adjustment`] | taking back, giving up, giving back |
//! | [`mod@remitted`] | what payers answer |

pub mod adjudicate;
pub mod adjustment;
pub mod cancel;
pub mod decide;
pub mod draft;
pub mod error;
pub mod event;
pub mod find;
pub mod get;
pub mod issue;
pub mod model;
pub mod payment;
#[cfg(test)]
pub(crate) mod properties;
pub mod remitted;
pub mod store;
pub mod view;

use std::sync::Arc;
use std::time::Duration;

use galen_service::Job;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use remitted::remitted;

use crate::Billing;

/// How often SecurePay is asked what it has not answered yet.
const ASK: Duration = Duration::from_secs(2);

/// Its part of the API.
pub(crate) fn routes() -> OpenApiRouter<Arc<Billing>> {
    OpenApiRouter::new()
        .routes(routes!(find::find, draft::draft))
        .routes(routes!(get::get))
        .routes(routes!(issue::issue))
        .routes(routes!(cancel::cancel))
        .routes(routes!(payment::pay::pay))
        .routes(routes!(adjustment::find::find))
        .routes(routes!(adjustment::credit::credit))
        .routes(routes!(adjustment::request::write_off))
        .routes(routes!(adjustment::request::refund))
        .routes(routes!(adjustment::decide::approve))
        .routes(routes!(adjustment::decide::reject))
        .routes(routes!(adjustment::pay_out::pay_out))
}

/// Its work.
pub(crate) fn jobs(billing: &Arc<Billing>) -> Vec<Job> {
    let asking = Arc::clone(billing);
    let job = Job::new("billing.payments", ASK, move || {
        let billing = Arc::clone(&asking);
        async move { payment::ask::ask_all(&billing).await }
    });
    vec![job.woken_by(Arc::clone(&billing.payment_bell))]
}
