//! A merge was undone: so is what it did to an account.

use galen_contracts::convert;
use galen_contracts::patients::v1::PatientsUnmerged;
use galen_eventing::{Delivery, Failure, Handle};
use galen_storage::Tx;

use super::{Provisioning, store_and_tell};
use crate::account::store;
use crate::merge;
use crate::merge::model::Merge;

impl Handle<PatientsUnmerged> for Provisioning {
    async fn handle(
        &self,
        tx: &mut Tx,
        delivery: Delivery<PatientsUnmerged>,
    ) -> Result<(), Failure> {
        let merge_id = convert::id::<Merge>("merge_id", &delivery.event.merge_id)?;
        let Some(done) = merge::store::take(tx.conn(), merge_id).await? else {
            return Ok(());
        };
        let Some(before) = store::lock(tx.conn(), done.account).await? else {
            return Ok(());
        };
        let after = merge::model::unmerge(&before, &done);
        store_and_tell(tx, &before, after).await
    }
}
