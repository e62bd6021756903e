//! A person was erased: nobody logs in as them any more, and nothing says who they were.

use galen_access::Role;
use galen_contracts::convert;
use galen_contracts::identity::v1::UserChanged;
use galen_contracts::ids::PatientId;
use galen_contracts::patients::v1::PatientErased;
use galen_eventing::{Delivery, Failure, Handle, Publish as _};
use galen_storage::Tx;

use super::{Provisioning, store_and_tell};
use crate::account::store;
use crate::session::{self, ending};

impl Handle<PatientErased> for Provisioning {
    /// The account stays, as somebody who did things; who also works here keeps it, and
    /// is a patient no more.
    async fn handle(&self, tx: &mut Tx, delivery: Delivery<PatientErased>) -> Result<(), Failure> {
        let patient: PatientId = convert::id("patient_id", &delivery.event.patient_id)?;
        for account in store::lock_of_patients(tx.conn(), [patient, patient]).await? {
            if !account.roles.is_only(Role::Patient) {
                let mut after = account.clone();
                after.patient = None;
                store_and_tell(tx, &account, after).await?;
                continue;
            }
            let now = tx.clock().now();
            let sessions = session::store::revoke_all(tx.conn(), account.id, now).await?;
            ending::tell(tx, account.id, &sessions);
            store::erase(tx.conn(), account.id).await?;
            tx.publish(&UserChanged {
                user_id: account.id.to_string(),
            });
        }
        Ok(())
    }
}
