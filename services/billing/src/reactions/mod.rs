//! What it does when something happened elsewhere.
//!
//! Records that turn out to be one person are not rewritten here: charges and invoices
//! keep the record that they were made for, as printed on paper. Who insures a person is
//! asked from the patients service; which records a person has is remembered, because an
//! account is that of all of them.

mod captured;
mod erased;
mod fulfilled;
mod merged;
mod prepaid;
mod quoted;

use std::sync::Arc;

use galen_contracts::patients::v1::{PatientErased, PatientsMerged, PatientsUnmerged};
use galen_contracts::scheduling::v1::{
    AppointmentCancelled, AppointmentFulfilled, AppointmentMissed, AppointmentRescheduled,
    NoShowReverted, PrepaymentRequested, QuoteRequested,
};
use galen_contracts::securepay::v1::PaymentCaptured;
use galen_eventing::{Subscription, subscription};

use crate::Billing;

/// What it hears.
pub(crate) fn subscriptions(billing: &Arc<Billing>) -> Vec<subscription::Definition> {
    let fulfilled = Arc::new(fulfilled::ChargeAppointments {
        zone: billing.zone.clone(),
    });
    let captured = Arc::new(captured::EndPayments {
        paying: billing.paying.clone(),
    });
    let erased = Arc::new(erased::ForgetPatients {
        vault: billing.vault.clone(),
    });
    let prepaid = Arc::new(prepaid::FollowAppointments {
        prepayments: billing.prepayments.clone(),
    });
    let quoted = Arc::new(quoted::QuoteAppointments {
        billing: Arc::clone(billing),
    });
    vec![
        Subscription::new("billing.quotes", quoted)
            .on::<QuoteRequested>()
            .build(),
        Subscription::new("billing.prepayments", prepaid)
            .on::<PrepaymentRequested>()
            .on::<AppointmentCancelled>()
            .on::<AppointmentRescheduled>()
            .on::<AppointmentMissed>()
            .on::<NoShowReverted>()
            .on::<PaymentCaptured>()
            .build(),
        Subscription::new("billing.charges", fulfilled)
            .on::<AppointmentFulfilled>()
            .build(),
        Subscription::new("billing.payments", captured)
            .on::<PaymentCaptured>()
            .build(),
        Subscription::new("billing.patients", erased)
            .on::<PatientErased>()
            .build(),
        Subscription::new("billing.records", Arc::new(merged::FollowRecords))
            .on::<PatientsMerged>()
            .on::<PatientsUnmerged>()
            .build(),
    ]
}
