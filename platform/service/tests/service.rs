//! The platform from the outside: a small service behind the real middleware, on a
//! real database, in a real host.

#[path = "service/audited.rs"]
mod audited;
#[path = "service/desk.rs"]
mod desk;
#[path = "service/hosting.rs"]
mod hosting;
#[path = "service/idempotency.rs"]
mod idempotency;
#[path = "service/operations.rs"]
mod operations;
#[path = "service/requests.rs"]
mod requests;
#[path = "service/scheduled.rs"]
mod scheduled;
