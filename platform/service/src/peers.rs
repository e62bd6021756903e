//! Other services, over gRPC.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use galen_kernel::Problem;
use hyper_util::rt::TokioIo;
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::service::Routes;
use tonic::transport::{Channel, Endpoint, Uri};

use crate::rpc;

/// Bytes that may be under way in one direction of a connection through memory.
const PIPE: usize = 256 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// An idle connection to a peer that vanished is noticed within twice this time.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// Channels to the other services. In one process they lead through memory, with
/// the same client and server code as over a network.
#[derive(Clone, Default)]
pub struct Peers {
    channels: Arc<RwLock<HashMap<String, Channel>>>,
}

/// The server's end of the connections through memory.
pub(crate) struct Incoming(mpsc::UnboundedReceiver<DuplexStream>);

impl Incoming {
    /// The connections, as tonic's server takes them.
    pub(crate) fn stream(self) -> impl tokio_stream::Stream<Item = io::Result<DuplexStream>> {
        UnboundedReceiverStream::new(self.0).map(Ok)
    }
}

impl Peers {
    /// The channel to a service; connects lazily, so services may start in any order.
    ///
    /// # Panics
    /// When the host runs no such service and knows no address of it: a mistake in
    /// the composition, found at start.
    #[must_use]
    pub fn channel(&self, service: &'static str) -> Channel {
        let channels = self.channels.read().unwrap_or_else(PoisonError::into_inner);
        match channels.get(service) {
            Some(channel) => channel.clone(),
            None => panic!("no service {service} runs here, and no address of it is set"),
        }
    }

    /// Peers made of the given gRPC services, which are served at once on the
    /// current runtime: for tests that stand in for other services.
    ///
    /// ```ignore
    /// let peers = Peers::in_memory([("patients", Routes::new(PatientsServer::new(FakePatients)))]);
    /// ```
    #[must_use]
    pub fn in_memory(services: impl IntoIterator<Item = (&'static str, Routes)>) -> Self {
        let peers = Self::default();
        for (service, routes) in services {
            let incoming = peers.in_process(service);
            tokio::spawn(rpc::serve(
                service,
                routes,
                incoming.stream(),
                std::future::pending(),
            ));
        }
        peers
    }

    /// Leads to a service of this process; the other end is to be served.
    pub(crate) fn in_process(&self, service: &str) -> Incoming {
        let (connections, incoming) = mpsc::unbounded_channel();
        let connector = tower::service_fn(move |_: Uri| {
            let (ours, theirs) = tokio::io::duplex(PIPE);
            let connected = connections.send(theirs).map(|()| TokioIo::new(ours));
            std::future::ready(
                connected.map_err(|_| io::Error::from(io::ErrorKind::ConnectionRefused)),
            )
        });
        // The name is never resolved; HTTP/2 only needs an authority.
        let channel =
            Endpoint::from_static("http://in-process").connect_with_connector_lazy(connector);
        self.insert(service, channel);
        Incoming(incoming)
    }

    /// Leads to a service at an address such as `http://scheduling:7000`.
    pub(crate) fn at(&self, service: &str, address: &str) -> Result<(), tonic::transport::Error> {
        let endpoint = Endpoint::from_shared(address.to_owned())?
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE)
            .keep_alive_while_idle(true);
        self.insert(service, endpoint.connect_lazy());
        Ok(())
    }

    fn insert(&self, service: &str, channel: Channel) {
        self.channels
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(service.to_owned(), channel);
    }
}

/// A question that was not answered, or answered with an error.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// The peer says there is no such thing.
    #[error("{service} knows no such thing")]
    NotFound {
        /// Who was asked.
        service: &'static str,
    },
    /// The peer refuses in its present state.
    #[error("{service} refuses: {message}")]
    FailedPrecondition {
        /// Who was asked.
        service: &'static str,
        /// Its words.
        message: String,
    },
    /// No answer in time.
    #[error("{service} did not answer in time")]
    TimedOut {
        /// Who was asked.
        service: &'static str,
    },
    /// No answer.
    #[error("{service} did not answer")]
    Unavailable {
        /// Who was asked.
        service: &'static str,
        /// Why.
        source: Box<tonic::Status>,
    },
}

impl PeerError {
    /// Reads a gRPC status.
    #[must_use]
    pub fn from_status(service: &'static str, status: tonic::Status) -> Self {
        match status.code() {
            tonic::Code::NotFound => Self::NotFound { service },
            tonic::Code::FailedPrecondition => Self::FailedPrecondition {
                service,
                message: status.message().to_owned(),
            },
            tonic::Code::DeadlineExceeded | tonic::Code::Cancelled => Self::TimedOut { service },
            _ => Self::Unavailable {
                service,
                source: Box::new(status),
            },
        }
    }
}

impl From<PeerError> for Problem {
    /// "Could not ask" is never "no": 503 or 504. Handlers match `NotFound` and
    /// `FailedPrecondition` themselves where they mean something to the caller.
    fn from(error: PeerError) -> Self {
        match error {
            PeerError::TimedOut { .. } => Self::timed_out(error),
            _ => Self::unavailable(error),
        }
    }
}

impl From<PeerError> for galen_eventing::Failure {
    fn from(error: PeerError) -> Self {
        match error {
            PeerError::NotFound { .. } | PeerError::FailedPrecondition { .. } => Self::Retryable {
                code: "PEER_REFUSED",
                source: Box::new(error),
            },
            PeerError::TimedOut { .. } | PeerError::Unavailable { .. } => {
                Self::Infrastructure(Box::new(error))
            }
        }
    }
}
