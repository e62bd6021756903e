//! Other services, over gRPC.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use galen_kernel::Problem;
use tonic::transport::Channel;

/// Channels to the other services. In one process they lead through memory, with
/// the same client and server code as over a network.
#[derive(Clone, Default)]
pub struct Peers {
    channels: Arc<RwLock<HashMap<&'static str, Channel>>>,
}

impl Peers {
    /// The channel to a service; connects lazily, so services may start in any order.
    ///
    /// # Panics
    /// When the host runs no such service and knows no address of it: a mistake in
    /// the composition, found at start.
    #[must_use]
    pub fn channel(&self, service: &'static str) -> Channel {
        let _ = (service, &self.channels);
        todo!()
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
            tonic::Code::FailedPrecondition => Self::FailedPrecondition { service, message: status.message().to_owned() },
            tonic::Code::DeadlineExceeded | tonic::Code::Cancelled => Self::TimedOut { service },
            _ => Self::Unavailable { service, source: Box::new(status) },
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
            PeerError::NotFound { .. } | PeerError::FailedPrecondition { .. } => Self::Retryable { code: "PEER_REFUSED", source: Box::new(error) },
            PeerError::TimedOut { .. } | PeerError::Unavailable { .. } => Self::Infrastructure(Box::new(error)),
        }
    }
}
