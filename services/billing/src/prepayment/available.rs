//! What a patient could pay now: a look before booking, which promises nothing.

use galen_contracts::ids::{AppointmentId, PatientId};
use galen_contracts::securepay::v1 as securepay;
use galen_kernel::Currency;
use galen_service::PeerError;
use galen_service::rpc::ask;

use super::store;
use crate::Billing;

/// What the patient's fullest wallet has, and what was paid for the appointment that is
/// replaced; minor units. `None` when nobody answers.
pub async fn available(
    billing: &Billing,
    patient: PatientId,
    replaces: Option<AppointmentId>,
) -> Option<i64> {
    let currency = billing.currency;
    let held = match replaces {
        None => 0,
        Some(old) => match store::held(billing.db.pool(), old, currency.code()).await {
            Ok(held) => held,
            Err(error) => {
                tracing::warn!(%error, "nobody knows what was paid before");
                return None;
            }
        },
    };
    match wallets(billing, patient, currency).await {
        Ok(wallets) => {
            let fullest = wallets.first().map_or(0, |wallet| wallet.available.max(0));
            Some(fullest.saturating_add(held))
        }
        Err(error) => {
            tracing::warn!(%error, "nobody knows what is in a wallet");
            None
        }
    }
}

/// The open wallets of a patient, the fullest first.
///
/// # Errors
/// When SecurePay does not answer.
pub(super) async fn wallets(
    billing: &Billing,
    patient: PatientId,
    currency: Currency,
) -> Result<Vec<securepay::Account>, PeerError> {
    let mut accounts = billing.accounts.clone();
    let question = securepay::FindWalletsRequest {
        patient_id: patient.to_string(),
        currency: currency.code().to_owned(),
    };
    let asked = ask("securepay", question, |request| async move {
        accounts.find_wallets(request).await
    });
    Ok(asked.await?.wallets)
}
