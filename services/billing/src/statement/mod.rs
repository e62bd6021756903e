//! Statements of account: what a patient was asked for and has paid between two days,
//! line by line, what is left, and for how long it has been due.
//!
//! | File | What |
//! |---|---|
//! | [`model`] | movements, balances and ages: pure |
//! | [`store`] | reads what happened to a patient's invoices |
//! | [`view`], [`paper`] | as the API shows it, and on paper |
//! | [`get`] | the route |
//!
//! Nothing is stored for it. A movement is by how much an event changed what is due for
//! an issued invoice, which is also what moves on its receivable in the ledger.

pub mod get;
pub mod model;
pub mod paper;
pub mod store;
pub mod view;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Billing;

/// Its part of the API.
pub(crate) fn routes() -> OpenApiRouter<Arc<Billing>> {
    OpenApiRouter::new().routes(routes!(get::get))
}
