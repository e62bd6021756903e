//! What goes to payers: the queue between claims and the port.

use galen_kernel::Timestamp;
use galen_storage::{Columns as _, Error, ts};
use sqlx::types::Json;
use sqlx::{PgConnection, PgExecutor};

use super::model::{Claim, ClaimId};
use super::payer::{Frequency, Submission};

/// Something that goes, or went, to a payer.
#[derive(Debug)]
pub(super) struct Dispatch {
    pub(super) claim: ClaimId,
    pub(super) submission: Submission,
    pub(super) is_sent: bool,
    pub(super) attempts: i32,
}

/// Lets a claim go to its payer with the commit.
pub(super) async fn send(
    db: &mut PgConnection,
    claim: &Claim,
    appeal: bool,
    at: Timestamp,
) -> Result<(), Error> {
    let frequency = if claim.facts.replaces.is_some() {
        Frequency::Replacement
    } else {
        Frequency::Original
    };
    let submission = Submission {
        reference: claim.reference(),
        frequency,
        appeal,
        facts: claim.facts.clone(),
    };
    put(db, claim, &submission, at).await
}

/// Lets the payer know with the commit that a claim was withdrawn.
pub(super) async fn withdraw(
    db: &mut PgConnection,
    claim: &Claim,
    at: Timestamp,
) -> Result<(), Error> {
    let submission = Submission {
        reference: format!("{}-V", claim.facts.id),
        frequency: Frequency::Void,
        appeal: false,
        facts: claim.facts.clone(),
    };
    put(db, claim, &submission, at).await
}

async fn put(
    db: &mut PgConnection,
    claim: &Claim,
    submission: &Submission,
    at: Timestamp,
) -> Result<(), Error> {
    sqlx::query(
        "insert into claim_dispatch (reference, claim_id, content, due_at) values ($1, $2, $3, $4)",
    )
    .bind(&submission.reference)
    .bind(claim.facts.id.uuid())
    .bind(Json(submission))
    .bind(ts(at))
    .execute(db)
    .await?;
    Ok(())
}

/// What is due, oldest first.
pub(super) async fn due(db: impl PgExecutor<'_>, now: Timestamp) -> Result<Vec<Dispatch>, Error> {
    sqlx::query(
        "select claim_id, content, sent_at is not null as sent, attempts from claim_dispatch
         where due_at <= $1 order by due_at, reference limit 100",
    )
    .bind(ts(now))
    .fetch_all(db)
    .await?
    .iter()
    .map(|row| {
        Ok(Dispatch {
            claim: row.id("claim_id")?,
            submission: row.col::<Json<Submission>>("content")?.0,
            is_sent: row.col("sent")?,
            attempts: row.col("attempts")?,
        })
    })
    .collect()
}

/// What is known of it, and when it is its turn again; `None`: never.
pub(super) async fn known(
    db: impl PgExecutor<'_>,
    reference: &str,
    sent_at: Option<Timestamp>,
    due_at: Option<Timestamp>,
) -> Result<(), Error> {
    let stored = sqlx::query(
        "update claim_dispatch set sent_at = case when $2::timestamptz is null then null else coalesce(sent_at, $2) end,
             due_at = $3, attempts = 0
         where reference = $1",
    )
    .bind(reference)
    .bind(sent_at.map(ts))
    .bind(due_at.map(ts))
    .execute(db)
    .await?;
    Error::unless_rows("know of a dispatch", 1, stored.rows_affected())
}

/// Nothing is known; it is tried again.
pub(super) async fn failed(
    db: impl PgExecutor<'_>,
    reference: &str,
    due_at: Timestamp,
) -> Result<(), Error> {
    let stored = sqlx::query(
        "update claim_dispatch set due_at = $2, attempts = attempts + 1 where reference = $1",
    )
    .bind(reference)
    .bind(ts(due_at))
    .execute(db)
    .await?;
    Error::unless_rows("try a dispatch again", 1, stored.rows_affected())
}
