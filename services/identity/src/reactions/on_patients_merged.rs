//! Two records became one: so do their accounts, as [`crate::merge::model`] says.

use galen_contracts::convert;
use galen_contracts::ids::PatientId;
use galen_contracts::patients::v1::PatientsMerged;
use galen_eventing::{Delivery, Failure, Handle};
use galen_storage::Tx;

use super::{Provisioning, store_and_tell};
use crate::account::store;
use crate::merge;
use crate::merge::model::{Merge, MergeEffect};

impl Handle<PatientsMerged> for Provisioning {
    async fn handle(&self, tx: &mut Tx, delivery: Delivery<PatientsMerged>) -> Result<(), Failure> {
        let event = &delivery.event;
        let survivor: PatientId = convert::id("survivor_id", &event.survivor_id)?;
        let retired: PatientId = convert::id("retired_id", &event.retired_id)?;
        let merge_id = convert::id::<Merge>("merge_id", &event.merge_id)?;
        let accounts = store::lock_of_patients(tx.conn(), [survivor, retired]).await?;
        let Some(before) = accounts
            .iter()
            .find(|account| account.patient == Some(retired))
        else {
            return Ok(());
        };
        let survivor_has_account = accounts
            .iter()
            .any(|account| account.patient == Some(survivor));
        let (after, effect) = merge::model::merge(before, survivor, survivor_has_account);
        let done = MergeEffect {
            merge: merge_id,
            account: before.id,
            survivor,
            retired,
            effect,
        };
        merge::store::insert(tx.conn(), &done).await?;
        store_and_tell(tx, before, after).await
    }
}
