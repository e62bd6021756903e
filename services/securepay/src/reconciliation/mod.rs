//! Whether the books agree with themselves and with the bank.
//!
//! Banks send statements of the hospital's accounts ([`camt`]). Each entry becomes a line,
//! and its money is booked at once: to what it was found to be about ([`matching`]), or to
//! suspense, so that in the books an account at a bank always holds what the bank says.
//! People find out what the rest is for. At the end of each day it is written down, for
//! good, what the books said and what did not agree.

pub mod assign;
pub mod camt;
mod checks;
pub mod close;
mod close_store;
mod expected;
pub mod find;
pub mod import;
pub mod matching;
pub mod model;
pub mod report;
mod settle;
pub mod statement;
mod store;
pub mod trial_balance;
pub mod view;
pub mod xml;

use std::sync::Arc;
use std::time::Duration;

use galen_service::Job;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) use checks::CHECKS;
pub(crate) use store::{SEALED, forget};

use crate::SecurePay;

/// How often statements that are not booked yet are looked at.
const TICK: Duration = Duration::from_secs(30);
/// How often it is looked whether a day has ended: it costs nothing when none has, and
/// days end at different times of the clock.
const QUARTER: Duration = Duration::from_secs(15 * 60);

/// Its part of the API.
pub(crate) fn routes() -> OpenApiRouter<Arc<SecurePay>> {
    OpenApiRouter::new()
        .routes(routes!(trial_balance::get))
        .routes(routes!(report::get))
        .routes(routes!(close::find, close::close))
        .routes(routes!(import::import, find::statements))
        .routes(routes!(find::lines))
        .routes(routes!(find::statement))
        .routes(routes!(assign::matched))
        .routes(routes!(assign::unmatched))
}

/// Its work.
pub(crate) fn jobs(s: &Arc<SecurePay>) -> Vec<Job> {
    let (booking, closing) = (Arc::clone(s), Arc::clone(s));
    vec![
        Job::new("securepay.book_statements", TICK, move || {
            let s = Arc::clone(&booking);
            async move { Ok(settle::run(&s).await?) }
        })
        .woken_by(Arc::clone(&s.bank_bell)),
        Job::new("securepay.close_days", QUARTER, move || {
            let s = Arc::clone(&closing);
            async move { close::run(&s).await }
        }),
    ]
}
