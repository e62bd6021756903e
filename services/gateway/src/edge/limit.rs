//! Rate limits: a token bucket for each account, or for each address where nobody
//! is logged in, in four classes of requests.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use galen_contracts::ids::UserId;
use galen_kernel::{Household, Problem};
use galen_service::Halt;
use galen_service::extract::Gate;
use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
use http::{HeaderName, HeaderValue, Method};

use super::settings::{Rate, Settings};
use super::shape::Client;

/// The draft of the HTTPAPI working group: what the limit is …
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// … and what is left of it.
const REMAINING: HeaderName = HeaderName::from_static("ratelimit");

/// How many buckets unknown addresses share while there are too many of them.
const CROWDS: u64 = 1024;
/// Full buckets are forgotten, and the others counted, once in so many requests.
const HOUSEKEEPING: u32 = 1024;

/// Reads that look through much instead of up something: names in all their
/// spellings, pairs of records that may be one person, the audit log.
const SEARCHES: &[&str] = &[
    "/api/v1/patients",
    "/api/v1/patients/duplicates",
    "/api/v1/audit/entries",
];
/// Where who one is is proven with something that might be guessed …
const PROOFS: &[&str] = &["/api/v1/auth/", "/oauth2/login"];
/// … and where not: these take a token, and tokens are not guessed. Somebody who
/// guesses passwords must not keep their neighbours from renewing their sessions.
const TOKENS: &[&str] = &["/api/v1/auth/refresh", "/api/v1/auth/logout"];

/// What kind of request it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// Proves who somebody is: worth guessing at.
    Auth,
    /// Changes something.
    Write,
    /// Looks through much.
    Search,
    /// Everything else.
    Read,
}

impl Class {
    /// `None` for health, which is asked by machines and must always answer.
    pub(crate) fn of(method: &Method, path: &str) -> Option<Self> {
        let reads = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
        if path.starts_with("/health/") {
            None
        } else if reads {
            Some(if SEARCHES.contains(&path) {
                Self::Search
            } else {
                Self::Read
            })
        } else if PROOFS.iter().any(|begin| path.starts_with(begin)) && !TOKENS.contains(&path) {
            Some(Self::Auth)
        } else {
            Some(Self::Write)
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Write => "write",
            Self::Search => "search",
            Self::Read => "read",
        }
    }
}

/// Whose bucket a token is taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    /// Somebody whose access token is valid.
    Account(UserId),
    /// Nobody known, from there.
    Address(Household),
    /// One of many addresses, when there are too many to count apart.
    Crowd(u64),
}

impl Key {
    /// The account only when it is proven: otherwise anybody could empty another's
    /// bucket, or have a new one for each request.
    pub(crate) fn of(account: Option<UserId>, client: IpAddr) -> Self {
        match account {
            Some(account) => Self::Account(account),
            None => Self::Address(Household::of(client)),
        }
    }
}

type Limiter =
    RateLimiter<Key, DefaultKeyedStateStore<Key>, DefaultClock, StateInformationMiddleware>;

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It passes; so many more would.
    Passes { remaining: u32 },
    /// Not before then.
    Waits(Duration),
}

/// The buckets of one class. Their number is bounded: full ones are forgotten, and
/// when too many are left, addresses share [`CROWDS`] buckets. Accounts keep theirs:
/// there are only as many as there are.
pub(crate) struct Buckets {
    name: &'static str,
    rate: Rate,
    limiter: Limiter,
    most: usize,
    crowded: AtomicBool,
    requests: AtomicU32,
    hasher: RandomState,
}

impl Buckets {
    pub(crate) fn new(class: Class, rate: Rate, most: usize) -> Self {
        let quota = Quota::per_minute(rate.per_minute).allow_burst(rate.burst);
        Self {
            name: class.name(),
            rate,
            limiter: RateLimiter::keyed(quota).with_middleware(),
            most,
            crowded: AtomicBool::new(false),
            requests: AtomicU32::new(0),
            hasher: RandomState::new(),
        }
    }

    /// Takes a token.
    pub(crate) fn take(&self, key: Key) -> Verdict {
        if self.requests.fetch_add(1, Ordering::Relaxed) % HOUSEKEEPING == HOUSEKEEPING - 1 {
            self.tidy();
        }
        let key = match key {
            Key::Address(address) if self.crowded.load(Ordering::Relaxed) => {
                Key::Crowd(self.hasher.hash_one(address) % CROWDS)
            }
            key => key,
        };
        match self.limiter.check_key(&key) {
            Ok(left) => Verdict::Passes {
                remaining: left.remaining_burst_capacity(),
            },
            Err(until) => Verdict::Waits(until.wait_time_from(DefaultClock::default().now())),
        }
    }

