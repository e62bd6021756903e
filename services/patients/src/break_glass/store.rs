//! All SQL of breaking the glass.

use galen_contracts::ids::PatientId;
use galen_kernel::{Text, Timestamp};
use galen_storage::{Columns as _, Error, Ts};
use galen_vault::{Column, Keyring, Sealed, SealedColumn, Vault};
use sqlx::PgConnection;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::model::{BreakGlass, BreakGlassId, Outcome, Review, ReviewError, Status};
use crate::mrn::Mrn;

/// Why somebody broke the glass.
pub(crate) const REASON: Column<Text<500>> =
    Column::new("patients", "break_glass", "sealed_reason");

/// What was thought of it.
pub(crate) const COMMENT: Column<Text<500>> =
    Column::new("patients", "break_glass_review", "sealed_comment");

/// What is sealed of broken glasses.
pub(crate) const SEALED: &[SealedColumn] = &[
    SealedColumn {
        place: REASON.place(),
        row: "id",
        subject: "t.patient_id",
    },
    SealedColumn {
        place: COMMENT.place(),
        row: "break_glass_id",
        subject: "(select b.patient_id from break_glass b where b.id = t.break_glass_id)",
    },
];

/// Where a page ended.
pub type Position = (Timestamp, Uuid);

/// The record that stands for the person with a record number.
pub async fn survivor_by_mrn(
    connection: &mut PgConnection,
    mrn: &Mrn,
) -> Result<Option<PatientId>, Error> {
    let id: Option<Uuid> = sqlx::query_scalar(
        "select survivor_of(id) from patient where mrn = $1 and erased_at is null",
    )
    .bind(mrn.as_str())
    .fetch_optional(connection)
    .await?;
    Ok(id.map(PatientId::from_uuid))
}

