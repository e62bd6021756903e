//! All SQL about charges.

use galen_contracts::ids::PatientId;
use galen_kernel::{Currency, Money};
use galen_storage::{Columns as _, Error, Tx, date, ts};
use galen_vault::Sealed;
use sqlx::PgExecutor;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::error::ChargeError;
use super::model::{Charge, ChargeId, EncounterClass, PaymentMode, Price, Status};
use crate::position::Position;
use crate::words::Words;

/// Which charges are looked for; `None` does not restrict.
#[derive(Debug, Default)]
pub struct Filter {
    /// Whose.
    pub patient: Option<Uuid>,
    /// Of which stay.
    pub admission: Option<Uuid>,
    /// In which state.
    pub status: Option<Status>,
}

/// A charge with its sealed reason.
pub struct Row {
    /// The charge.
    pub charge: Charge,
    /// Why it was charged by hand.
    pub reason: Option<Sealed<Words>>,
}

impl Row {
    /// Its position.
    #[must_use]
    pub fn position(&self) -> Position {
        Position(self.charge.captured_at, self.charge.id.uuid())
    }
}

const fn bad(column: &'static str) -> Error {
    Error::Inconsistent { column }
}

fn read(row: &PgRow) -> Result<Row, Error> {
    let price = match row.col::<Option<i64>>("unit_minor")? {
        None => None,
        Some(unit) => {
            let currency: Currency = row
                .text("currency")?
                .parse()
                .map_err(|_| bad("billing.charge.currency"))?;
            Some(Price {
                unit: Money {
                    minor: unit,
                    currency,
                },
                amount: Money {
                    minor: row.col("minor")?,
                    currency,
                },
                tariff: row.col("tariff_id")?,
                category: row.opt_text("category")?,
            })
        }
    };
    let charge = Charge {
        id: row.id("id")?,
        patient: row.id("patient_id")?,
        source: row.col("source_id")?,
        admission: row.col("admission_id")?,
        code: row.text("service_code")?,
        class: EncounterClass::read(&row.text("encounter_class")?)
            .ok_or(bad("billing.charge.encounter_class"))?,
        mode: PaymentMode::read(&row.text("payment_mode")?)
            .ok_or(bad("billing.charge.payment_mode"))?,
        quantity: row
            .col::<i32>("quantity")?
            .try_into()
            .map_err(|_| bad("billing.charge.quantity"))?,
        served_at: row.instant("served_at")?,
        served_on: row.date("served_on")?,
        status: Status::read(&row.text("status")?).ok_or(bad("billing.charge.status"))?,
        price,
        invoice: row.col("invoice_id")?,
        replaces: row.opt_id("replaces_id")?,
        version: row.col("version")?,
        captured_at: row.instant("captured_at")?,
    };
    Ok(Row {
        charge,
        reason: row.col("sealed_reason")?,
    })
}

/// Stores a new charge; false when there is one for its source already.
///
/// # Errors
/// When what it corrects was corrected already, or the database fails.
pub async fn insert(
    tx: &mut Tx,
    charge: &Charge,
    reason: Option<&Sealed<Words>>,
) -> Result<bool, ChargeError> {
    let price = charge.price.as_ref();
    let stored = sqlx::query(
        "insert into charge (id, patient_id, source_id, admission_id, service_code, encounter_class, payment_mode, quantity,
             served_at, served_on, status, unit_minor, minor, currency, tariff_id, category, replaces_id, sealed_reason, version, captured_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)
         on conflict (source_id) do nothing",
    )
    .bind(charge.id.uuid())
    .bind(charge.patient.uuid())
    .bind(charge.source)
    .bind(charge.admission)
    .bind(&charge.code)
    .bind(charge.class.name())
    .bind(charge.mode.name())
    .bind(charge.quantity.cast_signed())
    .bind(ts(charge.served_at))
    .bind(date(charge.served_on))
    .bind(charge.status.name())
    .bind(price.map(|price| price.unit.minor))
    .bind(price.map(|price| price.amount.minor))
    .bind(price.map(|price| price.amount.currency.code().to_owned()))
    .bind(price.map(|price| price.tariff))
    .bind(price.and_then(|price| price.category.clone()))
    .bind(charge.replaces.map(|id| id.uuid()))
    .bind(reason)
    .bind(charge.version)
    .bind(ts(charge.captured_at))
    .execute(tx.conn())
    .await;
    match stored.map_err(Error::from) {
        Ok(done) => Ok(done.rows_affected() == 1),
        Err(error) if error.constraint() == Some("charge_replaces_id_key") => {
            Err(ChargeError::Replaced)
        }
        Err(error) => Err(error.into()),
    }
}

/// Reads one.
///
/// # Errors
/// When the database fails.
pub async fn get(db: impl PgExecutor<'_>, id: ChargeId) -> Result<Option<Row>, Error> {
    let row = sqlx::query("select * from charge where id = $1")
        .bind(id.uuid())
        .fetch_optional(db)
        .await?;
    row.as_ref().map(read).transpose()
}

/// Reads one and locks it.
///
/// # Errors
/// When the database fails.
pub async fn get_for_change(tx: &mut Tx, id: ChargeId) -> Result<Option<Row>, Error> {
    let row = sqlx::query("select * from charge where id = $1 for update")
        .bind(id.uuid())
        .fetch_optional(tx.conn())
        .await?;
    row.as_ref().map(read).transpose()
}

