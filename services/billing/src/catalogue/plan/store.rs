//! All SQL of plans.

use std::sync::Arc;

use galen_kernel::Timestamp;
use galen_storage::{Columns as _, Error, date, ts};
use jiff::civil::Date;
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{PgConnection, PgExecutor};

use super::model::{CatalogueError, CataloguePlan, InForce, PlanVersion};
use crate::plan::Plan;
use crate::plan::vector::Vector;

fn number(row: &PgRow, column: &'static str, name: &str) -> Result<Option<u32>, Error> {
    let version: Option<i32> = row.col(name)?;
    version
        .map(|version| u32::try_from(version).map_err(|_| Error::Inconsistent { column }))
        .transpose()
}

fn read(row: &PgRow) -> Result<CataloguePlan, Error> {
    Ok(CataloguePlan {
        id: row.text("id")?,
        payer: row.id("payer_id")?,
        name: row.text("name")?,
        last: number(row, "billing.plan_version.version", "last")?,
    })
}

fn read_version(row: &PgRow) -> Result<PlanVersion, Error> {
    Ok(PlanVersion {
        plan: row.col::<Json<Plan>>("document")?.0,
        valid_from: row.date("valid_from")?,
        valid_to: row.opt_date("valid_to")?,
        vectors: row.col::<Json<Vec<Vector>>>("vectors")?.0,
        published_at: row.instant("published_at")?,
        published_by: row.col("published_by")?,
    })
}

/// Stores a new plan.
///
/// # Errors
/// When there is one with its id, no such payer, or the database fails.
pub async fn insert(
    db: &mut PgConnection,
    plan: &CataloguePlan,
    at: Timestamp,
) -> Result<(), CatalogueError> {
    let done = sqlx::query(
        "insert into plan (id, payer_id, name, registered_at)
         select $1, p.id, $3, $4 from payer p where p.id = $2 and p.active",
    )
    .bind(&plan.id)
    .bind(plan.payer.uuid())
    .bind(&plan.name)
    .bind(ts(at))
    .execute(db)
    .await
    .map_err(Error::from)?;
    if done.rows_affected() == 0 {
        return Err(CatalogueError::UnknownPayer);
    }
    Ok(())
}

/// Reads one.
///
/// # Errors
/// When the database fails.
pub async fn get(db: impl PgExecutor<'_>, id: &str) -> Result<Option<CataloguePlan>, Error> {
    let row = sqlx::query(
        "select p.id, p.payer_id, p.name, (select max(v.version) from plan_version v where v.plan_id = p.id) as last
         from plan p where p.id = $1",
    )
    .bind(id)
    .fetch_optional(db)
    .await?;
    row.as_ref().map(read).transpose()
}

/// Locks a plan, so that its versions get one order, and tells its last version and the
/// day on which that begins.
///
/// # Errors
/// When there is no such plan, or the database fails.
pub async fn last_for_update(
    db: &mut PgConnection,
    id: &str,
) -> Result<Option<(u32, Date)>, CatalogueError> {
    sqlx::query("select id from plan where id = $1 for update")
        .bind(id)
        .fetch_optional(&mut *db)
        .await
        .map_err(Error::from)?
        .ok_or(CatalogueError::Unknown)?;
    let row = sqlx::query(
        "select version, valid_from from plan_version where plan_id = $1 order by version desc limit 1",
    )
    .bind(id)
    .fetch_optional(db)
    .await
    .map_err(Error::from)?;
    let Some(row) = row else { return Ok(None) };
    let version = number(&row, "billing.plan_version.version", "version")?;
    Ok(version.zip(Some(row.date("valid_from")?)))
}

/// Stores a version.
///
/// # Errors
/// When the database fails.
pub async fn publish(db: &mut PgConnection, version: &PlanVersion) -> Result<(), Error> {
    sqlx::query(
        "insert into plan_version (plan_id, version, valid_from, document, vectors, published_at, published_by)
         values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(&version.plan.id)
    .bind(i64::from(version.plan.version))
    .bind(date(version.valid_from))
    .bind(Json(&version.plan))
    .bind(Json(&version.vectors))
    .bind(ts(version.published_at))
    .bind(version.published_by)
    .execute(db)
    .await?;
    Ok(())
}

/// Reads one version.
///
/// # Errors
/// When the database fails.
pub async fn version(
    db: impl PgExecutor<'_>,
    plan: &str,
    version: u32,
) -> Result<Option<PlanVersion>, Error> {
    let row = sqlx::query(
        "select v.*, (select min(n.valid_from) from plan_version n where n.plan_id = v.plan_id and n.version > v.version) as valid_to
         from plan_version v where v.plan_id = $1 and v.version = $2",
    )
    .bind(plan)
    .bind(i64::from(version))
    .fetch_optional(db)
    .await?;
    row.as_ref().map(read_version).transpose()
}

/// A page of the versions of a plan, the last one first.
///
/// # Errors
/// When the database fails.
pub async fn versions(
    db: impl PgExecutor<'_>,
    plan: &str,
    before: Option<u32>,
    limit: u16,
) -> Result<Vec<PlanVersion>, Error> {
    sqlx::query(
        "select v.* from (
             select o.*, lead(o.valid_from) over (order by o.version) as valid_to
             from plan_version o where o.plan_id = $1
         ) v
         where $2::bigint is null or v.version < $2
         order by v.version desc
         limit $3",
    )
    .bind(plan)
    .bind(before.map(i64::from))
    .bind(i64::from(limit) + 1)
    .fetch_all(db)
    .await?
    .iter()
    .map(read_version)
    .collect()
}

/// A page of plans by id.
///
/// # Errors
/// When the database fails.
pub async fn page(
    db: impl PgExecutor<'_>,
    after: Option<&str>,
    limit: u16,
) -> Result<Vec<CataloguePlan>, Error> {
    sqlx::query(
        "select p.id, p.payer_id, p.name, (select max(v.version) from plan_version v where v.plan_id = p.id) as last
         from plan p
         where $1::text is null or p.id > $1
         order by p.id
         limit $2",
    )
    .bind(after)
    .bind(i64::from(limit) + 1)
    .fetch_all(db)
    .await?
    .iter()
    .map(read)
    .collect()
}

/// The versions of plans that are in force on a day; nothing for a plan that is unknown
/// or has not begun.
///
/// # Errors
/// When the database fails.
pub async fn in_force(
    db: &mut PgConnection,
    plans: &[&str],
    on: Date,
) -> Result<Vec<InForce>, Error> {
    sqlx::query(
        "select distinct on (v.plan_id) p.payer_id, v.document
         from plan_version v join plan p on p.id = v.plan_id
         where v.plan_id = any ($1) and v.valid_from <= $2
         order by v.plan_id, v.version desc",
    )
    .bind(plans)
    .bind(date(on))
    .fetch_all(db)
    .await?
    .iter()
    .map(|row| {
        Ok(InForce {
            payer: row.id("payer_id")?,
            plan: Arc::new(row.col::<Json<Plan>>("document")?.0),
        })
    })
    .collect()
}
