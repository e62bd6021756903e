//! A tariff as the API shows it.

use galen_service::MoneyView;
use jiff::civil::Date;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::{EncounterClass, Tariff};

/// What a service costs from a day on.
#[derive(Serialize, ToSchema)]
#[schema(as = Tariff)]
#[serde(rename_all = "camelCase")]
pub struct TariffView {
    /// Its id.
    pub id: Uuid,
    /// What costs that.
    pub service_code: String,
    /// What it is called on invoices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The kind of the service, by which plans may know it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Agreed with this payer; otherwise for everybody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payer_id: Option<Uuid>,
    /// In encounters of this class; otherwise in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encounter_class: Option<EncounterClass>,
    /// One unit of it.
    pub price: MoneyView,
    /// First day.
    pub valid_from: Date,
    /// First day on which it is no longer the price; the same as the first: never was.
    pub valid_to: Option<Date>,
    /// For `If-Match`.
    pub version: i64,
}

impl From<Tariff> for TariffView {
    fn from(tariff: Tariff) -> Self {
        Self {
            id: tariff.id.uuid(),
            service_code: tariff.service_code,
            name: tariff.name,
            category: tariff.category,
            payer_id: tariff.payer.map(|payer| payer.uuid()),
            encounter_class: tariff.encounter_class,
            price: tariff.price.into(),
            valid_from: tariff.valid_from,
            valid_to: tariff.valid_to,
            version: tariff.version,
        }
    }
}