    fn tidy(&self) {
        self.limiter.retain_recent();
        self.crowded
            .store(self.limiter.len() >= self.most, Ordering::Relaxed);
        metrics::gauge!("galen_edge_buckets", "class" => self.name)
            .set(u32::try_from(self.limiter.len()).unwrap_or(u32::MAX));
    }

    /// How many buckets there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.limiter.len()
    }

    fn describe(&self, response: &mut Response, verdict: Verdict) {
        let Self { name, rate, .. } = self;
        let (remaining, seconds) = match verdict {
            Verdict::Passes { remaining } => {
                let missing = rate.burst.get().saturating_sub(remaining);
                (
                    remaining,
                    seconds_of(rate.refill() * missing / rate.burst.get()),
                )
            }
            Verdict::Waits(wait) => (0, seconds_of(wait)),
        };
        let window = seconds_of(rate.refill());
        for (header, text) in [
            (POLICY, format!("\"{name}\";q={};w={window}", rate.burst)),
            (REMAINING, format!("\"{name}\";r={remaining};t={seconds}")),
        ] {
            if let Ok(value) = HeaderValue::from_str(&text) {
                response.headers_mut().insert(header, value);
            }
        }
    }
}

/// Whole seconds, at least one: what a client is to wait.
fn seconds_of(time: Duration) -> u32 {
    u32::try_from(time.as_millis().div_ceil(1000))
        .unwrap_or(u32::MAX)
        .max(1)
}

/// The buckets of all classes.
pub(crate) struct Limits {
    auth: Buckets,
    write: Buckets,
    search: Buckets,
    read: Buckets,
}

impl Limits {
    /// `None` when limits are off.
    pub(crate) fn new(settings: &Settings) -> Option<Self> {
        let rates = settings.rates?;
        let buckets = |class, rate| Buckets::new(class, rate, settings.limited_keys);
        Some(Self {
            auth: buckets(Class::Auth, rates.auth),
            write: buckets(Class::Write, rates.write),
            search: buckets(Class::Search, rates.search),
            read: buckets(Class::Read, rates.read),
        })
    }

    const fn buckets(&self, class: Class) -> &Buckets {
        match class {
            Class::Auth => &self.auth,
            Class::Write => &self.write,
            Class::Search => &self.search,
            Class::Read => &self.read,
        }
    }
}

/// Lets a request pass, or answers 429.
pub(crate) async fn limit(
    State(limits): State<Arc<Limits>>,
    request: Request,
    next: Next,
) -> Response {
    let Some(class) = Class::of(request.method(), request.uri().path()) else {
        return next.run(request).await;
    };
    let (account, request) = account(request);
    let Client(client) = Client::of(&request);
    let buckets = limits.buckets(class);
    let verdict = buckets.take(Key::of(account, client));
    let mut response = match verdict {
        Verdict::Passes { .. } => next.run(request).await,
        Verdict::Waits(wait) => {
            metrics::counter!("galen_edge_refusals_total", "reason" => "rate", "class" => class.name()).increment(1);
            Halt::from(too_many(wait)).into_response()
        }
    };
    buckets.describe(&mut response, verdict);
    response
}

/// Who asks, if their token proves it.
fn account(request: Request) -> (Option<UserId>, Request) {
    let (mut parts, body) = request.into_parts();
    let gate = parts.extensions.get::<Gate>().cloned();
    let caller = gate.and_then(|gate| gate.identify(&parts.headers, &mut parts.extensions));
    (
        caller.map(|caller| caller.principal.user_id),
        Request::from_parts(parts, body),
    )
}

