//! Asking and answering over gRPC.

use std::io;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use axum::extract::Request as HttpRequest;
use axum::middleware::{Next, from_fn};
use axum::response::Response as HttpResponse;
use futures::FutureExt as _;
use galen_kernel::Problem;
use tokio::io::{AsyncRead, AsyncWrite};
use tonic::service::{Routes, RoutesBuilder};
use tonic::transport::Server;
use tonic::transport::server::Connected;
use tonic::{Code, Request, Response, Status};

use crate::circuit;
use crate::outcome::log_cause;
use crate::peers::PeerError;
use crate::rest::{caller_of, panic_message};

/// How long a question may take unless it says otherwise.
pub const DEADLINE: Duration = Duration::from_secs(2);

/// Asks: sets the deadline and the trace, and reads the status. A peer that keeps
/// failing to answer is not asked for a while.
///
/// ```ignore
/// let patient = ask("patients", GetPatientRequest { patient_id }, |r| client.get_patient(r)).await?;
/// ```
///
/// # Errors
/// [`PeerError`].
pub async fn ask<Q, A, F>(
    service: &'static str,
    question: Q,
    call: impl FnOnce(Request<Q>) -> F,
) -> Result<A, PeerError>
where
    F: Future<Output = Result<Response<A>, Status>>,
{
    let circuit = circuit::to(service);
    if !circuit.admits(Instant::now()) {
        metrics::counter!("galen_peer_refused_total", "peer" => service).increment(1);
        return Err(PeerError::from_status(
            service,
            Status::unavailable("not asked: it has not answered lately"),
        ));
    }
    let mut request = Request::new(question);
    request.set_timeout(DEADLINE);
    if let Some(traceparent) =
        galen_telemetry::current().and_then(|trace| trace.child().to_string().parse().ok())
    {
        request.metadata_mut().insert("traceparent", traceparent);
    }
    let start = Instant::now();
    // The deadline also holds when the peer does not read its header.
    let answer = tokio::time::timeout(DEADLINE, call(request)).await;
    metrics::histogram!("galen_peer_request_seconds", "peer" => service)
        .record(start.elapsed().as_secs_f64());

    let answer = match answer {
        Ok(Ok(response)) => Ok(response.into_inner()),
        Ok(Err(status)) => Err(PeerError::from_status(service, status)),
        Err(_) => Err(PeerError::TimedOut { service }),
    };
    if answer.as_ref().is_err_and(is_silence) {
        if circuit.failed(Instant::now()) {
            tracing::warn!(
                peer = service,
                "a peer keeps failing and is not asked for a while"
            );
        }
    } else if circuit.answered() {
        tracing::info!(peer = service, "a peer answers again");
    }
    answer
}

/// Whether the peer could not answer, as opposed to answering with a refusal.
fn is_silence(error: &PeerError) -> bool {
    match error {
        PeerError::TimedOut { .. } => true,
        PeerError::Unavailable { source, .. } => matches!(
            source.code(),
            Code::Unavailable | Code::Unknown | Code::ResourceExhausted
        ),
        PeerError::NotFound { .. } | PeerError::FailedPrecondition { .. } => false,
    }
}

/// A problem as a gRPC status: the code follows the HTTP status, the message is
/// the problem's code, and the cause goes to the log.
#[must_use]
pub fn status(problem: Problem) -> Status {
    if problem.status >= 500 {
        log_cause(&problem);
    }
    let code = match problem.status {
        400 | 413 | 415 | 422 => Code::InvalidArgument,
        401 => Code::Unauthenticated,
        403 => Code::PermissionDenied,
        404 => Code::NotFound,
        409 | 412 | 428 => Code::FailedPrecondition,
        429 => Code::ResourceExhausted,
        503 => Code::Unavailable,
        504 => Code::DeadlineExceeded,
        _ => Code::Internal,
    };
    Status::new(code, problem.code)
}

