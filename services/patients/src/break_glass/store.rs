//! All SQL of breaking the glass.

use galen_contracts::ids::PatientId;
use galen_kernel::Timestamp;
use galen_storage::{Columns as _, Error, Ts};
use sqlx::PgConnection;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::model::{BreakGlass, BreakGlassId, Outcome, Review, ReviewError, Status};
use crate::mrn::Mrn;

/// Where a page ended.
pub type Position = (Timestamp, Uuid);

/// The record that stands for the person with a record number.
pub async fn survivor_by_mrn(
    connection: &mut PgConnection,
    mrn: &Mrn,
) -> Result<Option<PatientId>, Error> {
    let id: Option<Uuid> = sqlx::query_scalar("select survivor_of(id) from patient where mrn = $1")
        .bind(mrn.as_str())
        .fetch_optional(connection)
        .await?;
    Ok(id.map(PatientId::from_uuid))
}

/// Writes down that somebody broke the glass.
pub async fn insert(connection: &mut PgConnection, glass: &BreakGlass) -> Result<(), Error> {
    sqlx::query(
        "insert into break_glass (id, patient_id, user_id, practitioner_id, reason, opened_at, until)
         values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(glass.id.uuid())
    .bind(glass.patient_id.uuid())
    .bind(glass.user_id.uuid())
    .bind(glass.practitioner_id.uuid())
    .bind(&glass.reason)
    .bind(Ts::from(glass.opened_at))
    .bind(Ts::from(glass.until))
    .execute(connection)
    .await?;
    Ok(())
}

/// Loads one.
pub async fn find(
    connection: &mut PgConnection,
    id: BreakGlassId,
) -> Result<Option<BreakGlass>, Error> {
    let row = sqlx::query(
        "select b.*, r.outcome, r.comment, r.reviewed_by, r.reviewed_at
         from break_glass b left join break_glass_review r on r.break_glass_id = b.id
         where b.id = $1",
    )
    .bind(id.uuid())
    .fetch_optional(connection)
    .await?;
    row.as_ref().map(from_row).transpose()
}

/// Writes a judgement down. Two who judge at once make the same key, and one of them
/// hears that it was judged.
pub async fn review(
    connection: &mut PgConnection,
    glass: &BreakGlass,
    review: &Review,
) -> Result<(), ReviewError> {
    sqlx::query(
        "insert into break_glass_review (break_glass_id, opened_by, outcome, comment, reviewed_by, reviewed_at)
         values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(glass.id.uuid())
    .bind(glass.user_id.uuid())
    .bind(review.outcome.name())
    .bind(&review.comment)
    .bind(review.by.uuid())
    .bind(Ts::from(review.at))
    .execute(connection)
    .await
    .map_err(Error::from)?;
    Ok(())
}

/// One page of those in a state, longest waiting first, and one more.
pub async fn page(
    connection: &mut PgConnection,
    status: Status,
    after: Option<Position>,
    limit: u16,
) -> Result<Vec<BreakGlass>, Error> {
    let rows = sqlx::query(
        "select b.*, r.outcome, r.comment, r.reviewed_by, r.reviewed_at
         from break_glass b left join break_glass_review r on r.break_glass_id = b.id
         where (r.break_glass_id is null) = $1
           and ($2::timestamptz is null or (b.opened_at, b.id) > ($2, $3))
         order by b.opened_at, b.id
         limit $4",
    )
    .bind(status == Status::Open)
    .bind(after.map(|(at, _)| Ts::from(at)))
    .bind(after.map(|(_, id)| id))
    .bind(i64::from(limit) + 1)
    .fetch_all(connection)
    .await?;
    rows.iter().map(from_row).collect()
}

/// One page of those of a person, under any of their records, latest first, and one
/// more.
pub async fn page_of_person(
    connection: &mut PgConnection,
    record: PatientId,
    after: Option<Position>,
    limit: u16,
) -> Result<Vec<BreakGlass>, Error> {
    let rows = sqlx::query(
        "with person (id) as materialized (select records_of(survivor_of($1)))
         select b.*, r.outcome, r.comment, r.reviewed_by, r.reviewed_at
         from break_glass b left join break_glass_review r on r.break_glass_id = b.id
         where b.patient_id in (select id from person)
           and ($2::timestamptz is null or (b.opened_at, b.id) < ($2, $3))
         order by b.opened_at desc, b.id desc
         limit $4",
    )
    .bind(record.uuid())
    .bind(after.map(|(at, _)| Ts::from(at)))
    .bind(after.map(|(_, id)| id))
    .bind(i64::from(limit) + 1)
    .fetch_all(connection)
    .await?;
    rows.iter().map(from_row).collect()
}

fn from_row(row: &PgRow) -> Result<BreakGlass, Error> {
    let outcome = row
        .opt_text("outcome")?
        .map(|name| {
            Outcome::from_name(&name).ok_or(Error::Inconsistent {
                column: "patients.break_glass_review.outcome",
            })
        })
        .transpose()?;
    let review = match (
        outcome,
        row.opt_text("comment")?,
        row.opt_id("reviewed_by")?,
        row.opt_instant("reviewed_at")?,
    ) {
        (Some(outcome), Some(comment), Some(by), Some(at)) => Some(Review {
            outcome,
            comment,
            by,
            at,
        }),
        _ => None,
    };
    Ok(BreakGlass {
        id: row.id("id")?,
        patient_id: row.id("patient_id")?,
        user_id: row.id("user_id")?,
        practitioner_id: row.id("practitioner_id")?,
        reason: row.text("reason")?,
        opened_at: row.instant("opened_at")?,
        until: row.instant("until")?,
        review,
    })
}
