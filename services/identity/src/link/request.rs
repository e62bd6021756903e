//! Asking for a link. The notifications service hears of it, mints the secret at
//! the moment of sending, and no secret exists before.

use galen_contracts::identity::v1::CredentialLinkRequested;
use galen_eventing::Publish as _;
use galen_kernel::Timestamp;
use galen_storage::{Error, Tx};

use super::model::{Link, Purpose};
use super::store;
use crate::account::Account;

/// Asks for a link to an account's owner. An account's own address is used before
/// that of its patient record.
pub(crate) async fn request(
    tx: &mut Tx,
    account: &Account,
    purpose: Purpose,
    now: Timestamp,
) -> Result<(), Error> {
    let link = Link::new(tx.clock().id(), account.id, purpose, now);
    store::insert(tx.conn(), &link).await?;
    let patient = account.patient.filter(|_| account.email.is_none());
    tx.publish(&CredentialLinkRequested {
        link_id: link.id.to_string(),
        user_id: account.id.to_string(),
        patient_id: patient.map_or_else(String::new, |patient| patient.to_string()),
        purpose: purpose.wire().into(),
    });
    Ok(())
}
