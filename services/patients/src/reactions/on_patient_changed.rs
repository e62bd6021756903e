//! Fills the queue of likely duplicates after a registration or a change: from our own
//! events, so that nobody waits for it at the desk.

use std::future::Future;

use galen_contracts::convert;
use galen_contracts::ids::PatientId;
use galen_contracts::patients::v1::{
    PatientDemographicsChanged, PatientRegistered, PatientsUnmerged,
};
use galen_eventing::{Delivery, Failure, Handle};
use galen_storage::Tx;
use galen_vault::Vault;

use crate::duplicate::Profile;
use crate::duplicate::model::POSSIBLE;
use crate::duplicate::store::{candidates, refresh};
use crate::patient::{Status, person, store};

/// Compares a record with others whenever what is compared may have changed.
pub struct FindDuplicates {
    /// Opens the records.
    pub vault: Vault,
}

impl Handle<PatientRegistered> for FindDuplicates {
    fn handle(
        &self,
        tx: &mut Tx,
        delivery: Delivery<PatientRegistered>,
    ) -> impl Future<Output = Result<(), Failure>> + Send {
        find(&self.vault, tx, delivery.event.patient_id)
    }
}

impl Handle<PatientDemographicsChanged> for FindDuplicates {
    fn handle(
        &self,
        tx: &mut Tx,
        delivery: Delivery<PatientDemographicsChanged>,
    ) -> impl Future<Output = Result<(), Failure>> + Send {
        find(&self.vault, tx, delivery.event.patient_id)
    }
}

impl Handle<PatientsUnmerged> for FindDuplicates {
    fn handle(
        &self,
        tx: &mut Tx,
        delivery: Delivery<PatientsUnmerged>,
    ) -> impl Future<Output = Result<(), Failure>> + Send {
        find(&self.vault, tx, delivery.event.restored_id)
    }
}

async fn find(vault: &Vault, tx: &mut Tx, patient_id: String) -> Result<(), Failure> {
    let id: PatientId = convert::id("patient_id", &patient_id)?;
    let Some(patient) = store::find(tx, id).await? else {
        return Err(Failure::Permanent {
            code: "UNKNOWN_PATIENT",
            source: format!("no record {id}").into(),
        });
    };
    if patient.status == Status::Merged {
        return Ok(());
    }
    let person = match person::open(vault, tx, &patient).await {
        Ok(person) => person,
        // Erased meanwhile: there is nobody to compare.
        Err(galen_vault::Error::Erased) => return Ok(()),
        Err(error) => return Err(failure(error)),
    };
    let profile = Profile::from(&person.demographics);
    let alike = candidates(vault, tx, &profile, Some(id), POSSIBLE)
        .await
        .map_err(failure)?;
    let clock = tx.clock().clone();
    refresh(tx, id, &alike, || clock.uuid(), clock.now()).await?;
    Ok(())
}

/// A record that does not open is looked at by somebody; keys that are away come back.
fn failure(error: galen_vault::Error) -> Failure {
    match error {
        galen_vault::Error::Storage(error) => error.into(),
        galen_vault::Error::Master(error) if error.is_transient() => {
            Failure::Infrastructure(Box::new(error))
        }
        error => Failure::Retryable {
            code: "SEALED",
            source: Box::new(error),
        },
    }
}
