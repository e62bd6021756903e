//! Captures charges, and prices them.

use galen_contracts::billing::v1 as events;
use galen_eventing::Publish as _;
use galen_storage::{Error, Tx};
use galen_vault::Sealed;
use sqlx::PgConnection;

use super::error::ChargeError;
use super::model::{Charge, Price, Status};
use super::store;
use crate::catalogue;
use crate::journal::post::to_wire;
use crate::words::Words;

/// Captures a charge with the price in force on its day; without one it waits for it.
/// `None`: there is one for its source already.
///
/// # Errors
/// As [`store::insert`].
pub async fn capture(
    tx: &mut Tx,
    mut charge: Charge,
    reason: Option<&Sealed<Words>>,
) -> Result<Option<Charge>, ChargeError> {
    charge.price = price(tx, &charge).await?;
    charge.status = match charge.price {
        Some(_) => Status::Priced,
        None => Status::Held,
    };
    if !store::insert(tx, &charge, reason).await? {
        return Ok(None);
    }
    tx.publish(&events::ChargeCaptured {
        charge_id: charge.id.to_string(),
        patient_id: charge.patient.to_string(),
        service_code: charge.code.clone(),
        source_id: charge.source.map(|id| id.to_string()).unwrap_or_default(),
    });
    tell_price(tx, &charge);
    Ok(Some(charge))
}

/// Says what a charge costs, or that nobody knows.
pub(super) fn tell_price(tx: &mut Tx, charge: &Charge) {
    match &charge.price {
        Some(price) => tx.publish(&events::ChargePriced {
            charge_id: charge.id.to_string(),
            patient_id: charge.patient.to_string(),
            amount: Some(to_wire(price.amount)),
        }),
        None => {
            metrics::counter!("billing_charges_unpriced_total").increment(1);
            tx.publish(&events::ChargeUnpriced {
                charge_id: charge.id.to_string(),
                patient_id: charge.patient.to_string(),
                service_code: charge.code.clone(),
            });
        }
    }
}

/// The price in force on the day of the service. What is free has a tariff that says so;
/// an amount that cannot be written down is no price.
///
/// # Errors
/// When the database fails.
pub async fn price(db: &mut PgConnection, charge: &Charge) -> Result<Option<Price>, Error> {
    let found = catalogue::price(
        db,
        &charge.code,
        None,
        charge.class.name(),
        charge.served_on,
    )
    .await?;
    Ok(found.and_then(|found| {
        Price::of(
            found.amount,
            charge.quantity,
            found.tariff.uuid(),
            found.category,
        )
    }))
}
