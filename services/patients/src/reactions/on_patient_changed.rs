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

use crate::duplicate::Profile;
use crate::duplicate::model::POSSIBLE;
use crate::duplicate::store::{candidates, refresh};
use crate::patient::{Status, store};

/// Compares a record with others whenever what is compared may have changed.
pub struct FindDuplicates;

impl Handle<PatientRegistered> for FindDuplicates {
    fn handle(
        &self,
        tx: &mut Tx,
        delivery: Delivery<PatientRegistered>,
    ) -> impl Future<Output = Result<(), Failure>> + Send {
        find(tx, delivery.event.patient_id)
    }
}

impl Handle<PatientDemographicsChanged> for FindDuplicates {
    fn handle(
        &self,
        tx: &mut Tx,
        delivery: Delivery<PatientDemographicsChanged>,
    ) -> impl Future<Output = Result<(), Failure>> + Send {
        find(tx, delivery.event.patient_id)
    }
}

impl Handle<PatientsUnmerged> for FindDuplicates {
    fn handle(
        &self,
        tx: &mut Tx,
        delivery: Delivery<PatientsUnmerged>,
    ) -> impl Future<Output = Result<(), Failure>> + Send {
        find(tx, delivery.event.restored_id)
    }
}

async fn find(tx: &mut Tx, patient_id: String) -> Result<(), Failure> {
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
    let alike = candidates(
        tx,
        &Profile::from(&patient.demographics),
        Some(id),
        POSSIBLE,
    )
    .await?;
    let clock = tx.clock().clone();
    refresh(tx, id, &alike, || clock.uuid(), clock.now()).await?;
    Ok(())
}
