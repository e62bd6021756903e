//! All SQL of erasing people.

use galen_contracts::ids::PatientId;
use galen_kernel::{Text, Timestamp};
use galen_storage::{Columns as _, Error, Ts};
use galen_vault::{Column, Keyring, Sealed, SealedColumn, Vault};
use sqlx::PgConnection;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::model::{Decision, Erasure, ErasureError, ErasureId, State, Status};

/// Why somebody is to be erased.
pub(crate) const REASON: Column<Text<500>> = Column::new("patients", "erasure", "reason");

/// What is sealed of erasures.
pub(crate) const SEALED: SealedColumn = SealedColumn {
    place: REASON.place(),
    row: "id",
    subject: "t.patient_id",
};

/// Where a page ended.
pub type Position = (Timestamp, Uuid);

/// Writes a request down.
///
/// # Errors
/// When there is an open one already, or the reason cannot be sealed.
pub async fn insert(
    vault: &Vault,
    connection: &mut PgConnection,
    erasure: &Erasure,
) -> Result<(), ErasureError> {
    let key = vault.key_of(connection, erasure.patient_id).await?;
    let reason = erasure.reason.as_ref();
    let reason = reason.map(|reason| key.seal(&REASON, erasure.id, reason));
    sqlx::query(
        "insert into erasure (id, patient_id, reason, requested_by, requested_at) values ($1, $2, $3, $4, $5)",
    )
    .bind(erasure.id.uuid())
    .bind(erasure.patient_id.uuid())
    .bind(reason.transpose()?)
    .bind(erasure.requested_by.uuid())
    .bind(Ts::from(erasure.requested_at))
    .execute(connection)
    .await
    .map_err(Error::from)?;
    Ok(())
}

/// Locks a request and loads it.
///
/// # Errors
/// When the database fails, or the reason does not open.
pub async fn find_for_update(
    vault: &Vault,
    connection: &mut PgConnection,
    id: ErasureId,
) -> Result<Option<Erasure>, galen_vault::Error> {
    let row = sqlx::query("select * from erasure where id = $1 for update")
        .bind(id.uuid())
        .fetch_optional(&mut *connection)
        .await?;
    Ok(opened(vault, connection, row.as_slice()).await?.pop())
}

/// One page of those in a state, longest waiting first, and one more.
///
/// # Errors
/// When the database fails, or a reason does not open.
pub async fn page(
    vault: &Vault,
    connection: &mut PgConnection,
    status: Status,
    after: Option<Position>,
    limit: u16,
) -> Result<Vec<Erasure>, galen_vault::Error> {
    let rows = sqlx::query(
        "select * from erasure
         where status = $1 and ($2::timestamptz is null or (requested_at, id) > ($2, $3))
         order by requested_at, id
         limit $4",
    )
    .bind(status.name())
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
) -> Result<Vec<Erasure>, galen_vault::Error> {
    let mut reasons: Vec<Sealed<Text<500>>> = Vec::with_capacity(rows.len());
    for row in rows {
        reasons.extend(row.col::<Option<_>>("reason")?);
    }
    let ring = vault.keyring(connection, &reasons).await?;
    rows.iter().map(|row| from_row(&ring, row)).collect()
}

fn from_row(ring: &Keyring, row: &PgRow) -> Result<Erasure, galen_vault::Error> {
    let (id, patient_id): (ErasureId, PatientId) = (row.id("id")?, row.id("patient_id")?);
    let status = Status::from_name(&row.text("status")?);
    let decision = match (row.opt_id("decided_by")?, row.opt_instant("decided_at")?) {
        (Some(by), Some(at)) => Some(Decision { by, at }),
        _ => None,
    };
    let state = match (status, decision) {
        (Some(Status::Open), None) => State::Open,
        (Some(Status::Approved | Status::Done), Some(decision)) => {
            State::Approved(decision, row.opt_instant("completed_at")?)
        }
        (Some(Status::Rejected), Some(decision)) => State::Rejected(decision),
        _ => {
            return Err(Error::Inconsistent {
                column: "patients.erasure.status",
            }
            .into());
        }
    };
    let reason: Option<Sealed<Text<500>>> = row.col("reason")?;
    let reason = reason.map(|sealed| ring.open(&REASON, patient_id, id, &sealed));
    Ok(Erasure {
        id,
        patient_id,
        reason: match reason.transpose() {
            Ok(reason) => reason.map(galen_kernel::Pii::into_inner),
            // A rejected request of somebody who was erased later.
            Err(galen_vault::Error::Erased) => None,
            Err(error) => return Err(error),
        },
        requested_by: row.id("requested_by")?,
        requested_at: row.instant("requested_at")?,
        state,
    })
}

