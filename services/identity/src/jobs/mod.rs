//! Recurring work.

pub(crate) mod forget;
pub(crate) mod rotate_keys;

use std::sync::Arc;

use galen_service::Job;

use crate::Identity;

/// All jobs of identity.
pub(crate) fn all(identity: &Arc<Identity>) -> Vec<Job> {
    vec![rotate_keys::job(identity), forget::job(identity)]
}
