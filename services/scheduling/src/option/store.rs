//! All SQL about doctor options. One statement a page, whatever its size: a run of
//! the practitioners' index gives the page, and one run each of the roster's and the
//! claims' index over the same ids tells who is there and who is taken.

use galen_kernel::Timestamp;
use galen_storage::{Columns as _, Error, SqlDate, date, ts};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::model::Sheet;
use crate::interval::Interval;
use crate::roster::store::{days_of, operates};
use crate::service_type::ServiceType;

/// Whom and what for.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// When.
    pub during: Interval,
    /// What for.
    pub service: ServiceType,
    /// As the roster compares it.
    pub specialty_key: Option<&'a str>,
    /// The last practitioner of the page before.
    pub after: Uuid,
    /// How many.
    pub limit: u16,
}

fn days(during: Interval) -> Vec<SqlDate> {
    days_of(during).into_iter().map(date).collect()
}

/// One page of practitioners and what is known of them, in one row.
macro_rules! sheet {
    ($practitioners:literal) => {
        concat!(
            "with page as materialized (
                 select array(select id from ",
            $practitioners,
            "         order by id limit $3) as ids
             ), bounds as materialized (
                 select ids, ids[1] as first, ids[cardinality(ids)] as last from page
             )
             select b.ids as page,
                    coalesce(r.present, '{}') as present,
                    coalesce(r.on_leave, '{}') as on_leave,
                    array(
                        select practitioner_id from claim
                        where half_day = any($8) and practitioner_id between (select first from bounds) and (select last from bounds)
                          and start_at < $5 and end_at > $4 and (expires_at is null or expires_at > $9)
                    ) as busy
             from bounds b,
                  (
                      select array_agg(practitioner_id) filter (where not on_leave and operating = $7 and start_at <= $4 and end_at >= $5) as present,
                             array_agg(practitioner_id) filter (where on_leave and start_at < $5 and end_at > $4) as on_leave
                      from roster
                      where day = any($6) and practitioner_id between (select first from bounds) and (select last from bounds)
                  ) r"
        )
    };
}

/// The next practitioners by id, free or not, one more than a page has.
///
/// # Errors
/// When the database fails.
pub async fn page(
    db: impl PgExecutor<'_>,
    wanted: &Wanted<'_>,
    now: Timestamp,
) -> Result<Sheet, Error> {
    // The whole page comes back as four arrays: a row per practitioner would cost more
    // to send and to read than it costs to find.
    let sql = match wanted.specialty_key {
        None => sheet!("practitioner where active and id > $1 and $2::text is null"),
        Some(_) => sheet!("practitioner where active and id > $1 and specialty_key = $2"),
    };
    let row = sqlx::query(sql)
        .bind(wanted.after)
        .bind(wanted.specialty_key)
        .bind(i64::from(wanted.limit) + 1)
        .bind(ts(wanted.during.start()))
        .bind(ts(wanted.during.end()))
        .bind(days(wanted.during))
        .bind(operates(wanted.service))
        .bind(wanted.during.half_days())
        .bind(ts(now))
        .fetch_one(db)
        .await?;
    Ok(Sheet {
        page: row.col("page")?,
        present: row.col("present")?,
        on_leave: row.col("on_leave")?,
        busy: row.col("busy")?,
    })
}

/// The next practitioners by id that are free, one more than a page has.
///
/// # Errors
/// When the database fails.
pub async fn free(
    db: impl PgExecutor<'_>,
    wanted: &Wanted<'_>,
    now: Timestamp,
) -> Result<Vec<Uuid>, Error> {
    Ok(sqlx::query_scalar(
        "select distinct r.practitioner_id
         from roster r
         join practitioner p on p.id = r.practitioner_id
         where r.day = any($6) and r.practitioner_id > $1
           and not r.on_leave and r.operating = $7 and r.start_at <= $4 and r.end_at >= $5
           and p.active and ($2::text is null or p.specialty_key = $2)
           and not exists (
               select from claim c
               where c.practitioner_id = r.practitioner_id and c.half_day = any($8)
                 and c.start_at < $5 and c.end_at > $4 and (c.expires_at is null or c.expires_at > $9)
           )
         order by r.practitioner_id
         limit $3",
    )
    .bind(wanted.after)
    .bind(wanted.specialty_key)
    .bind(i64::from(wanted.limit) + 1)
    .bind(ts(wanted.during.start()))
    .bind(ts(wanted.during.end()))
    .bind(days(wanted.during))
    .bind(operates(wanted.service))
    .bind(wanted.during.half_days())
    .bind(ts(now))
    .fetch_all(db)
    .await?)
}
