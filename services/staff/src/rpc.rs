//! What other services ask staff: names, and whether somebody works.

use std::sync::Arc;

use galen_contracts::convert;
use galen_contracts::ids::PractitionerId;
use galen_contracts::staff::v1::staff_directory_server::StaffDirectory;
use galen_contracts::staff::v1::{
    CheckAvailabilityRequest, CheckAvailabilityResponse, GetPractitionersRequest,
    GetPractitionersResponse, Practitioner,
};
use galen_service::rpc::status;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::Staff;
use crate::availability::check::LONGEST;
use crate::availability::model::{ServiceType, Unavailable, decide};
use crate::availability::store as availability;
use crate::interval::Interval;
use crate::practitioner::{model, store};

/// How many practitioners one question may name.
const MOST_PRACTITIONERS: usize = 500;

/// Answers over gRPC.
pub struct Directory(pub Arc<Staff>);

fn invalid(error: impl std::fmt::Display) -> Status {
    Status::invalid_argument(error.to_string())
}

impl From<model::Practitioner> for Practitioner {
    fn from(practitioner: model::Practitioner) -> Self {
        let profile = practitioner.profile;
        Self {
            practitioner_id: practitioner.id.to_string(),
            given_name: profile.given_name.into_inner(),
            family_name: profile.family_name.into_inner(),
            specialty: profile.specialty,
            department: profile.department,
            active: practitioner.active,
            user_id: profile.user_id.map(|id| id.to_string()).unwrap_or_default(),
        }
    }
}

#[tonic::async_trait]
impl StaffDirectory for Directory {
    async fn get_practitioners(
        &self,
        request: Request<GetPractitionersRequest>,
    ) -> Result<Response<GetPractitionersResponse>, Status> {
        let ids = request.into_inner().practitioner_ids;
        if ids.len() > MOST_PRACTITIONERS {
            return Err(invalid(format_args!(
                "at most {MOST_PRACTITIONERS} practitioners at a time"
            )));
        }
        let ids: Vec<Uuid> = ids
            .iter()
            .map(|id| convert::id("practitioner_ids", id).map(|id: PractitionerId| id.uuid()))
            .collect::<Result<_, _>>()
            .map_err(invalid)?;
        let practitioners = store::get_all(self.0.db.pool(), &ids)
            .await
            .map_err(|error| status(error.into()))?;
        Ok(Response::new(GetPractitionersResponse {
            practitioners: practitioners.into_iter().map(Practitioner::from).collect(),
        }))
    }

    async fn check_availability(
        &self,
        request: Request<CheckAvailabilityRequest>,
    ) -> Result<Response<CheckAvailabilityResponse>, Status> {
        let asked = request.into_inner();
        let practitioner: PractitionerId =
            convert::id("practitioner_id", &asked.practitioner_id).map_err(invalid)?;
        let start = convert::instant("start", asked.start.as_ref()).map_err(invalid)?;
        let end = convert::instant("end", asked.end.as_ref()).map_err(invalid)?;
        let wanted =
            Interval::new(start, end).map_err(|error| invalid(format_args!("end {error}")))?;
        if wanted.length() > LONGEST {
            return Err(invalid("end must be at most seven days after the start"));
        }
        let service = ServiceType::named(&asked.service_type)
            .ok_or_else(|| invalid("service_type is unknown"))?;
        let facts = availability::facts(self.0.db.pool(), practitioner, wanted)
            .await
            .map_err(|error| status(error.into()))?;
        let reason = decide(facts.as_ref(), wanted, service).err();
        Ok(Response::new(CheckAvailabilityResponse {
            available: reason.is_none(),
            reason_code: reason.map_or("", Unavailable::code).to_owned(),
        }))
    }
}
