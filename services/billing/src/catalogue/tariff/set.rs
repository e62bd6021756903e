//! `POST /tariffs`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::{Currency, Problem, Violations};
use galen_service::{Answer, Body, Cx, Needs, Outcome, PositiveMoney, Requires};
use jiff::civil::Date;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::{EncounterClass, Tariff, TariffId};
use super::store;
use super::view::TariffView;
use crate::catalogue::PayerId;
use crate::plan::model::LARGEST;
use crate::{Billing, field};

/// What a service is to cost.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetTariff {
    /// Which service; that of an appointment is its `serviceType`.
    #[schema(
        pattern = "^[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}$",
        example = "CONSULTATION"
    )]
    pub service_code: String,
    /// What it is called on invoices.
    #[schema(
        min_length = 1,
        max_length = 120,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
        example = "Consultation, 20 minutes"
    )]
    pub name: Option<String>,
    /// The kind of the service, by which plans may know it.
    #[schema(
        min_length = 1,
        max_length = 64,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
    )]
    pub category: Option<String>,
    /// Agreed with this payer; otherwise for everybody.
    pub payer_id: Option<Uuid>,
    /// In encounters of this class; otherwise in all.
    pub encounter_class: Option<EncounterClass>,
    /// One unit of it.
    pub price: PositiveMoney,
    /// First day.
    #[schema(value_type = String, format = "date")]
    pub valid_from: Date,
    /// First day on which it is no longer the price.
    #[schema(value_type = Option<String>, format = "date")]
    pub valid_to: Option<Date>,
}

impl Requires for SetTariff {
    const NEEDS: Needs = Needs::Permission(Permission::CatalogueManage);
}

impl SetTariff {
    fn parse(self, id: TariffId, currency: Currency) -> Result<Tariff, Problem> {
        let mut wrong = Violations::new();
        field::service_code(&mut wrong, "/serviceCode", &self.service_code);
        let name = self
            .name
            .map(|name| field::line(&mut wrong, "/name", &name, 120));
        let category = self
            .category
            .map(|category| field::line(&mut wrong, "/category", &category, 64));
        field::day(&mut wrong, "/validFrom", self.valid_from);
        if let Some(end) = self.valid_to {
            field::day(&mut wrong, "/validTo", end);
            let ordered = self.valid_from < end;
            wrong.require(
                ordered,
                "/validTo",
                "BEFORE_START",
                "must lie after validFrom",
            );
        }
        let price = self.price.read(&mut wrong, "/price");
        if let Some(price) = price {
            let bearable = price.minor <= LARGEST;
            wrong.require(
                bearable,
                "/price/amount",
                "AMOUNT_TOO_LARGE",
                "is too large",
            );
            let ours = price.currency == currency;
            let message = format!("must be {}", currency.code());
            wrong.require(ours, "/price/currency", "CURRENCY_MISMATCH", &message);
        }
        wrong.finish()?;
        Ok(Tariff {
            id,
            service_code: self.service_code,
            name,
            category,
            payer: self.payer_id.map(PayerId::from_uuid),
            encounter_class: self.encounter_class,
            price: price.expect("a price that is missing was noted"),
            valid_from: self.valid_from,
            valid_to: self.valid_to,
            version: 1,
        })
    }
}

/// Says what a service costs
///
/// From a day on. Another tariff for the same service, payer and class of encounter has to
/// be ended first: what was a price is never changed.
#[utoipa::path(
    post,
    path = "/tariffs",
    operation_id = "setTariff",
    tag = "billing",
    request_body = SetTariff,
    responses((status = 201, description = "The tariff.", body = TariffView)),
)]
pub async fn set(
    cx: Cx<SetTariff>,
    State(billing): State<Arc<Billing>>,
    Body(request): Body<SetTariff>,
) -> Outcome {
    let tariff = request.parse(cx.clock().id(), billing.currency)?;
    cx.about("tariffs", tariff.id);
    let mut tx = cx.begin(&billing.db).await?;
    store::insert(&mut tx, &tariff, cx.now()).await?;
    tx.commit(Answer::created(&TariffView::from(tariff)).version(1))
        .await
}
