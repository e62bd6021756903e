//! Names and addresses that changed are forgotten; merged records are told as one.

use std::sync::Arc;

use galen_contracts::convert;
use galen_contracts::patients::v1::{
    PatientDeactivated, PatientDemographicsChanged, PatientErased, PatientsMerged, PatientsUnmerged,
};
use galen_contracts::staff::v1::PractitionerChanged;
use galen_eventing::{Delivery, Failure, Handle};
use galen_storage::Tx;

use crate::contacts::Contacts;
use crate::delivery::email::Mail;
use crate::delivery::spool::Spool;
use crate::message::store;
use crate::preference;

/// Hears of changes. Forgetting is not part of the transaction: forgetting once too
/// often harms nobody.
pub struct ContactChanges {
    contacts: Arc<Contacts>,
    spool: Option<Spool>,
}

impl ContactChanges {
    /// Forgets here, and removes mails of those who were erased from the directory, if
    /// mails become files.
    #[must_use]
    pub const fn new(contacts: Arc<Contacts>, spool: Option<Spool>) -> Self {
        Self { contacts, spool }
    }

    async fn forget(&self, patient: &str) -> Result<(), Failure> {
        self.contacts
            .forget_patient(convert::id("patient_id", patient)?)
            .await;
        Ok(())
    }
}

impl Handle<PatientDemographicsChanged> for ContactChanges {
    async fn handle(
        &self,
        _: &mut Tx,
        delivery: Delivery<PatientDemographicsChanged>,
    ) -> Result<(), Failure> {
        self.forget(&delivery.event.patient_id).await
    }
}

impl Handle<PatientDeactivated> for ContactChanges {
    async fn handle(
        &self,
        _: &mut Tx,
        delivery: Delivery<PatientDeactivated>,
    ) -> Result<(), Failure> {
        self.forget(&delivery.event.patient_id).await
    }
}

impl Handle<PatientErased> for ContactChanges {
    /// Nothing more is said to somebody who was erased. That they were told something
    /// stays; messages hold no words about anybody, but mails that are files do.
    async fn handle(&self, tx: &mut Tx, delivery: Delivery<PatientErased>) -> Result<(), Failure> {
        let id = convert::id("patient_id", &delivery.event.patient_id)?;
        self.contacts.forget_patient(id).await;
        let now = tx.clock().now();
        preference::store::forget(tx.conn(), id).await?;
        let messages = store::silence(tx.conn(), id, now).await?;
        if let Some(spool) = &self.spool {
            for (message, rounds) in messages {
                for round in 1..=rounds {
                    let removed = spool.remove(&Mail::name(message.uuid(), round)).await;
                    removed.map_err(|error| Failure::Retryable {
                        code: "SPOOL_IO",
                        source: Box::new(error),
                    })?;
                }
            }
        }
        Ok(())
    }
}

impl Handle<PatientsMerged> for ContactChanges {
    /// What still waits for the retired record is told to the surviving one.
    async fn handle(&self, tx: &mut Tx, delivery: Delivery<PatientsMerged>) -> Result<(), Failure> {
        let survivor = convert::id("survivor_id", &delivery.event.survivor_id)?;
        let retired = convert::id("retired_id", &delivery.event.retired_id)?;
        store::readdress(tx.conn(), retired, survivor).await?;
        self.contacts.forget_patient(survivor).await;
        self.contacts.forget_patient(retired).await;
        Ok(())
    }
}

impl Handle<PatientsUnmerged> for ContactChanges {
    async fn handle(
        &self,
        _: &mut Tx,
        delivery: Delivery<PatientsUnmerged>,
    ) -> Result<(), Failure> {
        self.forget(&delivery.event.survivor_id).await?;
        self.forget(&delivery.event.restored_id).await
    }
}

impl Handle<PractitionerChanged> for ContactChanges {
    async fn handle(
        &self,
        _: &mut Tx,
        delivery: Delivery<PractitionerChanged>,
    ) -> Result<(), Failure> {
        let id = convert::id("practitioner_id", &delivery.event.practitioner_id)?;
        self.contacts.forget_practitioner(id).await;
        Ok(())
    }
}
