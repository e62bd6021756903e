//! A charge as the API shows it.

use galen_kernel::Timestamp;
use galen_vault::{Error, Vault};
use serde::Serialize;
use sqlx::PgConnection;
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::{EncounterClass, PaymentMode, Status};
use super::store::Row;
use crate::amount::AmountView;
use crate::words::{self, CHARGED};

/// Something that was done and somebody pays for.
#[derive(Serialize, ToSchema)]
#[schema(as = Charge)]
#[serde(rename_all = "camelCase")]
pub struct ChargeView {
    /// Its id.
    pub id: Uuid,
    /// Whose: the record that it was captured for.
    pub patient_id: Uuid,
    /// The appointment that it follows from; without one it was charged by hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub appointment_id: Option<Uuid>,
    /// The stay that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admission_id: Option<Uuid>,
    /// What was done.
    #[schema(example = "CONSULTATION")]
    pub service_code: String,
    /// In which kind of encounter.
    pub encounter_class: EncounterClass,
    /// Who is asked to pay.
    pub payment_mode: PaymentMode,
    /// How many units.
    pub quantity: u32,
    /// When it was done.
    pub served_at: Timestamp,
    /// Where it stands.
    pub status: Status,
    /// What one unit costs; without a price it waits for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit_price: Option<AmountView>,
    /// What all units cost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<AmountView>,
    /// The tariff that says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tariff_id: Option<Uuid>,
    /// The invoice that it is on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invoice_id: Option<Uuid>,
    /// The charge that it corrects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaces_id: Option<Uuid>,
    /// Why it was charged by hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it was captured.
    pub captured_at: Timestamp,
    /// For `If-Match`.
    pub version: i64,
}

impl ChargeView {
    /// Opens what is sealed of some charges.
    ///
    /// # Errors
    /// When the database or the master keys fail.
    pub async fn open_all(
        vault: &Vault,
        db: &mut PgConnection,
        rows: Vec<Row>,
    ) -> Result<Vec<Self>, Error> {
        let sealed = rows.iter().filter_map(|row| row.reason.as_ref());
        let ring = words::keyring(vault, db, sealed).await?;
        rows.into_iter()
            .map(|Row { charge, reason }| {
                let place = (charge.patient, charge.id.uuid());
                let reason = words::open(&ring, &CHARGED, place, reason.as_ref())?;
                let price = charge.price;
                Ok(Self {
                    id: charge.id.uuid(),
                    patient_id: charge.patient.uuid(),
                    appointment_id: charge.source,
                    admission_id: charge.admission,
                    service_code: charge.code,
                    encounter_class: charge.class,
                    payment_mode: charge.mode,
                    quantity: charge.quantity,
                    served_at: charge.served_at,
                    status: charge.status,
                    unit_price: price.as_ref().map(|price| price.unit.into()),
                    amount: price.as_ref().map(|price| price.amount.into()),
                    tariff_id: price.map(|price| price.tariff),
                    invoice_id: charge.invoice,
                    replaces_id: charge.replaces.map(|id| id.uuid()),
                    reason: reason.map(|words| words.into_inner().into()),
                    captured_at: charge.captured_at,
                    version: charge.version,
                })
            })
            .collect()
    }

    /// Opens what is sealed of one.
    ///
    /// # Errors
    /// When the database or the master keys fail.
    pub async fn open(vault: &Vault, db: &mut PgConnection, row: Row) -> Result<Self, Error> {
        let mut views = Self::open_all(vault, db, vec![row]).await?;
        Ok(views.pop().expect("one row makes one view"))
    }
}
