//! An entry of the waitlist as the API shows it.

use galen_kernel::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::{Entry, State, Status, Wish};
use crate::service_type::{PaymentMode, ServiceType};

/// A slot that is kept for somebody.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SlotOffer)]
#[serde(rename_all = "camelCase")]
pub struct OfferView {
    /// Whose time.
    pub practitioner_id: Uuid,
    /// From then on.
    pub start: Timestamp,
    /// Up to then.
    pub end: Timestamp,
    /// Until then it can be accepted.
    pub expires_at: Timestamp,
}

/// Somebody who waits.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WaitlistEntry)]
#[serde(rename_all = "camelCase")]
pub struct EntryView {
    /// Its id.
    pub id: Uuid,
    /// Who.
    pub patient_id: Uuid,
    /// With this practitioner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub practitioner_id: Option<Uuid>,
    /// With anybody who practises this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub specialty: Option<String>,
    /// What for.
    pub service_type: ServiceType,
    /// Who is to pay.
    pub payment_mode: PaymentMode,
    /// Not before.
    pub earliest: Timestamp,
    /// Over by then.
    pub latest: Timestamp,
    /// Where it stands.
    pub status: Status,
    /// What is offered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offer: Option<OfferView>,
    /// What came of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub appointment_id: Option<Uuid>,
    /// Since when; who came first is asked first.
    pub created_at: Timestamp,
    /// For `If-Match`.
    pub version: i64,
}

impl From<Entry> for EntryView {
    fn from(entry: Entry) -> Self {
        let (practitioner_id, specialty) = match entry.wish {
            Wish::Practitioner(id) => (Some(id.uuid()), None),
            Wish::Specialty(specialty) => (None, Some(specialty)),
        };
        let offer = match entry.state {
            State::Offered(offer) => Some(OfferView {
                practitioner_id: offer.practitioner.uuid(),
                start: offer.during.start(),
                end: offer.during.end(),
                expires_at: offer.expires_at,
            }),
            _ => None,
        };
        let appointment_id = match entry.state {
            State::Booked(appointment) => Some(appointment.uuid()),
            _ => None,
        };
        Self {
            id: entry.id.uuid(),
            patient_id: entry.patient.uuid(),
            practitioner_id,
            specialty,
            service_type: entry.service_type,
            payment_mode: entry.payment_mode,
            earliest: entry.window.start(),
            latest: entry.window.end(),
            status: entry.state.status(),
            offer,
            appointment_id,
            created_at: entry.created_at,
            version: entry.version,
        }
    }
}
