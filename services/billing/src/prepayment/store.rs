//! All SQL about prepayments.

use galen_contracts::ids::AppointmentId;
use galen_kernel::Timestamp;
use galen_storage::{Columns as _, Error, Tx, ts};
use sqlx::PgExecutor;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::model::{Asker, Charged, Prepayment, PrepaymentId, Question, Status, Sums, Wallet};

const fn bad(column: &'static str) -> Error {
    Error::Inconsistent { column }
}

fn read(row: &PgRow) -> Result<Prepayment, Error> {
    let pair = |one, other| {
        let both: (Option<Uuid>, Option<Uuid>) = (row.col(one)?, row.col(other)?);
        Ok::<_, Error>(both.0.zip(both.1))
    };
    let next = match row.opt_text("question")? {
        None => None,
        Some(name) => Some((
            Question::read(&name).ok_or(bad("billing.prepayment.question"))?,
            row.instant("ask_at")?,
        )),
    };
    Ok(Prepayment {
        id: row.id("id")?,
        appointment: row.id("appointment_id")?,
        patient: row.id("patient_id")?,
        asker: pair("process_id", "command_id")?
            .map(|(process, command)| Asker { process, command }),
        status: Status::read(&row.text("status")?).ok_or(bad("billing.prepayment.status"))?,
        refusal: row.opt_text("refusal")?,
        currency: row
            .text("currency")?
            .parse()
            .map_err(|_| bad("billing.prepayment.currency"))?,
        sums: Sums {
            asked: row.col("asked")?,
            to_pay: row.col("to_pay")?,
            paid: row.col("paid")?,
            taken_over: row.col("taken_over")?,
            applied: row.col("applied")?,
            forfeited: row.col("forfeited")?,
            released: row.col("released")?,
            handed_on: row.col("handed_on")?,
        },
        wallet: pair("wallet_id", "wallet_owner")?.map(|(id, owner)| Wallet { id, owner }),
        sent: row.col("sent")?,
        invoice: row.col("invoice_id")?,
        ends_at: row.instant("ends_at")?,
        deadline: row.instant("deadline")?,
        next,
        version: row.col("version")?,
    })
}

/// Stores a new one, unless the appointment has one.
///
/// # Errors
/// When the database fails.
pub async fn insert(tx: &mut Tx, new: &Prepayment) -> Result<(), Error> {
    sqlx::query(
        "insert into prepayment (id, appointment_id, patient_id, status, currency, asked, to_pay, paid, taken_over, applied, forfeited,
             released, handed_on, sent, ends_at, deadline, version)
         values ($1, $2, $3, $4, $5, 0, 0, 0, 0, 0, 0, 0, 0, false, $6, $7, $8)
         on conflict (appointment_id) do nothing",
    )
    .bind(new.id.uuid())
    .bind(new.appointment.uuid())
    .bind(new.patient.uuid())
    .bind(new.status.name())
    .bind(new.currency.code())
    .bind(ts(new.ends_at))
    .bind(ts(new.deadline))
    .bind(new.version)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// That of an appointment, locked.
///
/// # Errors
/// When the database fails.
pub async fn lock(tx: &mut Tx, appointment: AppointmentId) -> Result<Option<Prepayment>, Error> {
    let row = sqlx::query("select * from prepayment where appointment_id = $1 for update")
        .bind(appointment.uuid())
        .fetch_optional(tx.conn())
        .await?;
    row.as_ref().map(read).transpose()
}

/// One by its id, locked.
///
/// # Errors
/// When the database fails.
pub async fn lock_by_id(tx: &mut Tx, id: PrepaymentId) -> Result<Option<Prepayment>, Error> {
    let row = sqlx::query("select * from prepayment where id = $1 for update")
        .bind(id.uuid())
        .fetch_optional(tx.conn())
        .await?;
    row.as_ref().map(read).transpose()
}

/// Those of the appointments that charges follow from, also by way of the charges that
/// they correct; locked, in the order of the appointments.
///
/// # Errors
/// When the database fails.
pub async fn lock_of_charges(tx: &mut Tx, charges: &[Uuid]) -> Result<Vec<Prepayment>, Error> {
    sqlx::query(
        "with recursive line (id, source_id, replaces_id) as (
             select id, source_id, replaces_id from charge where id = any ($1)
             union
             select c.id, c.source_id, c.replaces_id from line join charge c on c.id = line.replaces_id
         )
         select * from prepayment
         where appointment_id in (select source_id from line)
         order by appointment_id
         for update",
    )
    .bind(charges)
    .fetch_all(tx.conn())
    .await?
    .iter()
    .map(read)
    .collect()
}

/// What is held for an appointment, in its currency; nothing when nobody paid.
///
/// # Errors
/// When the database fails.
pub async fn held(
    db: impl PgExecutor<'_>,
    appointment: AppointmentId,
    currency: &str,
) -> Result<i64, Error> {
    let held: Option<i64> = sqlx::query_scalar(
        "select held from prepayment where appointment_id = $1 and currency = $2 and status = 'HELD'",
    )
    .bind(appointment.uuid())
    .bind(currency)
    .fetch_optional(db)
    .await?;
    Ok(held.unwrap_or(0))
}

