//! Somebody was erased: what was written about them is gone, what they owed stays.

use galen_contracts::convert;
use galen_contracts::ids::PatientId;
use galen_contracts::patients::v1::PatientErased;
use galen_eventing::{Delivery, Failure, Handle};
use galen_storage::Tx;
use galen_vault::Vault;

use crate::charge;
use crate::invoice::adjustment;

/// Forgets what was written.
pub(super) struct ForgetPatients {
    /// Has the keys.
    pub(super) vault: Vault,
}

impl Handle<PatientErased> for ForgetPatients {
    async fn handle(&self, tx: &mut Tx, delivery: Delivery<PatientErased>) -> Result<(), Failure> {
        let patient: PatientId = convert::id("patient_id", &delivery.event.patient_id)?;
        charge::store::forget_reasons(tx, patient).await?;
        adjustment::store::forget_reasons(tx, patient).await?;
        // Old copies open no more either, and nothing new is sealed.
        self.vault
            .erase(patient)
            .await
            .map_err(|error| Failure::Infrastructure(Box::new(error)))
    }
}
