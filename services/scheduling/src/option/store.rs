//! All SQL about doctor options. One statement a page, whatever its size: a run of
//! the practitioners' index gives the page, and one run each of the roster's and the
//! claims' index over the same ids tells who is there and who is taken.

use galen_kernel::Timestamp;
use galen_storage::{Columns as _, Error, date, ts};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::model::Sheet;
use crate::interval::Interval;
use crate::roster::store::{days_of, operates};
use crate::service_type::ServiceType;

/// Whom and what for.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// When; at most half a day.
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

/// One page of practitioners and what is known of them, in one row: a row each would
/// cost more to send and to read than it costs to find. Days and half-days are bound
/// one by one, so that the plan can be kept.
macro_rules! sheet {
    ($practitioners:literal) => {
        concat!(
            "select p.ids as page, r.present, r.on_leave, c.busy
             from (select array(select id from practitioner where ",
            $practitioners,
            " order by id limit $3) as ids offset 0) p
             cross join lateral (
                 select coalesce(array_agg(practitioner_id) filter (where not on_leave and operating = $7 and start_at <= $4 and end_at >= $5), '{}') as present,
                        coalesce(array_agg(practitioner_id) filter (where on_leave and start_at < $5 and end_at > $4), '{}') as on_leave
                 from roster
                 where day in ($6, $8) and practitioner_id between p.ids[1] and p.ids[cardinality(p.ids)]
             ) r
             cross join lateral (
                 select coalesce(array_agg(practitioner_id), '{}') as busy
                 from claim
                 where half_day in ($9, $10, $11) and practitioner_id between p.ids[1] and p.ids[cardinality(p.ids)]
                   and start_at < $5 and end_at > $4 and (expires_at is null or expires_at > $12)
             ) c"
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
    let sql = match wanted.specialty_key {
        None => sheet!("active and id > $1 and $2::text is null"),
        Some(_) => sheet!("active and id > $1 and specialty_key = $2"),
    };
    let ([day, last_day], [before, first, last]) =
        (days_of(wanted.during), wanted.during.half_days());
    let row = sqlx::query(sql)
        .bind(wanted.after)
        .bind(wanted.specialty_key)
        .bind(i64::from(wanted.limit) + 1)
        .bind(ts(wanted.during.start()))
        .bind(ts(wanted.during.end()))
        .bind(date(day))
        .bind(operates(wanted.service))
        .bind(date(last_day))
        .bind(before)
        .bind(first)
        .bind(last)
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
    let ([day, _], [before, first, last]) = (days_of(wanted.during), wanted.during.half_days());
    Ok(sqlx::query_scalar(
        "select distinct r.practitioner_id
         from roster r
         join practitioner p on p.id = r.practitioner_id
         where r.day = $6 and r.practitioner_id > $1
           and not r.on_leave and r.operating = $7 and r.start_at <= $4 and r.end_at >= $5
           and p.active and ($2::text is null or p.specialty_key = $2)
           and not exists (
               select from claim c
               where c.practitioner_id = r.practitioner_id and c.half_day in ($8, $9, $10)
                 and c.start_at < $5 and c.end_at > $4 and (c.expires_at is null or c.expires_at > $11)
           )
         order by r.practitioner_id
         limit $3",
    )
    .bind(wanted.after)
    .bind(wanted.specialty_key)
    .bind(i64::from(wanted.limit) + 1)
    .bind(ts(wanted.during.start()))
    .bind(ts(wanted.during.end()))
    .bind(date(day))
    .bind(operates(wanted.service))
    .bind(before)
    .bind(first)
    .bind(last)
    .bind(ts(now))
    .fetch_all(db)
    .await?)
}
