//! All SQL of care: its grounds, and who is within a carer's reach.

use galen_contracts::ids::{PatientId, PractitionerId, UserId};
use galen_kernel::Timestamp;
use galen_storage::{Columns as _, Error, Ts};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Postgres, QueryBuilder};
use uuid::Uuid;

use super::model::{Ground, Source};

/// Locks and loads the grounds that these sources gave.
pub async fn grounds_for_update(
    connection: &mut PgConnection,
    source: Source,
    ids: &[Uuid],
) -> Result<Vec<Ground>, Error> {
    let rows = sqlx::query(
        "select source, source_id, patient_id, practitioner_id, since, until, took_place, version
         from care_ground where source = $1 and source_id = any($2) order by source_id for update",
    )
    .bind(source.name())
    .bind(ids)
    .fetch_all(connection)
    .await?;
    rows.iter().map(ground).collect()
}

fn ground(row: &PgRow) -> Result<Ground, Error> {
    Ok(Ground {
        source: Source::from_name(row.col("source")?).ok_or(Error::Inconsistent {
            column: "patients.care_ground.source",
        })?,
        source_id: row.col("source_id")?,
        patient_id: row.id("patient_id")?,
        practitioner_id: row.id("practitioner_id")?,
        since: row.instant("since")?,
        until: row.opt_instant("until")?,
        took_place: row.col("took_place")?,
        version: row.col("version")?,
    })
}

/// Writes grounds down, over what was known of them. An older version changes nothing.
pub async fn save(connection: &mut PgConnection, grounds: &[Ground]) -> Result<(), Error> {
    if grounds.is_empty() {
        return Ok(());
    }
    let sources: Vec<&str> = grounds.iter().map(|g| g.source.name()).collect();
    let ids: Vec<Uuid> = grounds.iter().map(|g| g.source_id).collect();
    let patients: Vec<Uuid> = grounds.iter().map(|g| g.patient_id.uuid()).collect();
    let practitioners: Vec<Uuid> = grounds.iter().map(|g| g.practitioner_id.uuid()).collect();
    let since: Vec<Ts> = grounds.iter().map(|g| Ts::from(g.since)).collect();
    let until: Vec<Option<Ts>> = grounds.iter().map(|g| g.until.map(Ts::from)).collect();
    let took_place: Vec<bool> = grounds.iter().map(|g| g.took_place).collect();
    let versions: Vec<i64> = grounds.iter().map(|g| g.version).collect();
    sqlx::query(
        "insert into care_ground as known (source, source_id, patient_id, practitioner_id, since, until, took_place, version)
         select * from unnest($1::text[], $2::uuid[], $3::uuid[], $4::uuid[], $5::timestamptz[], $6::timestamptz[], $7::bool[], $8::int8[])
         on conflict (source, source_id) do update
         set until = excluded.until, took_place = excluded.took_place, version = excluded.version
         where known.version < excluded.version",
    )
    .bind(sources)
    .bind(ids)
    .bind(patients)
    .bind(practitioners)
    .bind(since)
    .bind(until)
    .bind(took_place)
    .bind(versions)
    .execute(connection)
    .await?;
    Ok(())
}

/// Somebody who sees those they care for, and those to whom they broke the glass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Carer {
    /// The practitioner who cares.
    pub practitioner: PractitionerId,
    /// Their account, for which the glass is broken.
    pub user: UserId,
    /// Their own record, as their token says: it is within reach as well.
    pub own: Option<PatientId>,
    /// Now.
    pub at: Timestamp,
}

/// Why somebody reaches a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// They care for the person, or are the person.
    Cares,
    /// They broke the glass, and have no other reason.
    BrokeTheGlass,
}

/// Why the person of a record is within a carer's reach; `None` when they are not, or
/// there is no such record.
pub async fn why(
    connection: &mut PgConnection,
    carer: &Carer,
    record: PatientId,
) -> Result<Option<Why>, Error> {
    let reached = reached(connection, carer, &[record]).await?.pop();
    Ok(reached.map(|(_, why)| why))
}

/// Of some records, those whose persons are within a carer's reach, and why.
pub async fn reached(
    connection: &mut PgConnection,
    carer: &Carer,
    records: &[PatientId],
) -> Result<Vec<(PatientId, Why)>, Error> {
    let records: Vec<Uuid> = records.iter().map(|id| id.uuid()).collect();
    let rows = sqlx::query(
        "select asked.id, why.cares or why.is_own as cares
         from (select distinct id from unnest($1::uuid[]) as asked (id)) asked
         cross join lateral (select array(select records_of(survivor_of(asked.id))) as records) person
         cross join lateral (
             select exists (select from care_ground g where g.patient_id = any (person.records) and g.practitioner_id = $2 and g.until is null) as cares,
                    exists (select from patient o where o.id = any (person.records) and (o.user_id = $3 or o.id = $4)) as is_own,
                    exists (select from break_glass b where b.patient_id = any (person.records) and b.user_id = $3 and b.until > $5) as broke
         ) why
         where why.cares or why.is_own or why.broke",
    )
    .bind(records)
    .bind(carer.practitioner.uuid())
    .bind(carer.user.uuid())
    .bind(carer.own.map(|id| id.uuid()))
    .bind(Ts::from(carer.at))
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            let why = if row.col("cares")? {
                Why::Cares
            } else {
                Why::BrokeTheGlass
            };
            Ok((row.id("id")?, why))
        })
        .collect()
}

/// Whether the person of a record is or ever was within a carer's reach: what they may
/// know to exist.
pub async fn ever_reached(
    connection: &mut PgConnection,
    carer: &Carer,
    record: PatientId,
) -> Result<bool, Error> {
    Ok(sqlx::query_scalar(
        "with person (id) as materialized (select records_of(survivor_of($1)))
         select exists (select from care_ground g join person p on p.id = g.patient_id where g.practitioner_id = $2)
             or exists (select from break_glass b join person p on p.id = b.patient_id where b.user_id = $3)
             or exists (select from patient o join person p on p.id = o.id where o.user_id = $3 or o.id = $4)",
    )
    .bind(record.uuid())
    .bind(carer.practitioner.uuid())
    .bind(carer.user.uuid())
    .bind(carer.own.map(|id| id.uuid()))
    .fetch_one(connection)
    .await?)
}

/// Writes `with recursive cared (id) as (…) `: every record of everybody within a
/// carer's reach. It begins with the records that are reached themselves and follows
/// merges both ways, so that it costs what the carer has and not what the hospital has.
pub fn with_cared(sql: &mut QueryBuilder<Postgres>, carer: &Carer) {
    sql.push("with recursive cared (id) as ((select g.patient_id from care_ground g where g.until is null and g.practitioner_id = ")
        .push_bind(carer.practitioner.uuid());
    sql.push(" union select b.patient_id from break_glass b where b.user_id = ")
        .push_bind(carer.user.uuid())
        .push(" and b.until > ")
        .push_bind(Ts::from(carer.at));
    sql.push(" union select o.id from patient o where o.user_id = ")
        .push_bind(carer.user.uuid())
        .push(" or o.id = ")
        .push_bind(carer.own.map(|id| id.uuid()));
    sql.push(
        ") union select other.id from cared c cross join lateral (
             select m.merged_into from patient m where m.id = c.id and m.merged_into is not null
             union all
             select r.id from patient r where r.merged_into = c.id
         ) other (id)) ",
    );
}
