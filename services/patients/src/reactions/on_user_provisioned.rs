//! Ties a patient's new account to their record.

use galen_contracts::convert;
use galen_contracts::identity::v1::UserProvisioned;
use galen_contracts::ids::{PatientId, UserId};
use galen_eventing::{Delivery, Failure, Handle};
use galen_storage::Tx;

use crate::patient::store;

/// Hears of accounts that identity made for patients.
pub struct LinkAccount;

impl Handle<UserProvisioned> for LinkAccount {
    async fn handle(
        &self,
        tx: &mut Tx,
        delivery: Delivery<UserProvisioned>,
    ) -> Result<(), Failure> {
        let user: UserId = convert::id("user_id", &delivery.event.user_id)?;
        let Some(patient) = convert::optional_id::<galen_contracts::ids::Patient>(
            "patient_id",
            &delivery.event.patient_id,
        )?
        else {
            return Ok(());
        };
        link(tx, user, patient).await
    }
}

/// A record that has an account keeps it; an account that has another record needs a
/// person to look at it.
async fn link(tx: &mut Tx, user: UserId, id: PatientId) -> Result<(), Failure> {
    let Some(patient) = store::find_for_update(tx, id).await? else {
        if store::is_erased(tx, id).await? {
            return Ok(());
        }
        return Err(Failure::Permanent {
            code: "UNKNOWN_PATIENT",
            source: format!("no record {id}").into(),
        });
    };
    if patient.user_id.is_some() {
        return Ok(());
    }
    if let Some(other) = store::linked_to(tx, user).await? {
        return Err(Failure::Permanent {
            code: "ACCOUNT_HAS_RECORD",
            source: format!("account {user} belongs to record {other}, not {id}").into(),
        });
    }
    store::link_user(tx, id, patient.version, user).await?;
    Ok(())
}
