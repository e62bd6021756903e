//! Questions to the billing service.

use galen_contracts::billing::v1::GetPayerRequest;
use galen_contracts::billing::v1::payer_directory_client::PayerDirectoryClient;
use galen_service::rpc::ask;
use galen_service::{PeerError, Peers};
use tonic::transport::Channel;
use uuid::Uuid;

/// Whether a payer can get a wallet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Yes.
    Active,
    /// No: nothing new is agreed with it.
    Inactive,
    /// There is no such payer.
    Unknown,
}

/// Knows who pays for care besides patients.
#[derive(Clone)]
pub struct Payers(PayerDirectoryClient<Channel>);

impl Payers {
    /// Asks the billing service.
    #[must_use]
    pub fn new(peers: &Peers) -> Self {
        Self(PayerDirectoryClient::new(peers.channel("billing")))
    }

    /// Whether a payer can get a wallet.
    ///
    /// # Errors
    /// When the billing service did not answer: that is neither yes nor no.
    pub async fn standing(&self, payer: Uuid) -> Result<Standing, PeerError> {
        let mut client = self.0.clone();
        let question = GetPayerRequest {
            payer_id: payer.to_string(),
        };
        let answer = ask("billing", question, |request| async move {
            client.get_payer(request).await
        });
        match answer.await {
            Ok(answer) if answer.active => Ok(Standing::Active),
            Ok(_) => Ok(Standing::Inactive),
            Err(PeerError::NotFound { .. }) => Ok(Standing::Unknown),
            Err(error) => Err(error),
        }
    }
}
