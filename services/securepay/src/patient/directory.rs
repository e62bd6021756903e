//! Questions to the patients service.

use galen_contracts::ids::PatientId;
use galen_contracts::patients::v1::patient_directory_client::PatientDirectoryClient;
use galen_contracts::patients::v1::{GetPatientRequest, PatientStatus};
use galen_service::rpc::ask;
use galen_service::{PeerError, Peers};
use tonic::transport::Channel;

use crate::wallet::model::Holder;

/// Knows who is a patient.
#[derive(Clone)]
pub struct Patients(PatientDirectoryClient<Channel>);

impl Patients {
    /// Asks the patients service.
    #[must_use]
    pub fn new(peers: &Peers) -> Self {
        Self(PatientDirectoryClient::new(peers.channel("patients")))
    }

    /// Whether a record can get a wallet: not one that is closed or merged into another,
    /// or of a patient who has died.
    ///
    /// # Errors
    /// When the patients service did not answer: that is neither yes nor no.
    pub async fn standing(&self, patient: PatientId) -> Result<Holder, PeerError> {
        let mut client = self.0.clone();
        let question = GetPatientRequest {
            patient_id: patient.to_string(),
        };
        let answer = ask("patients", question, |request| async move {
            client.get_patient(request).await
        });
        match answer.await {
            Ok(answer) if answer.status() == PatientStatus::Active => Ok(Holder::Active),
            Ok(_) => Ok(Holder::Inactive),
            Err(PeerError::NotFound { .. }) => Ok(Holder::Unknown),
            Err(error) => Err(error),
        }
    }
}
