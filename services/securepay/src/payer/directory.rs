//! Questions to the billing service.

use galen_contracts::billing::v1::GetPayerRequest;
use galen_contracts::billing::v1::payer_directory_client::PayerDirectoryClient;
use galen_service::rpc::ask;
use galen_service::{PeerError, Peers};
use tonic::transport::Channel;
use uuid::Uuid;

use crate::wallet::model::Holder;

/// Knows who pays for care besides patients.
#[derive(Clone)]
pub struct Payers(PayerDirectoryClient<Channel>);

impl Payers {
    /// Asks the billing service.
    #[must_use]
    pub fn new(peers: &Peers) -> Self {
        Self(PayerDirectoryClient::new(peers.channel("billing")))
    }

    /// Whether a payer can get a wallet: not one with which nothing new is agreed.
    ///
    /// # Errors
    /// When the billing service did not answer: that is neither yes nor no.
    pub async fn standing(&self, payer: Uuid) -> Result<Holder, PeerError> {
        let mut client = self.0.clone();
        let question = GetPayerRequest {
            payer_id: payer.to_string(),
        };
        let answer = ask("billing", question, |request| async move {
            client.get_payer(request).await
        });
        match answer.await {
            Ok(answer) if answer.active => Ok(Holder::Active),
            Ok(_) => Ok(Holder::Inactive),
            Err(PeerError::NotFound { .. }) => Ok(Holder::Unknown),
            Err(error) => Err(error),
        }
    }
}
