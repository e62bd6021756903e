//! All SQL of merges.

use galen_contracts::ids::PatientId;
use galen_storage::{Error, Ts};
use sqlx::{PgConnection, Row as _};
use uuid::Uuid;

use super::model::{Decision, History, Kind, MergeEvent, MergeId};

/// The history of one record.
pub async fn history(connection: &mut PgConnection, record: PatientId) -> Result<History, Error> {
    let rows = sqlx::query("select merge_id, seq, kind, survivor_id from merge_event where retired_id = $1 order by seq")
        .bind(record.uuid())
        .fetch_all(connection)
        .await?;
    let mut history = History::new(record);
    for row in &rows {
        history.apply(&MergeEvent {
            merge_id: MergeId::from_uuid(row.try_get("merge_id")?),
            seq: row.try_get("seq")?,
            kind: Kind::from_name(row.try_get("kind")?).ok_or(Error::Inconsistent {
                column: "patients.merge_event.kind",
            })?,
            retired_id: record,
            survivor_id: PatientId::from_uuid(row.try_get("survivor_id")?),
        });
    }
    Ok(history)
}

/// The record that stands for the person; `None` when there is no such record.
pub async fn survivor_of(
    connection: &mut PgConnection,
    record: PatientId,
) -> Result<Option<PatientId>, Error> {
    let id: Option<Uuid> = sqlx::query_scalar("select survivor_of($1)")
        .bind(record.uuid())
        .fetch_one(connection)
        .await?;
    Ok(id.map(PatientId::from_uuid))
}

/// All records of the person of a record that stands for them, itself included.
pub async fn records_of(
    connection: &mut PgConnection,
    record: PatientId,
) -> Result<Vec<PatientId>, Error> {
    let ids: Vec<Uuid> = sqlx::query_scalar("select * from records_of($1) as id order by id")
        .bind(record.uuid())
        .fetch_all(connection)
        .await?;
    Ok(ids.into_iter().map(PatientId::from_uuid).collect())
}

/// Appends an event, and folds it into the link of the retired record. Both records
/// count a change: the survivor shows what belongs to the other one.
pub async fn append(
    connection: &mut PgConnection,
    event_id: Uuid,
    event: &MergeEvent,
    decision: &Decision,
) -> Result<(), Error> {
    sqlx::query(
        "insert into merge_event (id, merge_id, retired_id, survivor_id, seq, kind, reason, decided_by, decided_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(event_id)
    .bind(event.merge_id.uuid())
    .bind(event.retired_id.uuid())
    .bind(event.survivor_id.uuid())
    .bind(event.seq)
    .bind(event.kind.name())
    .bind(&decision.reason)
    .bind(decision.by.uuid())
    .bind(Ts::from(decision.at))
    .execute(&mut *connection)
    .await?;
    let link = match event.kind {
        Kind::Merged => Some(event.survivor_id.uuid()),
        Kind::Unmerged => None,
    };
    let done = sqlx::query(
        "update patient set merged_into = case when id = $1 then $3 else merged_into end, version = version + 1 where id in ($1, $2)",
    )
    .bind(event.retired_id.uuid())
    .bind(event.survivor_id.uuid())
    .bind(link)
    .execute(connection)
    .await?;
    Error::unless_rows("link merged record", 2, done.rows_affected())
}
