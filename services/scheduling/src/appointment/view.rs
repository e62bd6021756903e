//! An appointment as the API shows it.

use galen_kernel::Timestamp;
use galen_service::MoneyView;
use galen_vault::{Column, Error, Keyring, Sealed, Vault};
use serde::Serialize;
use sqlx::PgConnection;
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::{Actor, Appointment, Status};
use super::words::{self, NOTE, REASON, Words};
use crate::prepayment::{self, Prepayment};
use crate::price::{PriceStatus, Quote};
use crate::service_type::{PaymentMode, ServiceType};

/// Who is expected to pay how much.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PriceEstimate)]
pub struct EstimateView {
    /// The patient.
    pub patient: MoneyView,
    /// The insurer.
    pub insurer: MoneyView,
    /// What the patient is asked to pay before the appointment, by the rules of the
    /// hospital; whether they have, the appointment's `prepayment` says.
    pub prepayment: MoneyView,
}

impl From<Quote> for EstimateView {
    fn from(quote: Quote) -> Self {
        Self {
            patient: quote.money(quote.patient).into(),
            insurer: quote.money(quote.insurer).into(),
            prepayment: quote.money(quote.prepayment).into(),
        }
    }
}

/// What the patient is asked to pay before an appointment, and what became of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AppointmentPrepayment)]
pub struct PrepaymentView {
    /// How much.
    pub amount: MoneyView,
    /// Whether it is there.
    pub status: prepayment::Status,
}

impl From<Prepayment> for PrepaymentView {
    fn from(prepayment: Prepayment) -> Self {
        Self {
            amount: prepayment.amount.into(),
            status: prepayment.status,
        }
    }
}

/// Why and by whom an appointment was cancelled.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Cancellation)]
#[serde(rename_all = "camelCase")]
pub struct CancellationView {
    /// `PATIENT_REQUEST`, `PRACTITIONER_UNAVAILABLE`, `PATIENT_DEACTIVATED`, …
    #[schema(example = "PATIENT_REQUEST")]
    pub reason_code: String,
    /// In somebody's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who.
    pub by: Actor,
}

/// A time that a patient has with a practitioner.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Appointment)]
#[serde(rename_all = "camelCase")]
pub struct AppointmentView {
    /// Its id.
    pub id: Uuid,
    /// Where it stands.
    pub status: Status,
    /// For `If-Match`.
    pub version: i64,
    /// The patient, as booked.
    pub patient_id: Uuid,
    /// With whom.
    pub practitioner_id: Uuid,
    /// From then on.
    pub start: Timestamp,
    /// Up to then.
    pub end: Timestamp,
    /// What for.
    pub service_type: ServiceType,
    /// Who is to pay.
    pub payment_mode: PaymentMode,
    /// In the patient's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The practitioner is no longer there at that time: it must be moved.
    pub needs_reschedule: bool,
    /// Why it must be moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "ON_LEAVE")]
    pub needs_reschedule_reason: Option<String>,
    /// Whether it has a price, and why not.
    pub price_status: PriceStatus,
    /// What it cost by the tariff when it was booked; null when there was no price, or
    /// billing has not said it.
    #[schema(required = true)]
    pub price: Option<MoneyView>,
    /// Who is expected to pay it; null without a price.
    #[schema(required = true)]
    pub estimate: Option<EstimateView>,
    /// What is to be paid before it; absent when nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prepayment: Option<PrepaymentView>,
    /// Why it was cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancellation: Option<CancellationView>,
    /// The appointment whose place it takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaces_id: Option<Uuid>,
    /// The appointment that takes its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaced_by_id: Option<Uuid>,
    /// The series it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub series_id: Option<Uuid>,
    /// When it was booked.
    pub booked_at: Timestamp,
}

impl AppointmentView {
    /// An appointment, with what was said about it.
    ///
    /// # Errors
    /// When the database fails, or what is sealed does not open.
    pub async fn open(
        vault: &Vault,
        db: &mut PgConnection,
        appointment: Appointment,
    ) -> Result<Self, Error> {
        let ring = words::keyring(vault, db, std::slice::from_ref(&appointment)).await?;
        let id = appointment.id.uuid();
        let prepaid = prepayment::store::of(db, &[id]).await?.remove(&id);
        Self::of(&ring, appointment, prepaid)
    }

    /// Appointments, with what was said about them: one query for all keys that are not
    /// remembered.
    ///
    /// # Errors
    /// When the database fails, or what is sealed does not open.
    pub async fn open_all(
        vault: &Vault,
        db: &mut PgConnection,
        appointments: Vec<Appointment>,
    ) -> Result<Vec<Self>, Error> {
        let ring = words::keyring(vault, db, &appointments).await?;
        let ids: Vec<Uuid> = appointments.iter().map(|a| a.id.uuid()).collect();
        let mut prepaid = prepayment::store::of(db, &ids).await?;
        appointments
            .into_iter()
            .map(|appointment| {
                let prepaid = prepaid.remove(&appointment.id.uuid());
                Self::of(&ring, appointment, prepaid)
            })
            .collect()
    }

    fn of(
        ring: &Keyring,
        appointment: Appointment,
        prepaid: Option<Prepayment>,
    ) -> Result<Self, Error> {
        let of = (appointment.patient, appointment.id);
        let open = |column: &Column<Words>, sealed: Option<&Sealed<Words>>| {
            let words = words::open(ring, column, of, sealed)?;
            Ok::<_, Error>(words.map(|words| String::from(words.into_inner())))
        };
        let reason = open(&REASON, appointment.reason.as_ref())?;
        let cancellation = appointment
            .cancellation
            .map(|cancellation| {
                Ok::<_, Error>(CancellationView {
                    reason_code: cancellation.reason_code,
                    reason: open(&NOTE, cancellation.note.as_ref())?,
                    by: cancellation.by,
                })
            })
            .transpose()?;
        Ok(Self {
            id: appointment.id.uuid(),
            status: appointment.status,
            version: appointment.version,
            patient_id: appointment.patient.uuid(),
            practitioner_id: appointment.practitioner.uuid(),
            start: appointment.during.start(),
            end: appointment.during.end(),
            service_type: appointment.service_type,
            payment_mode: appointment.payment_mode,
            reason,
            needs_reschedule: appointment.ground_lost.is_some(),
            needs_reschedule_reason: appointment.ground_lost,
            price_status: appointment.pricing.status(),
            price: appointment
                .pricing
                .quote()
                .map(|quote| quote.price().into()),
            estimate: appointment.pricing.quote().map(EstimateView::from),
            prepayment: prepaid.map(PrepaymentView::from),
            cancellation,
            replaces_id: appointment.replaces.map(|id| id.uuid()),
            replaced_by_id: appointment.replaced_by.map(|id| id.uuid()),
            series_id: appointment.series.map(|id| id.uuid()),
            booked_at: appointment.booked_at,
        })
    }
}
