//! Finds money that is held for appointments that are over.
//!
//! Voiding a charge gives back what was paid before it, and issuing an invoice takes it. But
//! a question of the booking process may be heard after both, when what it asks for is not
//! wanted any more; whoever comes later looks here.

use galen_kernel::Problem;
use uuid::Uuid;

use super::model::PrepaymentId;
use super::store;
use crate::Billing;

/// How many are looked at in one round.
const BATCH: i64 = 100;

/// Compares what is held with what was charged; says of how many nothing is held any more.
///
/// # Errors
/// When the database fails; what was settled until then stays.
pub async fn settle_all(billing: &Billing) -> Result<u64, Problem> {
    let mut settled = 0;
    let mut after = PrepaymentId::from_uuid(Uuid::nil());
    loop {
        let found = store::left(billing.db.pool(), after, BATCH).await?;
        for id in &found {
            settled += u64::from(settle_one(billing, *id).await?);
        }
        match found.last() {
            Some(last) if i64::try_from(found.len()).is_ok_and(|found| found == BATCH) => {
                after = *last;
            }
            _ => return Ok(settled),
        }
    }
}

async fn settle_one(billing: &Billing, id: PrepaymentId) -> Result<bool, Problem> {
    let mut tx = billing.db.begin().await?;
    let Some(prepayment) = store::lock_by_id(&mut tx, id).await? else {
        return Ok(false);
    };
    let before = prepayment.version;
    let after = billing.prepayments.compare(&mut tx, prepayment).await?;
    tx.commit().await?;
    Ok(after.version > before)
}