fn too_many(wait: Duration) -> Problem {
    Problem::new(429, "TOO_MANY_REQUESTS", "Too many requests.").retry_after(seconds_of(wait))
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use galen_kernel::Clock;
    use proptest::prelude::*;

    use super::*;

    fn buckets(per_minute: u32, burst: u32, most: usize) -> Buckets {
        let rate = Rate {
            per_minute: NonZeroU32::new(per_minute).unwrap(),
            burst: NonZeroU32::new(burst).unwrap(),
        };
        Buckets::new(Class::Write, rate, most)
    }

    fn address(number: u32) -> Key {
        Key::of(None, IpAddr::V4(std::net::Ipv4Addr::from_bits(number)))
    }

    #[test]
    fn requests_have_a_class() {
        for (method, path, class) in [
            (Method::GET, "/health/ready", None),
            (Method::POST, "/api/v1/auth/login", Some(Class::Auth)),
            (Method::DELETE, "/api/v1/auth/sessions/1", Some(Class::Auth)),
            (Method::GET, "/api/v1/auth/me", Some(Class::Read)),
            (Method::POST, "/api/v1/auth/refresh", Some(Class::Write)),
            (Method::POST, "/oauth2/login", Some(Class::Auth)),
            (Method::GET, "/api/v1/patients", Some(Class::Search)),
            (Method::POST, "/api/v1/patients", Some(Class::Write)),
            (Method::GET, "/api/v1/patients/1", Some(Class::Read)),
            (Method::POST, "/oauth2/token", Some(Class::Write)),
            (Method::GET, "/oauth2/authorize", Some(Class::Read)),
            (Method::POST, "/api/v1/appointments", Some(Class::Write)),
            (Method::GET, "/api/v1/appointments", Some(Class::Read)),
            (Method::POST, "/api/v1/authors", Some(Class::Write)),
            (Method::GET, "/openapi.json", Some(Class::Read)),
            (
                Method::from_bytes(b"BREW").unwrap(),
                "/",
                Some(Class::Write),
            ),
        ] {
            assert_eq!(Class::of(&method, path), class, "{method} {path}");
        }
    }

    #[test]
    fn a_bucket_is_emptied_and_others_are_not() {
        let buckets = buckets(1, 3, 10);
        let left: Vec<_> = (0..3).map(|_| buckets.take(address(1))).collect();
        assert_eq!(
            left,
            [2, 1, 0].map(|remaining| Verdict::Passes { remaining })
        );
        let Verdict::Waits(wait) = buckets.take(address(1)) else {
            panic!("the bucket is empty")
        };
        assert!(
            wait > Duration::from_secs(50) && wait <= Duration::from_secs(60),
            "{wait:?}"
        );
        assert_eq!(buckets.take(address(2)), Verdict::Passes { remaining: 2 });
    }

    #[test]
    fn full_buckets_are_forgotten() {
        // A token comes back within a microsecond, so every bucket is full again.
        let buckets = buckets(60_000_000, 1, usize::MAX);
        for number in 0..10 * HOUSEKEEPING {
            buckets.take(address(number));
        }
        assert!(
            buckets.len() <= 2 * HOUSEKEEPING as usize,
            "{}",
            buckets.len()
        );
    }

    #[test]
    fn a_flood_of_addresses_shares_a_bounded_number_of_buckets() {
        let buckets = buckets(1, 1, 2_000);
        for number in 0..50_000 {
            buckets.take(address(number));
        }
        let bound = 2_000 + HOUSEKEEPING as usize + CROWDS as usize;
        assert!(buckets.len() <= bound, "{}", buckets.len());
        assert!(
            matches!(buckets.take(address(1_000_000)), Verdict::Waits(_)),
            "the crowd's bucket is empty"
        );
        let account = Key::of(
            Some(Clock::system().id()),
            IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
        );
        assert_eq!(buckets.take(account), Verdict::Passes { remaining: 0 });
    }

    #[test]
    fn a_client_waits_whole_seconds() {
        for (millis, seconds) in [(0, 1), (1, 1), (1000, 1), (1001, 2), (59_999, 60)] {
            assert_eq!(seconds_of(Duration::from_millis(millis)), seconds);
        }
    }

    proptest! {
        #[test]
        fn a_proven_account_has_one_bucket_wherever_it_is(id: u128, a: IpAddr, b: IpAddr) {
            let account = UserId::from_uuid(uuid::Uuid::from_u128(id));
            prop_assert_eq!(Key::of(Some(account), a), Key::of(Some(account), b));
            prop_assert_eq!(Key::of(Some(account), a), Key::Account(account));
        }

        #[test]
        fn two_accounts_never_share_a_bucket(a: u128, b: u128, client: IpAddr) {
            let key = |id| Key::of(Some(UserId::from_uuid(uuid::Uuid::from_u128(id))), client);
            prop_assert_eq!(key(a) == key(b), a == b);
        }

        #[test]
        fn an_account_never_uses_up_its_addresss_bucket(id: u128, client: IpAddr) {
            let account = UserId::from_uuid(uuid::Uuid::from_u128(id));
            prop_assert_ne!(Key::of(Some(account), client), Key::of(None, client));
        }

        #[test]
        fn without_an_account_the_address_decides(a: IpAddr, b: IpAddr) {
            prop_assert_eq!(Key::of(None, a) == Key::of(None, b), Household::of(a) == Household::of(b));
        }

        #[test]
        fn no_more_than_the_burst_passes_at_once(burst in 1_u32..200, asked in 1_u32..400) {
            let buckets = buckets(1, burst, 10);
            let passed = (0..asked).filter(|_| matches!(buckets.take(address(7)), Verdict::Passes { .. })).count();
            prop_assert_eq!(passed, burst.min(asked) as usize);
        }
    }
}
