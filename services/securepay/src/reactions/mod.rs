//! What it does when something happened elsewhere: patients are merged, parted, erased.

mod patients;

use std::sync::Arc;

use galen_contracts::patients::v1::{PatientErased, PatientsMerged, PatientsUnmerged};
use galen_eventing::{Subscription, subscription};

use crate::SecurePay;

/// What it hears.
pub(crate) fn subscriptions(pay: &Arc<SecurePay>) -> Vec<subscription::Definition> {
    let follow = patients::FollowPatients {
        vault: pay.vault.clone(),
    };
    vec![
        Subscription::new("securepay.patients", Arc::new(follow))
            .on::<PatientErased>()
            .on::<PatientsMerged>()
            .on::<PatientsUnmerged>()
            .build(),
    ]
}
