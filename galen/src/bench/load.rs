//! Load: each client sends its next request when the last is answered, or when it is
//! due.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// What a workload sends and what it accepts as an answer.
pub(crate) trait Workload: Send + Sync + 'static {
    /// The `number`th request of all; `None` when there is nothing left to do.
    fn request(&self, number: u64) -> Option<Request<Full<Bytes>>>;

    /// Whether an answer is the wished one: a benchmark of error pages is none.
    ///
    /// # Errors
    /// What is wrong with it.
    fn check(&self, status: StatusCode, body: &[u8]) -> Result<(), String>;
}

/// What a run measured.
pub(crate) struct Measured {
    /// Good answers.
    pub(crate) answers: u64,
    /// Other answers and broken connections.
    pub(crate) errors: u64,
    /// The first error.
    pub(crate) first_error: Option<String>,
    /// How long it ran.
    pub(crate) took: Duration,
    /// Latency of good answers in microseconds.
    pub(crate) latency: Histogram<u64>,
}

impl Measured {
    /// Good answers a second.
    #[must_use]
    pub(crate) fn rate(&self) -> u64 {
        let millis = self.took.as_millis().max(1);
        u64::try_from(u128::from(self.answers) * 1000 / millis).unwrap_or(u64::MAX)
    }
}

impl Measured {
    /// Nothing yet.
    pub(crate) fn nothing() -> Self {
        Self {
            answers: 0,
            errors: 0,
            first_error: None,
            took: Duration::ZERO,
            latency: histogram(),
        }
    }

    /// A good answer after so long.
    pub(crate) fn answered(&mut self, after: Duration) {
        let micros = u64::try_from(after.as_micros()).unwrap_or(u64::MAX);
        self.answers += 1;
        self.latency.saturating_record(micros.max(1));
    }

    /// Anything else.
    pub(crate) fn failed(&mut self, error: String) {
        self.errors += 1;
        self.first_error.get_or_insert(error);
    }
}

/// What several clients measured; how long it took is for whoever started them to say.
pub(crate) async fn together(running: Vec<JoinHandle<Measured>>) -> Measured {
    let mut all = Measured::nothing();
    for one in running {
        match one.await {
            Ok(one) => {
                all.answers += one.answers;
                all.errors += one.errors;
                all.first_error = all.first_error.or(one.first_error);
                all.latency
                    .add(one.latency)
                    .expect("the bounds are the same");
            }
            Err(error) => all.failed(error.to_string()),
        }
    }
    all
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000, 3).expect("these bounds are valid")
}

/// Runs `clients` connections for a while: as fast as they are answered, or `rate`
/// requests a second together. At a rate a request counts from the moment it is due,
/// so that waiting for a free client is part of its latency.
pub(crate) async fn run<W: Workload>(
    address: SocketAddr,
    workload: Arc<W>,
    clients: usize,
    rate: Option<u32>,
    lasting: Duration,
) -> Measured {
    let next = Arc::new(AtomicU64::new(0));
    let began = Instant::now();
    let until = began + lasting;
    let running: Vec<_> = (0..clients)
        .map(|_| {
            tokio::spawn(client(
                address,
                Arc::clone(&workload),
                Arc::clone(&next),
                Pace { began, rate },
                until,
            ))
        })
        .collect();
    let mut all = together(running).await;
    all.took = began.elapsed();
    all
}

/// When requests are due.
#[derive(Clone, Copy)]
struct Pace {
    began: Instant,
    rate: Option<u32>,
}

impl Pace {
    fn due(self, number: u64) -> Option<Instant> {
        let rate = u64::from(self.rate?.max(1));
        Some(self.began + Duration::from_micros(number * 1_000_000 / rate))
    }
}

async fn client<W: Workload>(
    address: SocketAddr,
    workload: Arc<W>,
    next: Arc<AtomicU64>,
    pace: Pace,
    until: Instant,
) -> Measured {
    let mut measured = Measured::nothing();
    let mut connection = None;
    while Instant::now() < until {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let Some(request) = workload.request(number) else {
            break;
        };
        let began = pace.due(number).unwrap_or_else(Instant::now);
        if began >= until {
            break;
        }
        tokio::time::sleep_until(began.into()).await;
        match exchange(address, &mut connection, request)
            .await
            .and_then(|(status, body)| workload.check(status, &body))
        {
            Ok(()) => measured.answered(began.elapsed()),
            Err(error) => measured.failed(error),
        }
    }
    measured
}

type Sender = http1::SendRequest<Full<Bytes>>;
type Driver = Pin<Box<dyn Future<Output = ()> + Send>>;

async fn exchange(
    address: SocketAddr,
    connection: &mut Option<Sender>,
    request: Request<Full<Bytes>>,
) -> Result<(StatusCode, Bytes), String> {
    let sender = match connection {
        Some(sender) if !sender.is_closed() => sender,
        _ => {
            let stream = TcpStream::connect(address)
                .await
                .map_err(|e| e.to_string())?;
            stream.set_nodelay(true).map_err(|e| e.to_string())?;
            let (sender, driver) = http1::handshake(TokioIo::new(stream))
                .await
                .map_err(|e| e.to_string())?;
            let driver: Driver = Box::pin(async move {
                let _ = driver.await;
            });
            tokio::spawn(driver);
            connection.insert(sender)
        }
    };
    sender.ready().await.map_err(|e| e.to_string())?;
    let response = sender
        .send_request(request)
        .await
        .map_err(|e| e.to_string())?;
    let status = response.status();
    let body = response
        .into_body()
        .collect()
        .await
        .map_err(|e| e.to_string())?
        .to_bytes();
    Ok((status, body))
}
