//! Accounts of the ledger by what they are for, and what other services do with theirs.
//!
//! The ledger knows accounts by numbers; everybody else by a UUID. There is at most one
//! account of a kind, an owner and a currency, so that whoever needs one just
//! [opens](open) it: an invoice's receivable, a till, a patient's wallet. A wallet is an
//! account of the kind [`Kind::Wallet`], and its id is the account's.

pub mod directory;
pub mod model;
pub mod rpc;
pub mod store;
mod watch;
pub(crate) mod wire;

use std::sync::Arc;

pub use directory::Directory;
pub use model::{Account, Kind, Owner, OwnerKind, PublicId};
pub use store::{by_id, by_ids, by_numbers, find, open, open_or_find};

use galen_contracts::securepay::v1::account_service_server::AccountServiceServer;

use crate::SecurePay;

/// Its part of what other services may ask.
pub(crate) fn serve(pay: &Arc<SecurePay>, routes: &mut tonic::service::RoutesBuilder) {
    routes.add_service(AccountServiceServer::new(rpc::Accounts(Arc::clone(pay))));
}
