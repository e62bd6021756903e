//! Whether somebody can be booked at all: the two questions before every booking.

use galen_contracts::ids::{PatientId, PractitionerId};

use super::error::AppointmentError;
use crate::interval::Interval;
use crate::patient::directory::{Patients, Standing};
use crate::roster::directory::Practitioners;
use crate::service_type::ServiceType;

/// Asks patients and staff.
#[derive(Clone)]
pub struct Admission {
    patients: Patients,
    practitioners: Practitioners,
}

impl Admission {
    /// Asks them through these.
    #[must_use]
    pub const fn new(patients: Patients, practitioners: Practitioners) -> Self {
        Self {
            patients,
            practitioners,
        }
    }

    /// The record to book for: the survivor, where the given one was merged.
    ///
    /// # Errors
    /// When there is none, when it takes no bookings, or when nobody answered.
    pub async fn patient(&self, patient: PatientId) -> Result<PatientId, AppointmentError> {
        match self.patients.standing(patient).await? {
            Standing::Active(survivor) => Ok(survivor),
            Standing::Inactive => Err(AppointmentError::PatientInactive),
            Standing::Unknown => Err(AppointmentError::UnknownPatient),
        }
    }

    /// Asks both questions at the same time: the record to book for.
    ///
    /// # Errors
    /// As [`Admission::patient`], and when the practitioner does not work then.
    pub async fn admit(
        &self,
        patient: PatientId,
        practitioner: PractitionerId,
        during: Interval,
        service_type: ServiceType,
    ) -> Result<PatientId, AppointmentError> {
        let available = self
            .practitioners
            .availability(practitioner, during, service_type);
        let (patient, available) = tokio::join!(self.patient(patient), available);
        let patient = patient?;
        available?.map_err(AppointmentError::PractitionerUnavailable)?;
        Ok(patient)
    }
}
