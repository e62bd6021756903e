//! What it does when something happened elsewhere.

use std::sync::Arc;

use galen_eventing::subscription;

use crate::Billing;

/// What it hears.
pub(crate) const fn subscriptions(_: &Arc<Billing>) -> Vec<subscription::Definition> {
    Vec::new()
}
