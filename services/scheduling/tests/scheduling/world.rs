//! Stand-ins for staff, patients and notifications.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use galen_contracts::billing::v1::pricing_server::Pricing;
use galen_contracts::billing::v1::{
    AppointmentQuoted, EstimateAppointmentRequest, EstimateAppointmentResponse, PrepaymentHeld,
    PrepaymentRefused,
};
use galen_contracts::convert::instant;
use galen_contracts::notifications::v1::ConfirmationQueued;
use galen_contracts::patients::v1::patient_directory_server::PatientDirectory;
use galen_contracts::patients::v1::{
    GetContactRequest, GetContactResponse, GetPatientRequest, GetPatientResponse,
    ListCoveragesRequest, ListCoveragesResponse, PatientStatus,
};
use galen_contracts::scheduling::v1::{
    ConfirmationRequested, PaymentMode, PractitionerVerificationRequested, PrepaymentRequested,
    QuoteRequested,
};
use galen_contracts::staff::v1 as staff;
use galen_contracts::staff::v1::staff_directory_server::StaffDirectory;
use galen_eventing::{Delivery, Failure, Handle, Publish as _};
use galen_kernel::Timestamp;
use galen_storage::Tx;
use tonic::{Request, Response, Status};
use uuid::Uuid;

/// What the other services would know.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) patients: Mutex<HashMap<Uuid, (PatientStatus, Option<Uuid>)>>,
    pub(crate) shifts: Mutex<HashMap<Uuid, (Uuid, Timestamp, Timestamp, staff::ShiftKind)>>,
    pub(crate) leaves: Mutex<HashMap<Uuid, (Uuid, Timestamp, Timestamp)>>,
    pub(crate) inactive: Mutex<HashSet<Uuid>>,
    pub(crate) names: Mutex<HashMap<Uuid, (String, String)>>,
    /// Patients or staff do not answer.
    pub(crate) patients_are_away: AtomicBool,
    pub(crate) staff_are_away: AtomicBool,
    /// Staff do not answer the booking process; notifications neither.
    pub(crate) staff_are_silent: AtomicBool,
    pub(crate) notifications_are_silent: AtomicBool,
    /// Minor units of patient and insurer, by service type; without one there is no
    /// price.
    pub(crate) prices: Mutex<HashMap<String, (i64, i64)>>,
    /// What patients could pay before, when they are looked at; nobody knows by default.
    pub(crate) available: Mutex<Option<i64>>,
    /// What all of them have together; as much as is asked by default.
    pub(crate) purse: Mutex<Option<i64>>,
    /// Prepayments that were asked for.
    pub(crate) prepayments: Mutex<Vec<PrepaymentRequested>>,
    /// Quotes that were asked for.
    pub(crate) quotes: Mutex<Vec<QuoteRequested>>,
    /// Billing does not answer the booking process.
    pub(crate) billing_is_silent: AtomicBool,
    /// Billing does not answer.
    pub(crate) billing_is_away: AtomicBool,
    /// What staff answer the booking process, whatever their shifts say.
    pub(crate) verdict: Mutex<Option<String>>,
    /// Confirmations that were asked for.
    pub(crate) confirmations: Mutex<Vec<ConfirmationRequested>>,
    /// Verifications that were asked for.
    pub(crate) verifications: Mutex<Vec<PractitionerVerificationRequested>>,
}

/// Says what things cost.
pub(crate) struct FakePricing(pub(crate) Arc<World>);

