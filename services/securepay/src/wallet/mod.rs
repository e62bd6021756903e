//! Wallets: money of somebody that the hospital keeps.
//!
//! A wallet is an account of the kind [`Wallet`](crate::account::Kind::Wallet) and has
//! its id. Patients open their own and see no other; whoever pays for patients, and the
//! hospital itself, are given theirs by those who keep the books.

pub mod balance;
pub mod entries;
pub mod find;
pub mod get;
pub mod model;
pub mod open;
pub mod stand;
pub(crate) mod store;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::SecurePay;

/// Its part of the API.
pub(crate) fn routes() -> OpenApiRouter<Arc<SecurePay>> {
    OpenApiRouter::new()
        .routes(routes!(open::open, find::find))
        .routes(routes!(get::get))
        .routes(routes!(balance::balance))
        .routes(routes!(entries::entries))
        .routes(routes!(stand::freeze))
        .routes(routes!(stand::unfreeze))
        .routes(routes!(stand::close))
}
