//! Signs the root of the tree, on a schedule.

use std::path::Path;

use galen_kernel::Problem;
use galen_storage::Db;

use super::model::{Head, Signer};
use super::{file, store};
use crate::tree;

/// Signs the present root and publishes it, unless nothing was added since the
/// last. Returns how many entries it commits to for the first time.
///
/// The file comes first: it is never behind the database, so that a database that is
/// behind the file was set back.
///
/// # Errors
/// When the database fails or the file cannot be written.
pub(crate) async fn sign(db: &Db, signer: &Signer, heads: &Path) -> Result<u64, Problem> {
    let mut tx = db.begin().await?;
    let last = store::last_size(tx.conn()).await?;
    let size = tree::store::tree_size(tx.conn()).await?;
    if size <= last {
        return Ok(0);
    }
    let head = Head {
        size,
        at: db.clock().now(),
        root: tree::show::root(tx.conn(), size).await?,
    };
    let note = signer.note(&head);
    let (path, line) = (heads.to_owned(), note.clone());
    tokio::task::spawn_blocking(move || file::append(&path, &line))
        .await
        .map_err(Problem::internal)?
        .map_err(Problem::unavailable)?;
    store::insert(tx.conn(), &head, &note).await?;
    tx.commit().await?;
    Ok(size - last)
}
