//! Accounts of the ledger by what they are for, and what other services do with theirs.

use std::sync::Arc;

use crate::SecurePay;

/// Its part of what other services may ask.
pub(crate) const fn serve(_: &Arc<SecurePay>, _: &mut tonic::service::RoutesBuilder) {}
