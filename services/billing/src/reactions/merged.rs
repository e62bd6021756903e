//! Records turn out to be one person, or not to be: what was charged keeps its record, and
//! a person's account is that of all their records.

use galen_contracts::convert;
use galen_contracts::patients::v1::{PatientsMerged, PatientsUnmerged};
use galen_eventing::{Delivery, Failure, Handle};
use galen_service::records::{self, Merge};
use galen_storage::Tx;

/// Notes which records are one person.
pub(super) struct FollowRecords;

impl Handle<PatientsMerged> for FollowRecords {
    async fn handle(&self, tx: &mut Tx, delivery: Delivery<PatientsMerged>) -> Result<(), Failure> {
        Merge::read(&delivery.event)?.note(tx).await?;
        Ok(())
    }
}

impl Handle<PatientsUnmerged> for FollowRecords {
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
