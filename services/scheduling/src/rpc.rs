//! What other services may ask about appointments.

use galen_contracts::convert::{self, WireError, instant, to_wire};
use galen_contracts::scheduling::v1::schedule_server::Schedule;
use galen_contracts::scheduling::v1::{
    ListOpenAppointmentsRequest, ListOpenAppointmentsResponse, OpenAppointment,
};
use galen_kernel::Problem;
use galen_service::rpc::status;
use galen_storage::Db;
use tonic::{Request, Response, Status};

use crate::appointment::store;
use crate::interval::Interval;

/// Answers from the appointments.
pub struct ScheduleRpc {
    /// Scheduling's own.
    pub db: Db,
}

fn malformed(error: &WireError) -> Status {
    Status::invalid_argument(error.to_string())
}

#[tonic::async_trait]
impl Schedule for ScheduleRpc {
    async fn list_open_appointments(
        &self,
        request: Request<ListOpenAppointmentsRequest>,
    ) -> Result<Response<ListOpenAppointmentsResponse>, Status> {
        let question = request.into_inner();
        let practitioner =
            convert::id("practitioner_id", &question.practitioner_id).map_err(|e| malformed(&e))?;
        let start = instant("start", question.start.as_ref()).map_err(|e| malformed(&e))?;
        let end = instant("end", question.end.as_ref()).map_err(|e| malformed(&e))?;
        let window =
            Interval::new(start, end).map_err(|_| malformed(&WireError::Malformed("end")))?;
        let open = store::open_within(self.db.pool(), practitioner, window)
            .await
            .map_err(|e| status(Problem::from(e)))?;
        let appointments = open.into_iter().map(|appointment| OpenAppointment {
            appointment_id: appointment.id.to_string(),
            patient_id: appointment.patient.to_string(),
            start: Some(to_wire(appointment.during.start())),
            end: Some(to_wire(appointment.during.end())),
            service_type: appointment.service_type.name().to_owned(),
            status: appointment.status.name().to_owned(),
        });
        Ok(Response::new(ListOpenAppointmentsResponse {
            appointments: appointments.collect(),
        }))
    }
}