/// Writes a decision over an open request that was locked.
///
/// # Errors
/// When somebody else decided.
pub async fn decide(connection: &mut PgConnection, decided: &Erasure) -> Result<(), Error> {
    let decision = decided.decision();
    let done = sqlx::query(
        "update erasure set approved = $2, decided_by = $3, decided_at = $4, reason = case when $2 then null else reason end
         where id = $1 and decided_at is null",
    )
    .bind(decided.id.uuid())
    .bind(matches!(decided.state, State::Approved(..)))
    .bind(decision.map(|decision| decision.by.uuid()))
    .bind(decision.map(|decision| Ts::from(decision.at)))
    .execute(connection)
    .await?;
    Error::unless_rows("decide about an erasure", 1, done.rows_affected())
}

/// Locks all records of a person, against everything: who writes about them waits, and
/// then finds them erased.
///
/// # Errors
/// When the database fails.
pub async fn lock_person(
    connection: &mut PgConnection,
    record: PatientId,
) -> Result<Vec<PatientId>, Error> {
    let rows = sqlx::query(
        "select id from patient where id in (select records_of($1)) order by id for update",
    )
    .bind(record.uuid())
    .fetch_all(connection)
    .await?;
    rows.iter().map(|row| row.id("id")).collect()
}

/// Takes a person out of records, and away what they are found by. Repeating it changes
/// nothing.
///
/// # Errors
/// When the database fails.
pub async fn forget(
    connection: &mut PgConnection,
    records: &[PatientId],
    now: Timestamp,
) -> Result<(), Error> {
    let ids: Vec<Uuid> = records.iter().map(|id| id.uuid()).collect();
    for statement in [
        "update patient
         set erased_at = coalesce(erased_at, $2), demographics = null, user_id = null,
             national_id_index = null, email_index = null, phone_index = null,
             birth_date_index = null, name_index = null, beginning_index = null,
             version = version + case when erased_at is null then 1 else 0 end
         where id = any($1)",
        "delete from patient_name_token where patient_id = any($1) and $2::timestamptz is not null",
        "delete from patient_identifier where patient_id = any($1) and $2::timestamptz is not null",
        "update entry set source_value_index = null
         where patient_id = any($1) and source_value_index is not null and $2::timestamptz is not null",
        // What somebody wrote about two records is about both.
        "update merge_event set reason = '[erased]'
         where (retired_id = any($1) or survivor_id = any($1)) and reason <> '[erased]' and $2::timestamptz is not null",
        "update duplicate set decision_reason = '[erased]'
         where (low_id = any($1) or high_id = any($1)) and decision_reason <> '[erased]' and $2::timestamptz is not null",
        "delete from duplicate
         where status = 'OPEN' and (low_id = any($1) or high_id = any($1)) and $2::timestamptz is not null",
    ] {
        sqlx::query(statement)
            .bind(&ids)
            .bind(Ts::from(now))
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Notes that the keys of a record are erased; when they are of all records of the
/// person, the erasure is done.
///
/// # Errors
/// When the database fails.
pub async fn keys_erased(
    connection: &mut PgConnection,
    record: PatientId,
    now: Timestamp,
) -> Result<(), Error> {
    sqlx::query("update patient set keys_erased_at = coalesce(keys_erased_at, $2) where id = $1 and erased_at is not null")
        .bind(record.uuid())
        .bind(Ts::from(now))
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "update erasure e set completed_at = $2
         where e.approved and e.completed_at is null
           and e.patient_id in (select survivor_of($1))
           and not exists (select from patient p where p.id in (select records_of(e.patient_id)) and p.keys_erased_at is null)",
    )
    .bind(record.uuid())
    .bind(Ts::from(now))
    .execute(connection)
    .await?;
    Ok(())
}
