//! Erases the keys of a person whose erasure was approved.
//!
//! Heard from ourselves, so that it is done however the process ends in between: the
//! approval has committed, and the event comes again until this succeeds.

use galen_contracts::convert;
use galen_contracts::ids::PatientId;
use galen_contracts::patients::v1::PatientErased;
use galen_eventing::{Delivery, Failure, Handle};
use galen_storage::Tx;
use galen_vault::Vault;

use crate::erasure::store;

/// The keys cannot be used at the moment: nobody is forgotten over that.
fn waits(error: galen_vault::Error) -> Failure {
    Failure::Infrastructure(Box::new(error))
}

/// Erases keys.
pub struct EraseKeys {
    /// Which has them.
    pub vault: Vault,
}

impl Handle<PatientErased> for EraseKeys {
    async fn handle(&self, tx: &mut Tx, delivery: Delivery<PatientErased>) -> Result<(), Failure> {
        let id: PatientId = convert::id("patient_id", &delivery.event.patient_id)?;
        let now = tx.clock().now();
        self.vault.erase(id).await.map_err(waits)?;
        // What somebody wrote in the moment of the approval is found no more either.
        store::forget(tx, &[id], now).await?;
        store::keys_erased(tx, id, now).await?;
        Ok(())
    }
}
