//! Forgets what is of no more use: old failures, ended sessions, old links, and what
//! nobody completed: codes of applications, passkey ceremonies and logins through the
//! directory.

use std::sync::Arc;
use std::time::Duration;

use galen_kernel::{Problem, Timestamp};
use galen_service::Job;
use galen_storage::Db;
use jiff::SignedDuration;

use crate::Identity;
use crate::attempt::model::{FAMILIAR_FOR, FORGOTTEN_AFTER, MOST_REMEMBERED};
use crate::{attempt, directory, link, mfa, passkey, provider, session};

/// Often enough that the failures of a flood of names stay few.
const EVERY: Duration = Duration::from_secs(600);

/// The most logins through the directory that may be under way: anybody can begin one.
const MOST_LOGINS: i64 = 100_000;

/// An authenticator whose first code was not shown by then never will be.
const NEVER_CONFIRMED_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// The job `identity.forget`.
pub(crate) fn job(identity: &Arc<Identity>) -> Job {
    let db = identity.db.clone();
    Job::new("identity.forget", EVERY, move || {
        let db = db.clone();
        async move { forget(&db).await }
    })
}

async fn forget(db: &Db) -> Result<u64, Problem> {
    let now = db.clock().now();
    let failures =
        attempt::store::forget(db.pool(), ago(now, FORGOTTEN_AFTER), MOST_REMEMBERED).await?;
    let places = attempt::store::forget_places(db.pool(), ago(now, FAMILIAR_FOR)).await?;
    let addresses = attempt::store::forget_addresses(db.pool(), now).await?;
    let sessions =
        session::store::purge(db.pool(), ago(now, session::model::KEPT_AFTER_END)).await?;
    let links = link::store::purge(db.pool(), ago(now, link::model::KEPT)).await?;
    let logins =
        directory::store::forget_logins(db.pool(), ago(now, directory::LIFETIME), MOST_LOGINS)
            .await?;
    let codes = provider::store::purge(db.pool(), now).await?;
    let authenticators = mfa::store::purge(db.pool(), ago(now, NEVER_CONFIRMED_AFTER)).await?;
    let ceremonies = passkey::store::purge(db.pool(), now).await?;
    let attempts = failures + places + addresses;
    Ok(attempts + sessions + links + logins + codes + authenticators + ceremonies)
}

fn ago(now: Timestamp, by: SignedDuration) -> Timestamp {
    now.saturating_sub(by).unwrap_or(Timestamp::MIN)
}
