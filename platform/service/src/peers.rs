//! Other services, over gRPC.

use std::collections::HashMap;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::task::{Context, Poll};
use std::time::Duration;

use galen_kernel::Problem;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::service::Routes;
use tonic::transport::server::Connected;
use tonic::transport::{Channel, Endpoint, Uri};

use crate::audit::Asker;
use crate::rpc;

/// Bytes that may be under way in one direction of a connection through memory.
const PIPE: usize = 256 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// An idle connection to a peer that vanished is noticed within twice this time.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// Channels to the other services. In one process they lead through memory, with
/// the same client and server code as over a network.
#[derive(Clone)]
pub struct Peers {
    /// Who asks: every service has connections of its own, and through memory the
    /// other end knows whose they are.
    asker: Arc<str>,
    targets: Arc<RwLock<HashMap<String, Target>>>,
    channels: Arc<RwLock<HashMap<String, Channel>>>,
}

/// Where a service is.
#[derive(Clone)]
enum Target {
    Here(mpsc::UnboundedSender<Pipe>),
    Elsewhere(Channel),
}

/// The server's end of a connection through memory.
pub(crate) struct Pipe {
    asker: Asker,
    stream: DuplexStream,
}

/// The server's end of the connections through memory.
pub(crate) struct Incoming(mpsc::UnboundedReceiver<Pipe>);

impl Incoming {
    /// The connections, as tonic's server takes them.
    pub(crate) fn stream(self) -> impl tokio_stream::Stream<Item = io::Result<Pipe>> {
        UnboundedReceiverStream::new(self.0).map(Ok)
    }
}

impl Default for Peers {
    fn default() -> Self {
        Self {
            asker: "".into(),
            targets: Arc::default(),
            channels: Arc::default(),
        }
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
        let known = self.channels.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(channel) = known.get(service) {
            return channel.clone();
        }
        drop(known);
        let targets = self.targets.read().unwrap_or_else(PoisonError::into_inner);
        let channel = match targets.get(service) {
            Some(Target::Elsewhere(channel)) => channel.clone(),
            Some(Target::Here(connections)) => self.through_memory(connections.clone()),
            None => panic!("no service {service} runs here, and no address of it is set"),
        };
        drop(targets);
        self.channels
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(service.to_owned())
            .or_insert(channel)
            .clone()
    }

    /// The same peers, asked by this service.
    #[must_use]
    pub(crate) fn asking_as(&self, service: &str) -> Self {
        Self {
            asker: service.into(),
            targets: Arc::clone(&self.targets),
            channels: Arc::default(),
        }
    }

    /// A connection whose server's end knows who asks.
    fn through_memory(&self, connections: mpsc::UnboundedSender<Pipe>) -> Channel {
        let asker = Asker(Arc::clone(&self.asker));
        let connector = tower::service_fn(move |_: Uri| {
            let (ours, stream) = tokio::io::duplex(PIPE);
            let pipe = Pipe {
                asker: asker.clone(),
                stream,
            };
            let connected = connections.send(pipe).map(|()| TokioIo::new(ours));
            std::future::ready(
                connected.map_err(|_| io::Error::from(io::ErrorKind::ConnectionRefused)),
            )
        });
        // The name is never resolved; HTTP/2 only needs an authority.
        Endpoint::from_static("http://in-process").connect_with_connector_lazy(connector)
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
        self.insert(service, Target::Here(connections));
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
        self.insert(service, Target::Elsewhere(endpoint.connect_lazy()));
        Ok(())
    }

    fn insert(&self, service: &str, target: Target) {
        self.targets
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(service.to_owned(), target);
    }
}

impl Connected for Pipe {
    type ConnectInfo = Asker;

    fn connect_info(&self) -> Asker {
        self.asker.clone()
    }
}

impl AsyncRead for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
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
