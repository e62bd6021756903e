//! Records turn out to be one person, or not to be: what was charged keeps its record, and
//! a person's account is that of all their records.

use galen_contracts::convert;
use galen_contracts::patients::v1::{PatientsMerged, PatientsUnmerged};
use galen_eventing::{Delivery, Failure, Handle};
use galen_storage::Tx;

use crate::patient::store;

/// Notes which records are one person.
pub(super) struct FollowRecords;

impl Handle<PatientsMerged> for FollowRecords {
    async fn handle(&self, tx: &mut Tx, delivery: Delivery<PatientsMerged>) -> Result<(), Failure> {
        let event = delivery.event;
        let retired = convert::id("retired_id", &event.retired_id)?;
        let survivor = convert::id("survivor_id", &event.survivor_id)?;
        let merge = convert::id::<()>("merge_id", &event.merge_id)?.uuid();
        store::merge(tx, retired, survivor, merge).await?;
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
        store::unmerge(tx, restored).await?;
        Ok(())
    }
}
