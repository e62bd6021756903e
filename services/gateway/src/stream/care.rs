//! Asks patients whom somebody may see: who cares for whom is known there only.

use std::collections::{BTreeSet, HashSet};

use galen_access::Principal;
use galen_contracts::ids::PatientId;
use galen_contracts::patients::v1::ListReachedRequest;
use galen_contracts::patients::v1::care_directory_client::CareDirectoryClient;
use galen_service::rpc::ask;
use galen_service::{PeerError, Peers};
use tonic::transport::Channel;

/// Most patients of one question.
const MOST: usize = 500;

/// Knows who may be seen now, and remembers nothing: care ends, and glass mends.
#[derive(Clone)]
pub(crate) struct Care {
    client: CareDirectoryClient<Channel>,
}

impl Care {
    /// Asks the patients service.
    pub(crate) fn new(peers: &Peers) -> Self {
        Self {
            client: CareDirectoryClient::new(peers.channel("patients")),
        }
    }

    /// Those of some patients whom somebody who treats may see.
    ///
    /// # Errors
    /// When the patients service did not answer: that is neither yes nor no.
    pub(crate) async fn reached(
        &self,
        who: &Principal,
        patients: &BTreeSet<PatientId>,
    ) -> Result<HashSet<PatientId>, PeerError> {
        let Some(practitioner) = who.practitioner_id else {
            return Ok(HashSet::new());
        };
        let ids: Vec<String> = patients.iter().map(ToString::to_string).collect();
        let mut reached = HashSet::new();
        for ids in ids.chunks(MOST) {
            let question = ListReachedRequest {
                practitioner_id: practitioner.to_string(),
                user_id: who.user_id.to_string(),
                patient_ids: ids.to_vec(),
            };
            let mut client = self.client.clone();
            let answer = ask("patients", question, |request| async move {
                client.list_reached(request).await
            })
            .await?;
            let known = |id: &String| id.parse::<PatientId>().ok();
            reached.extend(answer.patient_ids.iter().filter_map(known));
        }
        Ok(reached)
    }
}
