//! Questions to the patients service.

use galen_contracts::ids::PatientId;
use galen_contracts::patients::v1::patient_directory_client::PatientDirectoryClient;
use galen_contracts::patients::v1::{GetPatientRequest, PatientStatus};
use galen_service::rpc::ask;
use galen_service::{PeerError, Peers};
use tonic::transport::Channel;

/// Whether a record can get a wallet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Yes.
    Active,
    /// No: closed or merged into another one, or the patient has died.
    Inactive,
    /// There is no such record.
    Unknown,
}

/// Knows who is a patient.
#[derive(Clone)]
pub struct Patients(PatientDirectoryClient<Channel>);

impl Patients {
    /// Asks the patients service.
    #[must_use]
    pub fn new(peers: &Peers) -> Self {
        Self(PatientDirectoryClient::new(peers.channel("patients")))
    }

    /// Whether a record can get a wallet.
    ///
    /// # Errors
    /// When the patients service did not answer: that is neither yes nor no.
    pub async fn standing(&self, patient: PatientId) -> Result<Standing, PeerError> {
        let mut client = self.0.clone();
        let question = GetPatientRequest {
            patient_id: patient.to_string(),
        };
        let answer = ask("patients", question, |request| async move {
            client.get_patient(request).await
        });
        match answer.await {
            Ok(answer) if answer.status() == PatientStatus::Active => Ok(Standing::Active),
            Ok(_) => Ok(Standing::Inactive),
            Err(PeerError::NotFound { .. }) => Ok(Standing::Unknown),
            Err(error) => Err(error),
        }
    }
}
