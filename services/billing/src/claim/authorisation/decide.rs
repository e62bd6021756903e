//! Asking payers to agree.

use galen_kernel::Problem;

use super::store;
use crate::Billing;
use crate::claim::payer::{Authorisation, AuthorisationRequest};

/// Asks about all that is not decided; returns how many are now.
///
/// # Errors
/// When the database fails. A payer that does not answer is asked again.
pub async fn ask_all(billing: &Billing) -> Result<u64, Problem> {
    let mut decided = 0;
    for asked in store::undecided(billing.db.pool()).await? {
        let request = AuthorisationRequest {
            id: asked.id.uuid(),
            quantity: asked.quantity,
            from: asked.from,
            to: asked.to,
        };
        let number = match billing.payer.authorise(&request).await {
            Ok(Some(Authorisation::Approved(number))) => Some(number),
            Ok(Some(Authorisation::Denied)) => None,
            Ok(None) => continue,
            Err(error) => {
                tracing::warn!(
                    id = %asked.id,
                    error = &error as &dyn std::error::Error,
                    "a payer did not answer"
                );
                continue;
            }
        };
        let now = billing.clock.now();
        let is_new = store::decide(billing.db.pool(), asked.id, number.as_deref(), now).await?;
        decided += u64::from(is_new);
    }
    Ok(decided)
}
