//! Gives entries their places: dense, for good, and only once they are committed.
//!
//! Why no entry is lost: an entry has its place or it has not, which is looked up
//! and not worked out from numbers. Only how far back to look is worked out. Numbers
//! up to `drawn` were drawn by transactions that are older than the transaction
//! which wrote `drawn` down; once all of those have ended, what is visible up to
//! `drawn` is all there will ever be, and the next look begins behind it.

use galen_storage::{Db, Error};

use super::growth::Growth;
use super::store;
use crate::entry;

/// Entries placed in one transaction.
const BATCH: i64 = 2_000;

/// Places what is committed; returns how many entries.
///
/// # Errors
/// When the database fails.
pub(crate) async fn place(db: &Db) -> Result<u64, Error> {
    let mut placed = 0;
    loop {
        let batch = place_batch(db).await?;
        placed += batch;
        if batch < BATCH.unsigned_abs() {
            return Ok(placed);
        }
    }
}

async fn place_batch(db: &Db) -> Result<u64, Error> {
    let mut tx = db.begin().await?;
    if !store::claim(tx.conn()).await? {
        return Ok(0);
    }
    // In this order: first what was drawn, then who is under way, then what is visible.
    let drawn = store::last_drawn(tx.conn()).await?;
    let progress = store::progress(tx.conn()).await?;
    if drawn < progress.floor && progress.at_home {
        return Ok(0);
    }
    let entries = entry::store::unplaced(tx.conn(), progress.floor, BATCH).await?;
    let complete = i64::try_from(entries.len()).is_ok_and(|n| n < BATCH);
    let settle = if !progress.at_home {
        Some((progress.floor, drawn))
    } else if progress.settled && complete {
        Some((progress.drawn + 1, drawn))
    } else {
        None
    };
    if entries.is_empty() && settle.is_none() {
        return Ok(0);
    }

    let peaks = store::stored_peaks(tx.conn(), progress.size).await?;
    let mut growth = Growth::resumed(progress.size, peaks).ok_or(Error::Inconsistent {
        column: "audit.progress.size",
    })?;
    let (mut leaves, mut subtrees) = (Vec::with_capacity(entries.len()), Vec::new());
    for entry in entries {
        let hash = entry.hash();
        leaves.push((entry, hash));
        growth.push(hash, |subtree| {
            if subtree.level > 0 {
                subtrees.push(subtree);
            }
        });
    }
    store::insert_leaves(tx.conn(), progress.size, &leaves).await?;
    store::insert_subtrees(tx.conn(), &subtrees).await?;
    store::advance(tx.conn(), progress.size, growth.size(), settle).await?;
    tx.commit().await?;
    Ok(growth.size() - progress.size)
}
