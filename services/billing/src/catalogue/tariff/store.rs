//! All SQL of tariffs.

use std::collections::BTreeMap;

use galen_kernel::{Money, Timestamp};
use galen_storage::{Columns as _, Error, date, ts};
use jiff::civil::Date;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::model::{EncounterClass, Priced, Tariff, TariffError, TariffId};
use crate::catalogue::PayerId;

/// Where a page ended: code, first day, id.
pub type Position = (String, Date, Uuid);

/// Which tariffs; `None` does not restrict.
#[derive(Debug, Default)]
pub struct Filter {
    /// For this service.
    pub service_code: Option<String>,
    /// Agreed with this payer.
    pub payer: Option<PayerId>,
    /// In force on this day.
    pub on: Option<Date>,
}

/// One contract price that is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sought {
    /// Of this service.
    pub code: String,
    /// Agreed with this payer, and nobody else.
    pub payer: PayerId,
    /// In encounters of this class.
    pub class: String,
    /// On this day.
    pub on: Date,
}

fn money(row: &PgRow) -> Result<Money, Error> {
    let currency = row.text("currency")?.parse();
    Ok(Money {
        minor: row.col("amount")?,
        currency: currency.map_err(|_| Error::Inconsistent {
            column: "billing.tariff.currency",
        })?,
    })
}

fn read(row: &PgRow) -> Result<Tariff, Error> {
    let class = row.opt_text("encounter_class")?;
    Ok(Tariff {
        id: row.id("id")?,
        service_code: row.text("service_code")?,
        name: row.opt_text("name")?,
        category: row.opt_text("category")?,
        payer: row.opt_id("payer_id")?,
        encounter_class: class
            .map(|class| {
                EncounterClass::read(&class).ok_or(Error::Inconsistent {
                    column: "billing.tariff.encounter_class",
                })
            })
            .transpose()?,
        price: money(row)?,
        valid_from: row.date("valid_from")?,
        valid_to: row.opt_date("valid_to")?,
        version: row.col("version")?,
    })
}

/// The price of one unit of a service on a day, for whom a payer insures and for others,
/// in encounters of a class; `None` when there is none in force.
///
/// # Errors
/// When the database fails.
pub async fn price(
    db: &mut PgConnection,
    code: &str,
    payer: Option<PayerId>,
    class: &str,
    on: Date,
) -> Result<Option<Priced>, Error> {
    let row = sqlx::query(
        "select id, amount, currency, category from tariff
         where service_code = $1
           and (payer_id is null or payer_id = $2)
           and (encounter_class is null or encounter_class = $3)
           and daterange(valid_from, valid_to) @> $4
         order by payer_id is null, encounter_class is null
         limit 1",
    )
    .bind(code)
    .bind(payer.map(|payer| payer.uuid()))
    .bind(class)
    .bind(date(on))
    .fetch_optional(db)
    .await?;
    row.map(|row| {
        Ok(Priced {
            amount: money(&row)?,
            tariff: row.id("id")?,
            category: row.opt_text("category")?,
        })
    })
    .transpose()
}

/// What was agreed with payers, in the order of the questions, in minor units; `None`
/// where nothing was.
///
/// # Errors
/// When the database fails.
pub async fn agreed(db: &mut PgConnection, sought: &[Sought]) -> Result<Vec<Option<i64>>, Error> {
    let codes: Vec<&str> = sought.iter().map(|one| one.code.as_str()).collect();
    let payers: Vec<Uuid> = sought.iter().map(|one| one.payer.uuid()).collect();
    let classes: Vec<&str> = sought.iter().map(|one| one.class.as_str()).collect();
    let days: Vec<String> = sought.iter().map(|one| one.on.to_string()).collect();
    sqlx::query(
        "select (select t.amount from tariff t
                 where t.service_code = s.code
                   and t.payer_id = s.payer
                   and (t.encounter_class is null or t.encounter_class = s.class)
                   and daterange(t.valid_from, t.valid_to) @> s.day::date
                 order by t.encounter_class is null
                 limit 1) as amount
         from unnest($1::text[], $2::uuid[], $3::text[], $4::text[]) with ordinality as s (code, payer, class, day, place)
         order by s.place",
    )
    .bind(codes)
    .bind(payers)
    .bind(classes)
    .bind(days)
    .fetch_all(db)
    .await?
    .iter()
    .map(|row| row.col("amount"))
    .collect()
}

