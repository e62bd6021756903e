//! Rotates the signing key when it is due.

use std::sync::Arc;
use std::time::Duration;

use galen_service::Job;

use crate::Identity;

/// Hourly: a rotation may be an hour late, no more.
const EVERY: Duration = Duration::from_secs(3600);

/// The job `identity.rotate-keys`.
pub(crate) fn job(identity: &Arc<Identity>) -> Job {
    let keyring = Arc::clone(&identity.keyring);
    Job::new("identity.rotate-keys", EVERY, move || {
        let keyring = Arc::clone(&keyring);
        async move { Ok(keyring.rotate_if_due().await?) }
    })
}
