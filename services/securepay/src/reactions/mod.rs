//! What it does when something happened elsewhere.

use std::sync::Arc;

use galen_eventing::subscription;

use crate::SecurePay;

/// What it hears.
pub(crate) const fn subscriptions(_: &Arc<SecurePay>) -> Vec<subscription::Definition> {
    Vec::new()
}