#[tonic::async_trait]
impl Pricing for FakePricing {
    async fn estimate_appointment(
        &self,
        asked: Request<EstimateAppointmentRequest>,
    ) -> Result<Response<EstimateAppointmentResponse>, Status> {
        if self.0.billing_is_away.load(Ordering::Relaxed) {
            return Err(Status::internal("INTERNAL"));
        }
        let asked = asked.get_ref();
        assert!(asked.start.is_some() && !asked.patient_id.is_empty());
        let is_insured = asked.payment_mode == "INSURANCE";
        assert!(is_insured || asked.payment_mode == "SELF_PAY");
        let mut estimate = self.0.estimate(&asked.service_type, is_insured);
        estimate.available = *lock(&self.0.available);
        Ok(Response::new(estimate))
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl World {
    fn estimate(&self, service_type: &str, is_insured: bool) -> EstimateAppointmentResponse {
        let priced = lock(&self.prices).get(service_type).copied();
        let (patient, insurer) = match priced.unwrap_or_default() {
            parts if is_insured => parts,
            (patient, insurer) => (patient + insurer, 0),
        };
        EstimateAppointmentResponse {
            unpriced: priced.is_none(),
            currency: "EUR".to_owned(),
            price: patient + insurer,
            patient,
            insurer,
            prepayment: patient,
            available: None,
        }
    }

    pub(crate) fn availability(
        &self,
        practitioner: Uuid,
        start: Timestamp,
        end: Timestamp,
        surgery: bool,
    ) -> Result<(), &'static str> {
        if !lock(&self.names).contains_key(&practitioner) {
            return Err("UNKNOWN");
        }
        if lock(&self.inactive).contains(&practitioner) {
            return Err("INACTIVE");
        }
        if lock(&self.leaves)
            .values()
            .any(|(who, from, to)| *who == practitioner && *from < end && start < *to)
        {
            return Err("ON_LEAVE");
        }
        let mut shifts: Vec<(Timestamp, Timestamp)> = lock(&self.shifts)
            .values()
            .filter(|(who, _, _, kind)| {
                let suitable = match kind {
                    staff::ShiftKind::Surgery => surgery,
                    staff::ShiftKind::Clinic | staff::ShiftKind::Night => !surgery,
                    _ => false,
                };
                *who == practitioner && suitable
            })
            .map(|(_, from, to, _)| (*from, *to))
            .collect();
        shifts.sort_unstable();
        let mut covered = start;
        for (from, to) in shifts {
            if from <= covered {
                covered = covered.max(to);
            }
        }
        if covered >= end {
            Ok(())
        } else {
            Err("OUTSIDE_SHIFT")
        }
    }
}

pub(crate) struct FakePatients(pub(crate) Arc<World>);

#[tonic::async_trait]
impl PatientDirectory for FakePatients {
    async fn get_patient(
        &self,
        request: Request<GetPatientRequest>,
    ) -> Result<Response<GetPatientResponse>, Status> {
        if self.0.patients_are_away.load(Ordering::SeqCst) {
            return Err(Status::unavailable("away"));
        }
        let patient_id = request.into_inner().patient_id;
        let known = patient_id
            .parse::<Uuid>()
            .ok()
            .and_then(|id| lock(&self.0.patients).get(&id).copied());
        let (status, merged_into) = known.ok_or_else(|| Status::not_found("no such patient"))?;
        let merged_into_id = merged_into.map(|id| id.to_string()).unwrap_or_default();
        Ok(Response::new(GetPatientResponse {
            patient_id,
            mrn: "1".into(),
            status: status.into(),
            merged_into_id,
        }))
    }

    async fn get_contact(
        &self,
        _: Request<GetContactRequest>,
    ) -> Result<Response<GetContactResponse>, Status> {
        Err(Status::unimplemented("scheduling needs no contact data"))
    }

    async fn list_coverages(
        &self,
        _: Request<ListCoveragesRequest>,
    ) -> Result<Response<ListCoveragesResponse>, Status> {
        Err(Status::unimplemented("scheduling needs no coverages"))
    }
}

pub(crate) struct FakeStaff(pub(crate) Arc<World>);

#[tonic::async_trait]
impl StaffDirectory for FakeStaff {
    async fn get_practitioners(
        &self,
        request: Request<staff::GetPractitionersRequest>,
    ) -> Result<Response<staff::GetPractitionersResponse>, Status> {
        if self.0.staff_are_away.load(Ordering::SeqCst) {
            return Err(Status::unavailable("away"));
        }
        let names = lock(&self.0.names);
        let practitioner = |text: String| {
            let id = text.parse().ok()?;
            let (family_name, specialty) = names.get(&id)?.clone();
            Some(staff::Practitioner {
                practitioner_id: text,
                given_name: "Ada".into(),
                family_name,
                specialty,
                department: "Ward".into(),
                active: true,
                user_id: String::new(),
            })
        };
        let practitioners = request
            .into_inner()
            .practitioner_ids
            .into_iter()
            .filter_map(practitioner)
            .collect();
        Ok(Response::new(staff::GetPractitionersResponse {
            practitioners,
        }))
    }

