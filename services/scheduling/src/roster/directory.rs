//! Questions to the staff service.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use galen_contracts::convert::to_wire;
use galen_contracts::ids::PractitionerId;
use galen_contracts::staff::v1::staff_directory_client::StaffDirectoryClient;
use galen_contracts::staff::v1::{CheckAvailabilityRequest, GetPractitionersRequest};
use galen_service::rpc::ask;
use galen_service::{PeerError, Peers};
use moka::future::Cache;
use tonic::transport::Channel;
use uuid::Uuid;

use crate::interval::Interval;
use crate::service_type::ServiceType;

const REMEMBERED: u64 = 100_000;
/// Names are forgotten when staff say that they changed; this bounds it in the
/// processes that do not hear it.
const FRESH: Duration = Duration::from_secs(600);
/// How many practitioners one question may name.
const AT_ONCE: usize = 500;

/// How a practitioner is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Given and family name.
    pub name: String,
    /// What they practise.
    pub specialty: String,
}

/// Knows names and asks about availability.
#[derive(Clone)]
pub struct Practitioners {
    client: StaffDirectoryClient<Channel>,
    profiles: Cache<Uuid, Arc<Profile>>,
}

impl Practitioners {
    /// Asks the staff service.
    #[must_use]
    pub fn new(peers: &Peers) -> Self {
        Self {
            client: StaffDirectoryClient::new(peers.channel("staff")),
            profiles: Cache::builder()
                .max_capacity(REMEMBERED)
                .time_to_live(FRESH)
                .build(),
        }
    }

    /// The profiles of practitioners, in the given order; `None` for whom staff do
    /// not know.
    ///
    /// # Errors
    /// When staff did not answer.
    pub async fn profiles(&self, ids: &[Uuid]) -> Result<Vec<Option<Arc<Profile>>>, PeerError> {
        let mut profiles = Vec::with_capacity(ids.len());
        for id in ids {
            profiles.push(self.profiles.get(id).await);
        }
        let missing: Vec<Uuid> = ids
            .iter()
            .zip(&profiles)
            .filter(|(_, known)| known.is_none())
            .map(|(id, _)| *id)
            .collect();
        if !missing.is_empty() {
            let asked = self.ask_profiles(&missing).await?;
            for (id, profile) in ids
                .iter()
                .zip(&mut profiles)
                .filter(|(_, known)| known.is_none())
            {
                *profile = asked.get(id).cloned();
            }
        }
        Ok(profiles)
    }

    async fn ask_profiles(&self, ids: &[Uuid]) -> Result<HashMap<Uuid, Arc<Profile>>, PeerError> {
        let mut known = HashMap::with_capacity(ids.len());
        for some in ids.chunks(AT_ONCE) {
            let mut client = self.client.clone();
            let question = GetPractitionersRequest {
                practitioner_ids: some.iter().map(Uuid::to_string).collect(),
            };
            let answer = ask("staff", question, |request| async move {
                client.get_practitioners(request).await
            })
            .await?;
            for practitioner in answer.practitioners {
                let Ok(id) = practitioner.practitioner_id.parse::<Uuid>() else {
                    continue;
                };
                let name = format!("{} {}", practitioner.given_name, practitioner.family_name)
                    .trim()
                    .to_owned();
                let profile = Arc::new(Profile {
                    name,
                    specialty: practitioner.specialty,
                });
                self.profiles.insert(id, Arc::clone(&profile)).await;
                known.insert(id, profile);
            }
        }
        Ok(known)
    }

    /// Whether a practitioner works in the whole interval, and why not. Not
    /// remembered: staff decide it anew every time.
    ///
    /// # Errors
    /// When staff did not answer: that is neither yes nor no.
    pub async fn availability(
        &self,
        practitioner: PractitionerId,
        during: Interval,
        service_type: ServiceType,
    ) -> Result<Result<(), String>, PeerError> {
        let mut client = self.client.clone();
        let question = CheckAvailabilityRequest {
            practitioner_id: practitioner.to_string(),
            start: Some(to_wire(during.start())),
            end: Some(to_wire(during.end())),
            service_type: service_type.name().to_owned(),
        };
        let answer = match ask("staff", question, |request| async move {
            client.check_availability(request).await
        })
        .await
        {
            Ok(answer) => answer,
            Err(PeerError::NotFound { .. }) => return Ok(Err("UNKNOWN".to_owned())),
            Err(error) => return Err(error),
        };
        Ok(if answer.available {
            Ok(())
        } else {
            Err(answer.reason_code)
        })
    }

    /// What was known of a practitioner no longer holds.
    pub async fn forget(&self, practitioner: PractitionerId) {
        self.profiles.invalidate(&practitioner.uuid()).await;
    }
}
