//! Questions to the patients service.

use std::time::Duration;

use galen_contracts::ids::PatientId;
use galen_contracts::patients::v1::patient_directory_client::PatientDirectoryClient;
use galen_contracts::patients::v1::{GetPatientRequest, GetPatientResponse, PatientStatus};
use galen_service::rpc::ask;
use galen_service::{PeerError, Peers};
use moka::future::Cache;
use tonic::transport::Channel;

/// How many merges are followed from a record to the one that is in use.
const LONGEST_CHAIN: usize = 8;
/// How long "takes bookings" may be repeated without asking. Events end it at once
/// where they arrive; this bounds it in the processes where they do not.
const FRESH: Duration = Duration::from_secs(5);
const REMEMBERED: u64 = 20_000;

/// Whether a record takes bookings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Yes, under this id: a merged record's survivor.
    Active(PatientId),
    /// No: closed, or the patient has died.
    Inactive,
    /// There is no such record.
    Unknown,
}

/// Knows who can be booked. Only "yes" is remembered, and only for seconds.
#[derive(Clone)]
pub struct Patients {
    client: PatientDirectoryClient<Channel>,
    active: Cache<PatientId, PatientId>,
}

impl Patients {
    /// Asks the patients service.
    #[must_use]
    pub fn new(peers: &Peers) -> Self {
        Self {
            client: PatientDirectoryClient::new(peers.channel("patients")),
            active: Cache::builder()
                .max_capacity(REMEMBERED)
                .time_to_live(FRESH)
                .build(),
        }
    }

    /// Whether a record takes bookings.
    ///
    /// # Errors
    /// When the patients service did not answer: that is neither yes nor no.
    pub async fn standing(&self, patient: PatientId) -> Result<Standing, PeerError> {
        if let Some(survivor) = self.active.get(&patient).await {
            return Ok(Standing::Active(survivor));
        }
        let mut current = patient;
        for _ in 0..LONGEST_CHAIN {
            let answer = match self.get(current).await {
                Ok(answer) => answer,
                Err(PeerError::NotFound { .. }) => return Ok(Standing::Unknown),
                Err(error) => return Err(error),
            };
            match answer.status() {
                PatientStatus::Active => {
                    self.active.insert(patient, current).await;
                    return Ok(Standing::Active(current));
                }
                PatientStatus::Merged => match answer.merged_into_id.parse() {
                    Ok(survivor) => current = survivor,
                    Err(_) => return Ok(Standing::Inactive),
                },
                PatientStatus::Inactive | PatientStatus::Deceased | PatientStatus::Unspecified => {
                    return Ok(Standing::Inactive);
                }
            }
        }
        Ok(Standing::Inactive)
    }

    async fn get(&self, patient: PatientId) -> Result<GetPatientResponse, PeerError> {
        let mut client = self.client.clone();
        let question = GetPatientRequest {
            patient_id: patient.to_string(),
        };
        ask("patients", question, |request| async move {
            client.get_patient(request).await
        })
        .await
    }

    /// What was known of a record no longer holds.
    pub async fn forget(&self, patient: PatientId) {
        self.active.invalidate(&patient).await;
    }
}
