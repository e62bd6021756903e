//! Leases: one leader per job, fenced by an epoch.

use std::time::Duration;

use uuid::Uuid;

use crate::{Db, Error};

/// A held lease. `epoch` rises with every change of holder; write it down with
/// what the leader does, and a paused former leader cannot do harm.
#[derive(Debug, Clone)]
pub struct Lease {
    /// What is led.
    pub name: String,
    /// Fencing token.
    pub epoch: i64,
}

/// Takes or renews a lease (`events.take_lease`): `None` when somebody else holds it.
///
/// # Errors
/// When the database cannot be reached.
pub async fn take(
    db: &Db,
    name: &str,
    holder: Uuid,
    lasting: Duration,
) -> Result<Option<Lease>, Error> {
    let epoch: Option<i64> = sqlx::query_scalar("select events.take_lease($1, $2, $3)")
        .bind(name)
        .bind(holder)
        .bind(lasting.as_secs_f64())
        .fetch_one(db.pool())
        .await?;
    Ok(epoch.map(|epoch| Lease {
        name: name.to_owned(),
        epoch,
    }))
}

/// Gives a lease back, so that the next leader need not wait.
///
/// # Errors
/// When the database cannot be reached.
pub async fn release(db: &Db, name: &str, holder: Uuid) -> Result<(), Error> {
    sqlx::query("select events.release_lease($1, $2)")
        .bind(name)
        .bind(holder)
        .execute(db.pool())
        .await?;
    Ok(())
}
