//! What services tell each other about persons. The asking service is known by its
//! connection, not by what it says.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use galen_kernel::Clock;
use tonic::Status;
use tonic::transport::server::TcpConnectInfo;
use uuid::Uuid;

use super::{Actor, Entry, Kind, Recorder};
use crate::outcome::log_cause;

/// Which service is at the other end of a connection.
#[derive(Debug, Clone)]
pub(crate) struct Asker(pub(crate) Arc<str>);

/// Who is told about; stays inside.
#[derive(Clone)]
struct Disclosed {
    kind: &'static str,
    id: String,
}

/// An answer that tells another service about a person: it is written down before
/// it leaves.
///
/// ```ignore
/// Ok(disclose("patients", patient.id, GetContactResponse { .. }))
/// ```
pub fn disclose<A>(kind: &'static str, id: impl ToString, answer: A) -> tonic::Response<A> {
    let mut response = tonic::Response::new(answer);
    response.extensions_mut().insert(Disclosed {
        kind,
        id: id.to_string(),
    });
    response
}

/// Puts a watch on gRPC methods.
pub(crate) fn watched(methods: Router, recorder: Recorder, clock: Clock) -> Router {
    methods.layer(from_fn_with_state((recorder, clock), watch))
}

async fn watch(
    State((recorder, clock)): State<(Recorder, Clock)>,
    request: Request,
    next: Next,
) -> Response {
    let asker = request.extensions().get::<Asker>().cloned();
    let address = request
        .extensions()
        .get::<TcpConnectInfo>()
        .and_then(|connection| Some(connection.remote_addr()?.ip()));
    let action = request.uri().path().to_owned();
    let response = next.run(request).await;
    let Some(disclosed) = response.extensions().get::<Disclosed>().cloned() else {
        return response;
    };
    let entry = entry(clock.uuid(), asker, address, action, disclosed);
    match recorder.record(entry).await {
        Ok(()) => response,
        Err(problem) => {
            log_cause(&problem);
            Status::unavailable(problem.code).into_http()
        }
    }
}

fn entry(
    id: Uuid,
    asker: Option<Asker>,
    address: Option<IpAddr>,
    action: String,
    Disclosed { kind, id: subject }: Disclosed,
) -> Entry {
    let patient = subject.parse().ok().filter(|_| kind == "patients");
    Entry {
        id,
        kind: Kind::Read,
        actor: Actor::Service(
            asker
                .map(|Asker(name)| name.to_string())
                .unwrap_or_default(),
        ),
        session: None,
        roles: Vec::new(),
        action,
        permission: None,
        subject_kind: Some(kind.to_owned()),
        subject: Some(subject),
        patients: patient.into_iter().collect(),
        status: 200,
        reason: None,
        address: address.map(|address| address.to_canonical().to_string()),
        trace_id: galen_telemetry::current().map(|trace| trace.trace_id_hex()),
        request_id: None,
    }
}