    async fn check_availability(
        &self,
        request: Request<staff::CheckAvailabilityRequest>,
    ) -> Result<Response<staff::CheckAvailabilityResponse>, Status> {
        if self.0.staff_are_away.load(Ordering::SeqCst) {
            return Err(Status::unavailable("away"));
        }
        let asked = request.into_inner();
        let id = asked
            .practitioner_id
            .parse()
            .map_err(|_| Status::invalid_argument("practitioner_id"))?;
        let start = instant("start", asked.start.as_ref())
            .map_err(|e| Status::invalid_argument(e.to_string()))?;
        let end = instant("end", asked.end.as_ref())
            .map_err(|e| Status::invalid_argument(e.to_string()))?;
        let verdict = self
            .0
            .availability(id, start, end, asked.service_type == "SURGERY");
        let reason_code = verdict.err().unwrap_or_default().to_owned();
        Ok(Response::new(staff::CheckAvailabilityResponse {
            available: verdict.is_ok(),
            reason_code,
        }))
    }
}

/// The booking process as staff, billing and notifications see it.
pub(crate) struct Answers(pub(crate) Arc<World>);

impl Handle<PractitionerVerificationRequested> for Answers {
    async fn handle(
        &self,
        tx: &mut Tx,
        delivery: Delivery<PractitionerVerificationRequested>,
    ) -> Result<(), Failure> {
        let asked = delivery.event;
        lock(&self.0.verifications).push(asked.clone());
        if self.0.staff_are_silent.load(Ordering::SeqCst) {
            return Ok(());
        }
        let id = asked
            .practitioner_id
            .parse()
            .map_err(|_| galen_contracts::convert::WireError::Malformed("practitioner_id"))?;
        let (start, end) = (
            instant("start", asked.start.as_ref())?,
            instant("end", asked.end.as_ref())?,
        );
        let surgery = asked.service_type() == galen_contracts::scheduling::v1::ServiceType::Surgery;
        let verdict = match &*lock(&self.0.verdict) {
            Some(reason) => Err(reason.clone()),
            None => self
                .0
                .availability(id, start, end, surgery)
                .map_err(str::to_owned),
        };
        tx.publish(&staff::PractitionerVerified {
            practitioner_id: asked.practitioner_id,
            process_id: asked.process_id,
            command_id: asked.command_id,
            available: verdict.is_ok(),
            reason_code: verdict.err().unwrap_or_default(),
        });
        Ok(())
    }
}

impl Handle<ConfirmationRequested> for Answers {
    async fn handle(
        &self,
        tx: &mut Tx,
        delivery: Delivery<ConfirmationRequested>,
    ) -> Result<(), Failure> {
        let asked = delivery.event;
        lock(&self.0.confirmations).push(asked.clone());
        if !self.0.notifications_are_silent.load(Ordering::SeqCst) {
            tx.publish(&ConfirmationQueued {
                appointment_id: asked.appointment_id,
                process_id: asked.process_id,
                command_id: asked.command_id,
                message_id: "m".into(),
            });
        }
        Ok(())
    }
}

impl Handle<QuoteRequested> for Answers {
    async fn handle(&self, tx: &mut Tx, delivery: Delivery<QuoteRequested>) -> Result<(), Failure> {
        let asked = delivery.event;
        lock(&self.0.quotes).push(asked.clone());
        if self.0.billing_is_silent.load(Ordering::SeqCst) {
            return Ok(());
        }
        let service_type = asked.service_type().as_str_name();
        let service_type = service_type.trim_start_matches("SERVICE_TYPE_");
        let is_insured = asked.payment_mode() == PaymentMode::Insurance;
        tx.publish(&AppointmentQuoted {
            estimate: Some(self.0.estimate(service_type, is_insured)),
            appointment_id: asked.appointment_id,
            process_id: asked.process_id,
            command_id: asked.command_id,
            patient_id: asked.patient_id,
        });
        Ok(())
    }
}

impl Handle<PrepaymentRequested> for Answers {
    async fn handle(
        &self,
        tx: &mut Tx,
        delivery: Delivery<PrepaymentRequested>,
    ) -> Result<(), Failure> {
        let asked = delivery.event;
        lock(&self.0.prepayments).push(asked.clone());
        if self.0.billing_is_silent.load(Ordering::SeqCst) {
            return Ok(());
        }
        let minor = asked.amount.as_ref().map_or(0, |amount| amount.minor);
        let is_there = match &mut *lock(&self.0.purse) {
            Some(purse) if *purse < minor => false,
            Some(purse) => {
                *purse -= minor;
                true
            }
            None => true,
        };
        if is_there {
            tx.publish(&PrepaymentHeld {
                appointment_id: asked.appointment_id,
                process_id: asked.process_id,
                command_id: asked.command_id,
                patient_id: asked.patient_id,
                held: asked.amount,
            });
        } else {
            tx.publish(&PrepaymentRefused {
                appointment_id: asked.appointment_id,
                process_id: asked.process_id,
                command_id: asked.command_id,
                patient_id: asked.patient_id,
                reason_code: "INSUFFICIENT_FUNDS".into(),
            });
        }
        Ok(())
    }
}
