//! Tills: cash that somebody answers for.
//!
//! A cashier opens a session with what is in the drawer, takes and gives back cash in it,
//! and counts it at the end. What should be there is known at every moment; a difference
//! beyond what is tolerated needs another person. Every movement is an order to the
//! ledger: while a session is open its account holds what the drawer should hold, and
//! afterwards nothing. One lock decides between a payment and the end of its session.
//!
//! | File | What |
//! |---|---|
//! | [`model`] | the rules: pure |
//! | [`open`], [`close`], [`approve`] | its commands |
//! | [`find`], [`get`] | its questions |
//! | [`take`] | what paying and giving back have in common |

pub mod approve;
pub mod close;
pub mod error;
pub mod find;
pub mod get;
pub mod model;
pub mod open;
pub mod settings;
pub mod store;
pub mod take;
pub mod view;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Billing;

/// Its part of the API.
pub(crate) fn routes() -> OpenApiRouter<Arc<Billing>> {
    OpenApiRouter::new()
        .routes(routes!(find::find, open::open))
        .routes(routes!(get::get))
        .routes(routes!(close::close))
        .routes(routes!(approve::approve))
}