/// Reads some and locks them, by id.
///
/// # Errors
/// When the database fails.
pub async fn get_all_for_change(tx: &mut Tx, ids: &[Uuid]) -> Result<Vec<Charge>, Error> {
    sqlx::query("select * from charge where id = any ($1) order by id for update")
        .bind(ids)
        .fetch_all(tx.conn())
        .await?
        .iter()
        .map(|row| read(row).map(|row| row.charge))
        .collect()
}

/// Reads some, by id.
///
/// # Errors
/// When the database fails.
pub async fn get_all(db: impl PgExecutor<'_>, ids: &[Uuid]) -> Result<Vec<Charge>, Error> {
    sqlx::query("select * from charge where id = any ($1) order by id")
        .bind(ids)
        .fetch_all(db)
        .await?
        .iter()
        .map(|row| read(row).map(|row| row.charge))
        .collect()
}

/// The ids of what an appointment cost, without what was taken back.
///
/// # Errors
/// When the database fails.
pub async fn of_source(db: impl PgExecutor<'_>, source: Uuid) -> Result<Vec<Uuid>, Error> {
    Ok(sqlx::query_scalar(
        "select id from charge where source_id = $1 and status <> 'VOIDED' order by id",
    )
    .bind(source)
    .fetch_all(db)
    .await?)
}

/// Stores a changed charge.
///
/// # Errors
/// When it was changed by somebody else, or the database fails.
pub async fn change(tx: &mut Tx, charge: &Charge) -> Result<(), Error> {
    let price = charge.price.as_ref();
    let done = sqlx::query(
        "update charge set status = $3, unit_minor = $4, minor = $5, currency = $6, tariff_id = $7, category = $8, version = $2
         where id = $1 and version = $2 - 1",
    )
    .bind(charge.id.uuid())
    .bind(charge.version)
    .bind(charge.status.name())
    .bind(price.map(|price| price.unit.minor))
    .bind(price.map(|price| price.amount.minor))
    .bind(price.map(|price| price.amount.currency.code().to_owned()))
    .bind(price.map(|price| price.tariff))
    .bind(price.and_then(|price| price.category.clone()))
    .execute(tx.conn())
    .await?;
    Error::unless_rows("change a charge", 1, done.rows_affected())
}

/// Puts locked charges on an invoice; says how many.
///
/// # Errors
/// When the database fails.
pub async fn invoice(tx: &mut Tx, ids: &[Uuid], invoice: Uuid) -> Result<u64, Error> {
    let done = sqlx::query(
        "update charge set status = 'INVOICED', invoice_id = $2, version = version + 1
         where id = any ($1) and status = 'PRICED'",
    )
    .bind(ids)
    .bind(invoice)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

/// Takes everything off an invoice; says how many.
///
/// # Errors
/// When the database fails.
pub async fn release(tx: &mut Tx, invoice: Uuid) -> Result<u64, Error> {
    let done = sqlx::query(
        "update charge set status = 'PRICED', invoice_id = null, version = version + 1
         where invoice_id = $1",
    )
    .bind(invoice)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

/// A page by when they were captured.
///
/// # Errors
/// When the database fails.
pub async fn find(
    db: impl PgExecutor<'_>,
    filter: &Filter,
    after: Option<Position>,
    limit: u16,
) -> Result<Vec<Row>, Error> {
    sqlx::query(
        "select * from charge
         where ($1::uuid is null or patient_id = $1)
           and ($2::uuid is null or admission_id = $2)
           and ($3::text is null or status = $3)
           and ($4::timestamptz is null or (captured_at, id) > ($4, $5))
         order by captured_at, id
         limit $6",
    )
    .bind(filter.patient)
    .bind(filter.admission)
    .bind(filter.status.map(Status::name))
    .bind(after.map(|position| ts(position.0)))
    .bind(after.map(|position| position.1))
    .bind(i64::from(limit) + 1)
    .fetch_all(db)
    .await?
    .iter()
    .map(read)
    .collect()
}

/// Charges that wait for a price, the oldest first, after one of them.
///
/// # Errors
/// When the database fails.
pub async fn held(
    db: impl PgExecutor<'_>,
    after: Option<Position>,
    most: i64,
) -> Result<Vec<Row>, Error> {
    sqlx::query(
        "select * from charge
         where status = 'HELD' and ($1::timestamptz is null or (captured_at, id) > ($1, $2))
         order by captured_at, id
         limit $3",
    )
    .bind(after.map(|position| ts(position.0)))
    .bind(after.map(|position| position.1))
    .bind(most)
    .fetch_all(db)
    .await?
    .iter()
    .map(read)
    .collect()
}

/// Forgets why a patient's charges were made by hand.
///
/// # Errors
/// When the database fails.
pub async fn forget_reasons(tx: &mut Tx, patient: PatientId) -> Result<u64, Error> {
    let done = sqlx::query(
        "update charge set sealed_reason = null where patient_id = $1 and sealed_reason is not null",
    )
    .bind(patient.uuid())
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

/// The ids of what a stay cost and can be invoiced.
///
/// # Errors
/// When the database fails.
pub async fn of_admission(db: impl PgExecutor<'_>, admission: Uuid) -> Result<Vec<Uuid>, Error> {
    Ok(sqlx::query_scalar(
        "select id from charge where admission_id = $1 and status = 'PRICED' order by captured_at, id limit 201",
    )
    .bind(admission)
    .fetch_all(db)
    .await?)
}
