//! Records are closed, merged and restored: what is booked follows.

use galen_contracts::convert;
use galen_contracts::ids::{AppointmentId, PatientId};
use galen_contracts::patients::v1::{
    PatientDeactivated, PatientErased, PatientsMerged, PatientsUnmerged,
};
use galen_eventing::{Delivery, Failure, Handle, Processes, Publish as _};
use galen_service::records::{self, Merge};
use galen_storage::Tx;
use galen_vault::Vault;

use crate::appointment::model::{Actor, Cancellation};
use crate::appointment::{self, transition};
use crate::booking::process::BookingProcess;
use crate::patient;
use crate::patient::directory::Patients;
use crate::settings::Settings;
use crate::waitlist;

/// Follows the patients service.
pub struct FollowPatients {
    /// Forgets what it knew.
    pub patients: Patients,
    /// Ends their booking processes.
    pub bookings: Processes<BookingProcess>,
    /// For the offers that follow.
    pub settings: Settings,
    /// Has the keys of what they said.
    pub vault: Vault,
}

impl Handle<PatientDeactivated> for FollowPatients {
    /// Nothing stays booked or waiting for a closed record.
    async fn handle(
        &self,
        tx: &mut Tx,
        delivery: Delivery<PatientDeactivated>,
    ) -> Result<(), Failure> {
        let id: PatientId = convert::id("patient_id", &delivery.event.patient_id)?;
        self.close(tx, id, "PATIENT_DEACTIVATED").await
    }
}

impl Handle<PatientErased> for FollowPatients {
    /// Nothing stays booked or waiting, and nobody can read any more why the patient
    /// came or did not. That they came stays.
    async fn handle(&self, tx: &mut Tx, delivery: Delivery<PatientErased>) -> Result<(), Failure> {
        let id: PatientId = convert::id("patient_id", &delivery.event.patient_id)?;
        self.close(tx, id, "PATIENT_ERASED").await?;
        appointment::store::forget_reasons(tx, id).await?;
        // Old copies of it open no more either, and nothing new is sealed. The keys may be
        // out of reach at the moment: nobody is forgotten over that.
        self.vault
            .erase(id)
            .await
            .map_err(|error| Failure::Infrastructure(Box::new(error)))
    }
}

impl FollowPatients {
    /// Ends whatever is ahead of a patient.
    async fn close(&self, tx: &mut Tx, id: PatientId, reason_code: &str) -> Result<(), Failure> {
        self.patients.forget(id).await;
        let now = tx.clock().now();
        let ids = records::ids_of(tx.conn(), id).await?;
        for appointment in appointment::store::ahead_of_patient(tx, &ids, now).await? {
            transition::call_off(&self.bookings, tx, appointment).await?;
            let cancellation = Cancellation {
                reason_code: reason_code.to_owned(),
                by: Actor::System,
                note: None,
            };
            transition::cancel_if_ahead(tx, appointment, cancellation).await?;
        }
        for entry in waitlist::store::open_of_patient(tx, &ids).await? {
            let Ok((withdrawn, offer)) = entry.withdrawn() else {
                continue;
            };
            waitlist::withdraw::end(tx, &withdrawn, offer, &self.settings).await?;
        }
        Ok(())
    }
}

impl Handle<PatientsMerged> for FollowPatients {
    /// What was booked under the retired record is found under the survivor, and keeps
    /// the survivor's time.
    async fn handle(&self, tx: &mut Tx, delivery: Delivery<PatientsMerged>) -> Result<(), Failure> {
        let merge = Merge::read(&delivery.event)?;
        self.patients.forget(merge.retired).await;
        merge.note(tx).await?;
        for twice in patient::store::move_claims(tx, merge.retired, merge.survivor).await? {
            flag_double_booking(tx, AppointmentId::from_uuid(twice)).await?;
        }
        Ok(())
    }
}

/// One person cannot be in two places: somebody must move one of the appointments.
async fn flag_double_booking(tx: &mut Tx, id: AppointmentId) -> Result<(), Failure> {
    let Some(appointment) = appointment::store::get_for_change(tx, id).await? else {
        return Ok(());
    };
    if !appointment.status.is_ahead() || appointment.ground_lost.is_some() {
        return Ok(());
    }
    let status = appointment.status;
    let mut flagged = appointment.moved(status);
    flagged.ground_lost = Some(appointment::store::PATIENT_BUSY.to_owned());
    appointment::store::change(tx, &flagged).await?;
    tx.publish(&flagged.needs_reschedule(appointment::store::PATIENT_BUSY));
    Ok(())
}

impl Handle<PatientsUnmerged> for FollowPatients {
    /// What was booked under the restored record is its own again.
    async fn handle(
        &self,
        tx: &mut Tx,
        delivery: Delivery<PatientsUnmerged>,
    ) -> Result<(), Failure> {
        let restored = convert::id("restored_id", &delivery.event.restored_id)?;
        self.patients.forget(restored).await;
        records::unmerge(tx, restored).await?;
        patient::store::restore_claims(tx, restored).await?;
        Ok(())
    }
}
