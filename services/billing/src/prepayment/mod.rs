//! What patients pay before appointments.
//!
//! The booking process asks for it when the quote does. The money goes from the patient's
//! wallet into an account of the ledger that is the appointment's own, so that it is
//! neither spent elsewhere nor earned yet. From there it goes to the invoice for what was
//! done, back to the wallet, or to revenue as the fee for who cancels late or does not
//! come; with another time it goes on to the other appointment.
//!
//! | File | What |
//! |---|---|
//! | [`model`], [`mod@decide`], [`terms`] | where one stands, what it does about what it hears, what fees there are: pure |
//! | [`settle`] | performs what is decided, in one transaction with the invoice and the journal |
//! | [`ask`] | asks SecurePay to pay, and whether it has, until it answers |
//! | [`left`] | finds what is still held for what is over |
//! | [`available`] | what a patient could pay, for a look before booking |
//!
//! Only the payment out of the wallet can be refused, and only its outcome can be
//! unknown: it is asked for under one id, and after the deadline it is only asked whether
//! there is one. Everything else moves what is held, through the [`crate::journal`].

pub mod ask;
pub mod available;
pub mod decide;
pub mod left;
pub mod model;
pub mod settle;
pub mod store;
pub mod terms;

use std::sync::Arc;
use std::time::Duration;

use galen_service::Job;

pub use settle::Prepayments;
pub use terms::Terms;

use crate::Billing;

/// How often it is looked whether something is to be done, beside being woken.
const TICK: Duration = Duration::from_secs(2);

/// How often it is looked for what is still held for what is over.
const LOOK: Duration = Duration::from_secs(60);

/// Its work.
pub(crate) fn jobs(billing: &Arc<Billing>) -> Vec<Job> {
    let asking = Arc::clone(billing);
    let job = Job::new("billing.prepayments", TICK, move || {
        let billing = Arc::clone(&asking);
        async move { ask::ask_all(&billing).await }
    });
    let looking = Arc::clone(billing);
    let left = Job::new("billing.prepayments-left", LOOK, move || {
        let billing = Arc::clone(&looking);
        async move { left::settle_all(&billing).await }
    });
    vec![job.woken_by(Arc::clone(&billing.prepayments.bell)), left]
}
