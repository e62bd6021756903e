//! Transfers what statements say, and what people say of their lines.
//!
//! What is to be transferred was stored before, with the ids of the transfers. Whoever
//! stops in between is followed by somebody who asks the ledger for the same transfers:
//! it does them once, and says what it did.

use galen_storage::Db;
use uuid::Uuid;

use super::model::{Move, StatementError, group};
use super::store;
use crate::SecurePay;
use crate::ledger::{Posting, Rejection};
use crate::writer::{Ledger, Unanswered};

/// Transfers everything that waits; returns how many transfers were marked as done. What
/// the ledger refuses of a statement stays waiting, and is shown as a difference.
pub(crate) async fn run(s: &SecurePay) -> Result<u64, StatementError> {
    let mut refused: Vec<Uuid> = Vec::new();
    let mut done = 0;
    while let Some((group, moves)) = store::next(s.db.pool(), &refused).await? {
        match transfer(&s.ledger, &moves).await? {
            Ok(postings) => done += mark(&s.db, &postings).await?,
            Err(rejection) if is_asked_by_somebody(&moves) => {
                tracing::info!(%group, %rejection, "the move of a bank line is refused");
                store::refused(s.db.pool(), group).await?;
            }
            Err(rejection) => {
                tracing::error!(%group, %rejection, "a bank statement cannot be booked");
                refused.push(group);
            }
        }
    }
    Ok(done)
}

/// Asks the ledger for moves, all or none.
pub(super) async fn transfer(
    ledger: &Ledger,
    moves: &[Move],
) -> Result<Result<Vec<Posting>, Rejection>, Unanswered> {
    let Some(group) = group(moves) else {
        return Ok(Ok(Vec::new()));
    };
    let answers = ledger.submit(group).await?;
    let why = answers
        .iter()
        .filter_map(|answer| answer.err())
        .find(|rejection| !matches!(rejection, Rejection::GroupRefused(_)));
    Ok(match why {
        Some(rejection) => Err(rejection),
        None => answers.into_iter().collect(),
    })
}

/// Marks what was transferred.
async fn mark(db: &Db, postings: &[Posting]) -> Result<u64, StatementError> {
    let mut tx = db.begin().await?;
    let done = store::posted(tx.conn(), postings).await?;
    tx.commit().await?;
    Ok(done)
}

/// Later moves of a line are asked for one by one; first ones come with their statement.
fn is_asked_by_somebody(moves: &[Move]) -> bool {
    moves.iter().all(|one| one.number > 1)
}