/// Serves gRPC on the given connections until `stop`, then lets calls finish.
pub(crate) async fn serve<C>(
    service: &'static str,
    routes: Routes,
    connections: impl tokio_stream::Stream<Item = io::Result<C>>,
    stop: impl Future<Output = ()>,
) where
    C: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
{
    let routes = RoutesBuilder::from(routes.into_axum_router().layer(from_fn(observe))).routes();
    if let Err(error) = Server::builder()
        .add_routes(routes)
        .serve_with_incoming_shutdown(connections, stop)
        .await
    {
        tracing::error!(
            service,
            error = crate::outcome::chain(&error),
            "gRPC is no longer served"
        );
    }
}

/// Runs a call as part of the caller's trace; a panic fails the call and not the
/// connection, on which other calls are under way.
async fn observe(request: HttpRequest, next: Next) -> HttpResponse {
    let start = Instant::now();
    let caller = caller_of(request.headers());
    let method = request.uri().path().to_owned();
    let span = tracing::info_span!(parent: None, "grpc", otel.kind = "server", rpc.method = method);
    let work = async {
        let response = AssertUnwindSafe(next.run(request))
            .catch_unwind()
            .await
            .unwrap_or_else(|panic| {
                log_cause(&Problem::internal(panic_message(&*panic)));
                Status::internal("INTERNAL").into_http()
            });
        metrics::histogram!("galen_rpc_request_seconds", "method" => method)
            .record(start.elapsed().as_secs_f64());
        response
    };
    galen_telemetry::in_span(span, caller, work).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_becomes_a_status_that_peers_understand() {
        for (problem, code) in [
            (Problem::not_found(), Code::NotFound),
            (Problem::forbidden(), Code::PermissionDenied),
            (
                Problem::conflict("SLOT_TAKEN", "Taken."),
                Code::FailedPrecondition,
            ),
            (Problem::invalid(Vec::new()), Code::InvalidArgument),
            (Problem::unavailable("gone"), Code::Unavailable),
            (Problem::internal("bug"), Code::Internal),
        ] {
            let text = problem.code;
            let status = status(problem);
            assert_eq!((status.code(), status.message()), (code, text));
        }
    }

    #[tokio::test]
    async fn an_answer_arrives_and_a_refusal_keeps_its_meaning() {
        let answer = ask("rpc-test-a", 1, |request| async move {
            Ok(Response::new(request.into_inner() + 1))
        })
        .await;
        assert_eq!(answer.unwrap(), 2);
        let refused = ask("rpc-test-a", (), |_| async {
            Err::<Response<()>, _>(Status::not_found("x"))
        })
        .await;
        assert!(matches!(refused, Err(PeerError::NotFound { .. })));
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_is_silent_for_too_long_timed_out() {
        let answer = ask("rpc-test-b", (), |_| {
            std::future::pending::<Result<Response<()>, Status>>()
        })
        .await;
        assert!(matches!(
            answer,
            Err(PeerError::TimedOut {
                service: "rpc-test-b"
            })
        ));
    }

    #[tokio::test]
    async fn a_peer_that_keeps_failing_is_not_asked_any_more() {
        let mut asked = 0;
        for _ in 0..50 {
            let answer = ask("rpc-test-c", (), |_| {
                asked += 1;
                async { Err::<Response<()>, _>(Status::unavailable("down")) }
            });
            assert!(matches!(answer.await, Err(PeerError::Unavailable { .. })));
        }
        assert_eq!(asked, 20);
    }

    #[tokio::test]
    async fn a_question_carries_its_trace_and_its_deadline() {
        let trace = galen_kernel::TraceContext::root();
        let asked = ask("rpc-test-d", (), |request| async move {
            Ok(Response::new(request.metadata().clone()))
        });
        let metadata = galen_telemetry::in_trace(trace, asked).await.unwrap();
        let traceparent = metadata.get("traceparent").unwrap().to_str().unwrap();
        assert!(traceparent.contains(&trace.trace_id_hex()));
        assert!(metadata.get("grpc-timeout").is_some());
    }
}
