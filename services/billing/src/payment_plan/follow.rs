//! What becomes of plans: something is paid, or it is not.

use galen_contracts::billing::v1::{PaymentPlanCompleted, PaymentPlanDefaulted};
use galen_eventing::Publish as _;
use galen_kernel::{Money, Problem};
use galen_storage::{Error, Tx};

use super::error::PaymentPlanError;
use super::model::PaymentPlanId;
use super::store;
use crate::Billing;
use crate::invoice::model::InvoiceId;
use crate::journal::post::to_wire;

/// How many plans are read at a time.
const BATCH: i64 = 100;

/// What is owed of a locked invoice has changed: its plan is over if nothing is left of it.
///
/// # Errors
/// When the database fails.
pub async fn follow(tx: &mut Tx, invoice: InvoiceId) -> Result<(), Error> {
    let Some(mut plan) = store::lock_of(tx, invoice).await? else {
        return Ok(());
    };
    if plan.complete(tx.clock().now()) {
        store::change(tx, &plan).await?;
        tx.publish(&PaymentPlanCompleted {
            plan_id: plan.id.to_string(),
            patient_id: plan.patient.to_string(),
        });
    }
    Ok(())
}

/// Gives up the plans of which an instalment was not paid within the grace, by the days of
/// the hospital; says how many.
///
/// # Errors
/// When the database fails.
pub async fn give_up_all(billing: &Billing) -> Result<u64, Problem> {
    let today = billing.clock.now().to_zoned(billing.zone.clone()).date();
    let last = today.saturating_sub(billing.plan_grace);
    let (mut done, mut after) = (0, None);
    loop {
        let found = store::with_instalments_before(billing.db.pool(), last, after, BATCH).await?;
        let Some(end) = found.last() else {
            return Ok(done);
        };
        after = Some(end.uuid());
        for id in found {
            done += u64::from(give_up_one(billing, id).await?);
        }
    }
}

async fn give_up_one(billing: &Billing, id: PaymentPlanId) -> Result<bool, Problem> {
    let mut tx = billing.db.begin().await?;
    let mut plan = match store::lock(&mut tx, id).await {
        Ok(plan) => plan,
        Err(PaymentPlanError::Storage(error)) => return Err(error.into()),
        Err(error) => return Err(Problem::internal(error)),
    };
    let now = tx.clock().now();
    let today = now.to_zoned(billing.zone.clone()).date();
    let overdue = plan.overdue(today);
    if !plan.give_up(now, today, billing.plan_grace) {
        return Ok(false);
    }
    store::change(&mut tx, &plan).await?;
    tx.publish(&PaymentPlanDefaulted {
        plan_id: plan.id.to_string(),
        patient_id: plan.patient.to_string(),
        overdue: Some(to_wire(Money {
            minor: overdue,
            currency: plan.currency,
        })),
    });
    tx.commit().await?;
    Ok(true)
}
