//! What identity does about events of patients: everybody with a record has an
//! account, records that become one have one, and who was erased has none that opens.

pub(crate) mod on_patient_erased;
pub(crate) mod on_patient_registered;
pub(crate) mod on_patients_merged;
pub(crate) mod on_patients_unmerged;

use std::sync::Arc;

use galen_contracts::identity::v1::UserChanged;
use galen_contracts::patients::v1::{
    PatientErased, PatientRegistered, PatientsMerged, PatientsUnmerged,
};
use galen_eventing::{Failure, Publish as _, Subscription, subscription};
use galen_storage::Tx;

use crate::account::Account;
use crate::account::store::{self, StoreError};
use crate::link;
use crate::link::model::Purpose;
use crate::session::{self, ending};

/// Applies events of patients to accounts.
pub(crate) struct Provisioning;

/// The subscription `identity.provisioning`.
pub(crate) fn provisioning() -> subscription::Definition {
    Subscription::new("identity.provisioning", Arc::new(Provisioning))
        .on::<PatientRegistered>()
        .on::<PatientsMerged>()
        .on::<PatientsUnmerged>()
        .on::<PatientErased>()
        .build()
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Storage(error) => error.into(),
            error => Self::Retryable {
                code: "ACCOUNT_CONFLICT",
                source: Box::new(error),
            },
        }
    }
}

/// Stores what became of an account and tells who must know. Sessions that end with
/// it lose their tokens when the event of it is heard: the commit is not ours.
async fn store_and_tell(tx: &mut Tx, before: &Account, after: Account) -> Result<(), Failure> {
    if after == *before {
        return Ok(());
    }
    let user_id = after.id.to_string();
    if after.ends_sessions_of(before) {
        let now = tx.clock().now();
        let sessions = session::store::revoke_all(tx.conn(), after.id, now).await?;
        link::store::close(tx.conn(), after.id, &[Purpose::LogIn], now).await?;
        ending::tell(tx, after.id, &sessions);
    }
    store::update(tx.conn(), after).await?;
    tx.publish(&UserChanged { user_id });
    Ok(())
}
