//! The memory of the simulated payer.

use std::collections::BTreeMap;

use galen_kernel::Timestamp;
use galen_storage::{Columns as _, Error, ts};
use sqlx::PgExecutor;
use sqlx::types::Json;
use uuid::Uuid;

use super::Submission;
use super::rules::{Agreed, Decision};

/// A claim that it got.
pub(super) struct Remembered {
    pub(super) submission: Submission,
    pub(super) received_at: Timestamp,
    pub(super) decision: Option<Decision>,
}

pub(super) async fn receive(
    db: impl PgExecutor<'_>,
    submission: &Submission,
    at: Timestamp,
) -> Result<(), Error> {
    // What is replaced, withdrawn or appealed is not paid any more.
    sqlx::query(
        "with superseded as (
             update simulated_claim set remitted_at = $3
             where remitted_at is null and reference <> $1 and content->'facts'->>'root' = $2->'facts'->>'root'
         )
         insert into simulated_claim (reference, content, received_at) values ($1, $2, $3) on conflict do nothing",
    )
    .bind(&submission.reference)
    .bind(Json(submission))
    .bind(ts(at))
    .execute(db)
    .await?;
    Ok(())
}

pub(super) async fn recall(
    db: impl PgExecutor<'_>,
    reference: &str,
) -> Result<Option<Remembered>, Error> {
    let row = sqlx::query(
        "select content, received_at, decision from simulated_claim where reference = $1",
    )
    .bind(reference)
    .fetch_optional(db)
    .await?;
    row.map(|row| read(&row)).transpose()
}

fn read(row: &sqlx::postgres::PgRow) -> Result<Remembered, Error> {
    Ok(Remembered {
        submission: row.col::<Json<Submission>>("content")?.0,
        received_at: row.instant("received_at")?,
        decision: row
            .col::<Option<Json<Decision>>>("decision")?
            .map(|decision| decision.0),
    })
}

/// Keeps a decision, unless there is one; gives back the one that counts.
pub(super) async fn decide(
    db: impl PgExecutor<'_>,
    reference: &str,
    decision: &Decision,
) -> Result<Decision, Error> {
    let row = sqlx::query(
        "update simulated_claim set decision = coalesce(decision, $2) where reference = $1 returning decision",
    )
    .bind(reference)
    .bind(Json(decision))
    .fetch_one(db)
    .await?;
    Ok(row.col::<Json<Decision>>("decision")?.0)
}

/// Claims that were decided and not paid, oldest first.
pub(super) async fn unpaid(db: impl PgExecutor<'_>) -> Result<Vec<Remembered>, Error> {
    sqlx::query(
        "select content, received_at, decision from simulated_claim
         where remitted_at is null and decision->'standing'->>'standing' = 'DECIDED'
         order by received_at, reference
         limit 200",
    )
    .fetch_all(db)
    .await?
    .iter()
    .map(read)
    .collect()
}

pub(super) async fn paid(
    db: impl PgExecutor<'_>,
    reference: &str,
    at: Timestamp,
) -> Result<(), Error> {
    sqlx::query(
        "update simulated_claim set remitted_at = coalesce(remitted_at, $2) where reference = $1",
    )
    .bind(reference)
    .bind(ts(at))
    .execute(db)
    .await?;
    Ok(())
}

/// The agreements that it has given, by their numbers: those with these, and those for a
/// patient.
pub(super) async fn agreed(
    db: impl PgExecutor<'_>,
    numbers: &[&str],
    (payer, patient): (Uuid, Uuid),
) -> Result<BTreeMap<String, Agreed>, Error> {
    sqlx::query(
        "select number, patient_id, service_code, valid_from, valid_to from pre_authorisation
         where payer_id = $2 and number is not null and (number = any($1) or patient_id = $3)",
    )
    .bind(numbers)
    .bind(payer)
    .bind(patient)
    .fetch_all(db)
    .await?
    .iter()
    .map(|row| {
        let agreed = Agreed {
            patient: row.col("patient_id")?,
            code: row.text("service_code")?,
            from: row.date("valid_from")?,
            to: row.date("valid_to")?,
        };
        Ok((row.text("number")?, agreed))
    })
    .collect()
}
