//! Claims to payers, and what they answered.
//!
//! | Folder or file | Owns |
//! |---|---|
//! | [`model`], [`event`], [`answer`], [`mod@decide`] | what a claim is, what happened to it, what payers say, what may happen next: pure |
//! | [`position`], [`scrub`] | where its money is, and what is wrong with it: pure |
//! | [`mod@prepare`] | what an invoice asks of insurers becomes claims |
//! | [`store`], `dispatch` | all SQL about claims, and about what goes to payers |
//! | [`payer`] | payers as a port, and one that is simulated |
//! | [`work`] | the work between claims and payers |
//! | [`remittance`] | what payers have paid |
//! | [`denial`] | what they did not, until somebody has decided about it |
//! | [`authorisation`] | what they have agreed to beforehand |
//! | `books` | what becomes of it in the ledger, on the invoice, and of benefits |
//!
//! A claim is its events. A payer may be silent: nobody takes that for an answer.

pub mod answer;
pub mod appeal;
pub mod authorisation;
mod books;
mod change;
pub mod create;
pub mod decide;
pub mod denial;
mod dispatch;
pub mod error;
pub mod event;
pub(crate) mod field;
pub mod find;
pub mod get;
pub mod model;
pub mod next;
pub mod payer;
pub mod position;
pub mod prepare;
pub(crate) mod reach;
pub mod remittance;
pub mod resubmit;
pub mod scrub;
pub(crate) mod settings;
pub mod store;
pub mod submit;
pub mod view;
pub mod void;
pub mod work;

use std::sync::Arc;
use std::time::Duration;

use galen_service::Job;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Billing;

pub use model::ClaimId;
pub use prepare::{Billed, Insurer, Preparation, prepare};
pub use settings::Settings;

/// How often it is looked whether something is due, beside being woken.
const TICK: Duration = Duration::from_secs(2);
/// How often it is looked what waits too long.
const FOLLOW_UP: Duration = Duration::from_hours(1);

/// Its part of the API.
pub(crate) fn routes() -> OpenApiRouter<Arc<Billing>> {
    OpenApiRouter::new()
        .routes(routes!(find::find, create::create))
        .routes(routes!(get::get))
        .routes(routes!(submit::submit))
        .routes(routes!(resubmit::resubmit))
        .routes(routes!(void::void))
        .routes(routes!(appeal::appeal))
        .routes(routes!(remittance::record::record))
        .routes(routes!(denial::find::find))
        .routes(routes!(denial::resolve::resolve))
        .routes(routes!(
            authorisation::find::find,
            authorisation::request::request
        ))
}

/// Its work.
pub(crate) fn jobs(billing: &Arc<Billing>) -> Vec<Job> {
    let (working, following) = (Arc::clone(billing), Arc::clone(billing));
    let work = Job::new("billing.claims", TICK, move || {
        let billing = Arc::clone(&working);
        async move { work::work(&billing).await }
    });
    let follow_up = Job::new("billing.claims-follow-up", FOLLOW_UP, move || {
        let billing = Arc::clone(&following);
        async move { work::follow_up(&billing).await }
    });
    vec![work.woken_by(Arc::clone(&billing.claim_bell)), follow_up]
}
