//! Records of patients are merged, parted and erased: money stays where it is.

use galen_contracts::convert;
use galen_contracts::ids::PatientId;
use galen_contracts::patients::v1::{PatientErased, PatientsMerged, PatientsUnmerged};
use galen_eventing::{Delivery, Failure, Handle};
use galen_service::records::{self, Merge};
use galen_storage::Tx;
use galen_vault::Vault;

use crate::reconciliation;

/// Follows the patients service.
pub(super) struct FollowPatients {
    /// Has the keys of what was written about payments.
    pub(super) vault: Vault,
}

impl Handle<PatientErased> for FollowPatients {
    /// What was written about a patient's payments cannot be read any more, and what banks
    /// wrote on lines whose money is the patient's is forgotten. The amounts stay: the
    /// books must.
    async fn handle(&self, tx: &mut Tx, delivery: Delivery<PatientErased>) -> Result<(), Failure> {
        let id: PatientId = convert::id("patient_id", &delivery.event.patient_id)?;
        // The keys may be out of reach at the moment: nobody is forgotten over that.
        self.vault
            .erase(id)
            .await
            .map_err(|error| Failure::Infrastructure(Box::new(error)))?;
        reconciliation::forget(tx, id).await?;
        Ok(())
    }
}

impl Handle<PatientsMerged> for FollowPatients {
    /// Whoever has the survivor's record reaches the wallets of the retired one.
    async fn handle(&self, tx: &mut Tx, delivery: Delivery<PatientsMerged>) -> Result<(), Failure> {
        Merge::read(&delivery.event)?.note(tx).await?;
        Ok(())
    }
}

impl Handle<PatientsUnmerged> for FollowPatients {
    /// The wallets of the restored record are its own again.
    async fn handle(
        &self,
        tx: &mut Tx,
        delivery: Delivery<PatientsUnmerged>,
    ) -> Result<(), Failure> {
        let restored = convert::id("restored_id", &delivery.event.restored_id)?;
        records::unmerge(tx, restored).await?;
        Ok(())
    }
}
