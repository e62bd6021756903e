//! Asking and answering over gRPC.

use std::time::Duration;

use galen_kernel::Problem;
use tonic::{Request, Response, Status};

use crate::peers::PeerError;

/// How long a question may take unless it says otherwise.
pub const DEADLINE: Duration = Duration::from_secs(2);

/// Asks: sets the deadline and the trace, and reads the status.
///
/// ```ignore
/// let patient = ask("patients", GetPatientRequest { patient_id }, |r| client.get_patient(r)).await?;
/// ```
///
/// # Errors
/// [`PeerError`].
pub async fn ask<Q, A, F>(service: &'static str, question: Q, call: impl FnOnce(Request<Q>) -> F) -> Result<A, PeerError>
where
    F: Future<Output = Result<Response<A>, Status>>,
{
    let _ = (service, question, call);
    todo!()
}

/// A problem as a gRPC status: the code follows the HTTP status, the message is
/// the problem's code, and the cause goes to the log.
#[must_use]
pub fn status(problem: Problem) -> Status {
    let _ = problem;
    todo!()
}
