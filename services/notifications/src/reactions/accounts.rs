//! Accounts: a link to set a password or to log in goes out by mail or SMS.

use galen_contracts::convert::{self, WireError};
use galen_contracts::identity::v1::{CredentialLinkPurpose, CredentialLinkRequested};
use galen_eventing::{Delivery, Failure, Handle};
use galen_storage::Tx;
use uuid::Uuid;

use crate::message::{NewMessage, Params, Queue, Recipient};
use crate::reactions::appointments::traceparent;
use crate::template::TemplateName;

/// Hears of links that are wanted. Their secret is minted when they are sent; here
/// only the link's id is stored.
pub struct Accounts {
    /// Where the messages go.
    pub queue: Queue,
}

impl Handle<CredentialLinkRequested> for Accounts {
    async fn handle(
        &self,
        tx: &mut Tx,
        delivery: Delivery<CredentialLinkRequested>,
    ) -> Result<(), Failure> {
        let Delivery { event, meta } = delivery;
        let template = match event.purpose() {
            CredentialLinkPurpose::SetPassword => TemplateName::AccountWelcome,
            CredentialLinkPurpose::ResetPassword => TemplateName::PasswordReset,
            CredentialLinkPurpose::LogIn => TemplateName::LoginLink,
            CredentialLinkPurpose::Unspecified => {
                return Err(WireError::Malformed("purpose").into());
            }
        };
        let recipient = match convert::optional_id("patient_id", &event.patient_id)? {
            Some(patient) => Recipient::Patient(patient),
            None => Recipient::User(convert::id("user_id", &event.user_id)?),
        };
        let link_id: Uuid = event
            .link_id
            .parse()
            .map_err(|_| WireError::Malformed("link_id"))?;
        let message = NewMessage {
            recipient,
            template,
            params: Params::Link { link_id },
            dedupe_key: format!("event:{}", meta.id),
            expires_at: None,
            correlation_id: meta.correlation_id,
            traceparent: traceparent(&meta),
        };
        self.queue.add(tx, &message).await?;
        Ok(())
    }
}