/// Stores a new tariff.
///
/// # Errors
/// When it overlaps another one, there is no such payer, or the database fails.
pub async fn insert(
    db: &mut PgConnection,
    tariff: &Tariff,
    at: Timestamp,
) -> Result<(), TariffError> {
    sqlx::query(
        "insert into tariff (id, service_code, category, payer_id, encounter_class, amount, currency, valid_from, valid_to, recorded_at, name)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(tariff.id.uuid())
    .bind(&tariff.service_code)
    .bind(&tariff.category)
    .bind(tariff.payer.map(|payer| payer.uuid()))
    .bind(tariff.encounter_class.map(EncounterClass::code))
    .bind(tariff.price.minor)
    .bind(tariff.price.currency.code())
    .bind(date(tariff.valid_from))
    .bind(tariff.valid_to.map(date))
    .bind(ts(at))
    .bind(&tariff.name)
    .execute(db)
    .await
    .map_err(Error::from)?;
    Ok(())
}

/// Locks one and reads it.
///
/// # Errors
/// When the database fails.
pub async fn get_for_update(db: &mut PgConnection, id: TariffId) -> Result<Option<Tariff>, Error> {
    let row = sqlx::query("select * from tariff where id = $1 for update")
        .bind(id.uuid())
        .fetch_optional(db)
        .await?;
    row.as_ref().map(read).transpose()
}

/// Writes another end over the version that was loaded.
///
/// # Errors
/// When it overlaps another one now, or the database fails.
pub async fn end(db: &mut PgConnection, tariff: &Tariff) -> Result<(), TariffError> {
    let done = sqlx::query(
        "update tariff set valid_to = $3, version = version + 1 where id = $1 and version = $2",
    )
    .bind(tariff.id.uuid())
    .bind(tariff.version)
    .bind(tariff.valid_to.map(date))
    .execute(db)
    .await
    .map_err(Error::from)?;
    Error::unless_rows("end tariff", 1, done.rows_affected())?;
    Ok(())
}

/// A page of tariffs by code, first day and id.
///
/// # Errors
/// When the database fails.
pub async fn page(
    db: impl PgExecutor<'_>,
    filter: &Filter,
    after: Option<&Position>,
    limit: u16,
) -> Result<Vec<Tariff>, Error> {
    sqlx::query(
        "select * from tariff
         where ($1::text is null or service_code = $1)
           and ($2::uuid is null or payer_id = $2)
           and ($3::date is null or daterange(valid_from, valid_to) @> $3)
           and ($4::text is null or (service_code, valid_from, id) > ($4, $5, $6))
         order by service_code, valid_from, id
         limit $7",
    )
    .bind(&filter.service_code)
    .bind(filter.payer.map(|payer| payer.uuid()))
    .bind(filter.on.map(date))
    .bind(after.map(|(code, _, _)| code))
    .bind(after.map(|(_, from, _)| date(*from)))
    .bind(after.map(|(_, _, id)| id))
    .bind(i64::from(limit) + 1)
    .fetch_all(db)
    .await?
    .iter()
    .map(read)
    .collect()
}

/// What the services of some tariffs are called, of those that have a name.
///
/// # Errors
/// When the database fails.
pub async fn names(db: impl PgExecutor<'_>, ids: &[Uuid]) -> Result<BTreeMap<Uuid, String>, Error> {
    sqlx::query("select id, name from tariff where id = any($1) and name is not null")
        .bind(ids)
        .fetch_all(db)
        .await?
        .iter()
        .map(|row| Ok((row.col("id")?, row.text("name")?)))
        .collect()
}