/// What was charged for an appointment, with what corrects it; `None`: nothing was ever.
///
/// # Errors
/// When the database fails.
pub async fn charged(tx: &mut Tx, appointment: AppointmentId) -> Result<Option<Charged>, Error> {
    let row = sqlx::query(
        "with recursive line (id, status, invoice_id) as (
             select id, status, invoice_id from charge where source_id = $1
             union
             select c.id, c.status, c.invoice_id from line join charge c on c.replaces_id = line.id
         )
         select count(*) as charges,
                count(*) filter (where l.status <> 'VOIDED' and i.status is distinct from 'CANCELLED') as living,
                min(i.id::text) filter (where i.status in ('ISSUED', 'PARTIALLY_PAID', 'BALANCED')) as invoice
         from line l
         left join invoice i on i.id = l.invoice_id",
    )
    .bind(appointment.uuid())
    .fetch_one(tx.conn())
    .await?;
    let (charges, living): (i64, i64) = (row.col("charges")?, row.col("living")?);
    let invoice = row.opt_text("invoice")?.map(|id| id.parse());
    let invoice = invoice.transpose().map_err(|_| bad("billing.invoice.id"))?;
    Ok(match (charges, living, invoice) {
        (0, _, _) => None,
        (_, 0, _) => Some(Charged::Nothing),
        (_, _, Some(invoice)) => Some(Charged::Invoiced(invoice)),
        (_, _, None) => Some(Charged::Open),
    })
}

/// What is held although nothing is charged any more, or the invoice was issued; after one
/// of them, by id.
///
/// # Errors
/// When the database fails.
pub async fn left(
    db: impl PgExecutor<'_>,
    after: PrepaymentId,
    most: i64,
) -> Result<Vec<PrepaymentId>, Error> {
    let ids: Vec<Uuid> = sqlx::query_scalar(
        "select p.id from prepayment p
         join charge c on c.source_id = p.appointment_id
         where p.held > 0 and p.status = 'HELD' and c.status in ('VOIDED', 'INVOICED') and p.id > $1
         order by p.id limit $2",
    )
    .bind(after.uuid())
    .bind(most)
    .fetch_all(db)
    .await?;
    Ok(ids.into_iter().map(PrepaymentId::from_uuid).collect())
}

/// Writes what may change, over the version before it.
///
/// # Errors
/// When another version is stored, or the database fails.
pub async fn change(tx: &mut Tx, changed: &Prepayment) -> Result<(), Error> {
    let sums = &changed.sums;
    let done = sqlx::query(
        "update prepayment
         set process_id = $3, command_id = $4, status = $5, refusal = $6, asked = $7, to_pay = $8, paid = $9, taken_over = $10,
             applied = $11, forfeited = $12, released = $13, handed_on = $14, wallet_id = $15, wallet_owner = $16, sent = $17,
             invoice_id = $18, ends_at = $19, deadline = $20, question = $21, ask_at = $22, version = $2
         where id = $1 and version = $2 - 1",
    )
    .bind(changed.id.uuid())
    .bind(changed.version)
    .bind(changed.asker.map(|asker| asker.process))
    .bind(changed.asker.map(|asker| asker.command))
    .bind(changed.status.name())
    .bind(&changed.refusal)
    .bind(sums.asked)
    .bind(sums.to_pay)
    .bind(sums.paid)
    .bind(sums.taken_over)
    .bind(sums.applied)
    .bind(sums.forfeited)
    .bind(sums.released)
    .bind(sums.handed_on)
    .bind(changed.wallet.map(|wallet| wallet.id))
    .bind(changed.wallet.map(|wallet| wallet.owner))
    .bind(changed.sent)
    .bind(changed.invoice)
    .bind(ts(changed.ends_at))
    .bind(ts(changed.deadline))
    .bind(changed.next.map(|(question, _)| question.name()))
    .bind(changed.next.map(|(_, at)| ts(at)))
    .execute(tx.conn())
    .await?;
    Error::unless_rows("change a prepayment", 1, done.rows_affected())
}

/// Those about which something is to be done.
///
/// # Errors
/// When the database fails.
pub async fn due(
    db: impl PgExecutor<'_>,
    now: Timestamp,
    most: i64,
) -> Result<Vec<Prepayment>, Error> {
    sqlx::query(
        "select * from prepayment where question is not null and ask_at <= $1
         order by ask_at, id limit $2",
    )
    .bind(ts(now))
    .bind(most)
    .fetch_all(db)
    .await?
    .iter()
    .map(read)
    .collect()
}

/// Asks later, unless somebody has found an answer in the meantime.
///
/// # Errors
/// When the database fails.
pub async fn later(
    db: impl PgExecutor<'_>,
    seen: &Prepayment,
    at: Timestamp,
) -> Result<u64, Error> {
    let done = sqlx::query(
        "update prepayment set ask_at = $3 where id = $1 and version = $2 and question is not null",
    )
    .bind(seen.id.uuid())
    .bind(seen.version)
    .bind(ts(at))
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}