/// Writes down that somebody broke the glass.
///
/// # Errors
/// When the database fails, or the reason cannot be sealed.
pub async fn insert(
    vault: &Vault,
    connection: &mut PgConnection,
    glass: &BreakGlass,
) -> Result<(), galen_vault::Error> {
    let key = vault.key_of(connection, glass.patient_id).await?;
    sqlx::query(
        "insert into break_glass (id, patient_id, user_id, practitioner_id, sealed_reason, opened_at, until)
         values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(glass.id.uuid())
    .bind(glass.patient_id.uuid())
    .bind(glass.user_id.uuid())
    .bind(glass.practitioner_id.uuid())
    .bind(key.seal(&REASON, glass.id, &glass.reason)?)
    .bind(Ts::from(glass.opened_at))
    .bind(Ts::from(glass.until))
    .execute(connection)
    .await?;
    Ok(())
}

/// Loads one.
///
/// # Errors
/// When the database fails, or what is stored does not open.
pub async fn find(
    vault: &Vault,
    connection: &mut PgConnection,
    id: BreakGlassId,
) -> Result<Option<BreakGlass>, galen_vault::Error> {
    let row = sqlx::query(
        "select b.*, r.outcome, r.sealed_comment, r.reviewed_by, r.reviewed_at
         from break_glass b left join break_glass_review r on r.break_glass_id = b.id
         where b.id = $1",
    )
    .bind(id.uuid())
    .fetch_optional(&mut *connection)
    .await?;
    Ok(opened(vault, connection, row.as_slice()).await?.pop())
}

/// Writes a judgement down. Two who judge at once make the same key, and one of them
/// hears that it was judged.
///
/// # Errors
/// When it was judged before, or the comment cannot be sealed.
pub async fn review(
    vault: &Vault,
    connection: &mut PgConnection,
    glass: &BreakGlass,
    review: &Review,
) -> Result<(), ReviewError> {
    let key = vault.key_of(connection, glass.patient_id).await?;
    sqlx::query(
        "insert into break_glass_review (break_glass_id, opened_by, outcome, sealed_comment, reviewed_by, reviewed_at)
         values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(glass.id.uuid())
    .bind(glass.user_id.uuid())
    .bind(review.outcome.name())
    .bind(key.seal(&COMMENT, glass.id, &review.comment)?)
    .bind(review.by.uuid())
    .bind(Ts::from(review.at))
    .execute(connection)
    .await
    .map_err(Error::from)?;
    Ok(())
}

/// One page of those in a state, longest waiting first, and one more. Those of people
/// who were erased are left out: why the glass was broken can no longer be read.
///
/// # Errors
/// When the database fails, or what is stored does not open.
pub async fn page(
    vault: &Vault,
    connection: &mut PgConnection,
    status: Status,
    after: Option<Position>,
    limit: u16,
) -> Result<Vec<BreakGlass>, galen_vault::Error> {
    let rows = sqlx::query(
        "select b.*, r.outcome, r.sealed_comment, r.reviewed_by, r.reviewed_at
         from break_glass b left join break_glass_review r on r.break_glass_id = b.id
         where (r.break_glass_id is null) = $1
           and not exists (select from patient p where p.id = b.patient_id and p.erased_at is not null)
           and ($2::timestamptz is null or (b.opened_at, b.id) > ($2, $3))
         order by b.opened_at, b.id
         limit $4",
    )
    .bind(status == Status::Open)
    .bind(after.map(|(at, _)| Ts::from(at)))
    .bind(after.map(|(_, id)| id))
    .bind(i64::from(limit) + 1)
    .fetch_all(&mut *connection)
    .await?;
    opened(vault, connection, &rows).await
}

/// One page of those of a person, under any of their records, latest first, and one
/// more.
///
/// # Errors
/// When the database fails, or what is stored does not open.
pub async fn page_of_person(
    vault: &Vault,
    connection: &mut PgConnection,
    record: PatientId,
    after: Option<Position>,
    limit: u16,
) -> Result<Vec<BreakGlass>, galen_vault::Error> {
    let rows = sqlx::query(
        "with person (id) as materialized (select records_of(survivor_of($1)))
         select b.*, r.outcome, r.sealed_comment, r.reviewed_by, r.reviewed_at
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
    .fetch_all(&mut *connection)
    .await?;
    opened(vault, connection, &rows).await
}

async fn opened(
    vault: &Vault,
    connection: &mut PgConnection,
    rows: &[PgRow],
) -> Result<Vec<BreakGlass>, galen_vault::Error> {
    let mut sealed: Vec<Sealed<Text<500>>> = Vec::with_capacity(rows.len());
    for row in rows {
        sealed.push(row.col("sealed_reason")?);
        sealed.extend(row.col::<Option<_>>("sealed_comment")?);
    }
    let ring = vault.keyring(connection, &sealed).await?;
    rows.iter().map(|row| from_row(&ring, row)).collect()
}

fn from_row(ring: &Keyring, row: &PgRow) -> Result<BreakGlass, galen_vault::Error> {
    let (id, patient_id): (BreakGlassId, PatientId) = (row.id("id")?, row.id("patient_id")?);
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
        row.col::<Option<Sealed<Text<500>>>>("sealed_comment")?,
        row.opt_id("reviewed_by")?,
        row.opt_instant("reviewed_at")?,
    ) {
        (Some(outcome), Some(comment), Some(by), Some(at)) => Some(Review {
            outcome,
            comment: ring.open(&COMMENT, patient_id, id, &comment)?.into_inner(),
            by,
            at,
        }),
        _ => None,
    };
    let reason: Sealed<Text<500>> = row.col("sealed_reason")?;
    Ok(BreakGlass {
        id,
        patient_id,
        user_id: row.id("user_id")?,
        practitioner_id: row.id("practitioner_id")?,
        reason: ring.open(&REASON, patient_id, id, &reason)?.into_inner(),
        opened_at: row.instant("opened_at")?,
        until: row.instant("until")?,
        review,
    })
}
