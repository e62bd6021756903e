//! A new master for the old one, while everybody goes on reading and writing.
//!
//! 1. [`MasterKeys::rotate`] puts a new master to use; new data keys are wrapped by it.
//! 2. [`rewrap`] wraps the others anew, in batches; it can stop and go on anywhere.
//! 3. [`forget_unused`] destroys masters that wrap nothing any more.

use galen_storage::{Db, Error as StorageError};

use crate::Error;
use crate::master::{MasterError, MasterId, MasterKeys};
use crate::store;
use crate::vault::bound_to;

/// Data keys in one transaction.
const BATCH: i64 = 200;

/// How many data keys of a schema each master wraps.
///
/// # Errors
/// When the database fails.
pub async fn usage(db: &Db) -> Result<Vec<(MasterId, i64)>, Error> {
    store::per_master(db.pool()).await
}

/// Wraps all data keys of a schema by the master in use; `progress` hears how many were
/// done so far. Nothing about the data changes, and nobody waits for it longer than for
/// one batch.
///
/// # Errors
/// When the database or the master keys fail. What was done stays done.
pub async fn rewrap(
    db: &Db,
    masters: &dyn MasterKeys,
    mut progress: impl FnMut(u64) + Send,
) -> Result<u64, Error> {
    let mut done = 0;
    loop {
        let mut tx = db.pool().begin().await?;
        store::hold_masters(&mut tx).await?;
        let ids = masters.ids().await?;
        let Some(current) = ids.last() else {
            return Ok(done);
        };
        let rows = store::under_other_masters(&mut tx, current, BATCH).await?;
        if rows.is_empty() {
            return Ok(done);
        }
        let mut keys = Vec::with_capacity(rows.len());
        for row in rows {
            let bound = bound_to(db.service(), row.id, row.subject, row.version);
            let Some((master, wrapped)) = row.wrapped else {
                continue;
            };
            let secret = masters.unwrap(&master, &bound, &wrapped).await?;
            let (master, wrapped) = masters.wrap(&bound, &secret).await?;
            keys.push((row.id, master, wrapped));
        }
        store::rewrapped(&mut tx, &keys).await?;
        tx.commit().await?;
        done += keys.len() as u64;
        progress(done);
    }
}

/// Destroys every master but the one in use that wraps nothing in any of the schemas.
/// All schemas that use these masters must be given: while this asks and destroys,
/// nobody wraps in them.
///
/// # Errors
/// When the database or the master keys fail.
pub async fn forget_unused(dbs: &[Db], masters: &dyn MasterKeys) -> Result<Vec<MasterId>, Error> {
    let mut held = Vec::with_capacity(dbs.len());
    let mut used = Vec::new();
    for db in dbs {
        let mut tx = db.pool().begin().await?;
        store::stop_wrapping(&mut tx).await?;
        used.extend(store::per_master(&mut *tx).await?);
        held.push(tx);
    }
    let mut forgotten = Vec::new();
    let mut ids = masters.ids().await?;
    ids.pop();
    for id in ids {
        if used.iter().any(|(master, _)| *master == id) {
            continue;
        }
        match masters.forget(&id).await {
            Ok(()) => forgotten.push(id),
            // Somebody else was faster.
            Err(MasterError::Unknown(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    for tx in held {
        tx.rollback().await.map_err(StorageError::from)?;
    }
    Ok(forgotten)
}
