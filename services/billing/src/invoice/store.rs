//! All SQL about invoices: their events, and where they stand.

use galen_contracts::billing::v1 as wire;
use galen_eventing::Publish as _;
use galen_kernel::{Currency, Money, Timestamp};
use galen_storage::{Columns as _, Error, Tx, date, ts};
use jiff::civil::Date;
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::error::InvoiceError;
use super::event::Event;
use super::model::{Invoice, InvoiceId, Status};
use crate::journal::post::to_wire;
use crate::payment_plan;
use crate::position::Position;

const fn bad(column: &'static str) -> Error {
    Error::Inconsistent { column }
}

/// Reads an invoice.
///
/// # Errors
/// When the database fails.
pub async fn get(db: &mut PgConnection, id: InvoiceId) -> Result<Option<Invoice>, Error> {
    let history = history(db, id).await?;
    Ok(Invoice::of(id, history.iter().map(|(event, _)| event)))
}

/// Reads what happened to an invoice, and when.
///
/// # Errors
/// When the database fails.
pub async fn history(
    db: &mut PgConnection,
    id: InvoiceId,
) -> Result<Vec<(Event, Timestamp)>, Error> {
    sqlx::query("select body, at from invoice_event where invoice_id = $1 order by version")
        .bind(id.uuid())
        .fetch_all(db)
        .await?
        .iter()
        .map(|row| {
            let Json(event): Json<Event> = row.col("body")?;
            Ok((event, row.instant("at")?))
        })
        .collect()
}

/// Reads an invoice and locks it.
///
/// # Errors
/// When there is none, or the database fails.
pub async fn lock(tx: &mut Tx, id: InvoiceId) -> Result<Invoice, InvoiceError> {
    sqlx::query("select from invoice where id = $1 for update")
        .bind(id.uuid())
        .fetch_optional(tx.conn())
        .await?;
    get(tx, id).await?.ok_or(InvoiceError::Unknown)
}

/// Stores a new draft.
///
/// # Errors
/// When the database fails.
pub async fn begin(tx: &mut Tx, id: InvoiceId, first: &Event) -> Result<Invoice, Error> {
    let invoice = Invoice::begin(id, first).ok_or(bad("billing.invoice_event.kind"))?;
    let now = tx.clock().now();
    sqlx::query(
        "insert into invoice (id, patient_id, status, currency, billed, settled, pending, insurer, version, drafted_at)
         values ($1, $2, $3, $4, $5, 0, 0, $6, 1, $7)",
    )
    .bind(id.uuid())
    .bind(invoice.patient.uuid())
    .bind(invoice.status().name())
    .bind(invoice.currency.code())
    .bind(invoice.billed())
    .bind(invoice.insurer())
    .bind(ts(now))
    .execute(tx.conn())
    .await?;
    store_event(tx, &invoice, first, Sums::default()).await?;
    store_lines(tx, &invoice).await?;
    Ok(invoice)
}

/// What SQL can add up.
#[derive(Clone, Copy, Default)]
struct Sums {
    billed: i64,
    settled: i64,
    pending: i64,
    insurer: i64,
}

impl Sums {
    fn of(invoice: &Invoice) -> Self {
        Self {
            billed: invoice.billed(),
            settled: invoice.settled(),
            pending: invoice.pending(),
            insurer: invoice.insurer(),
        }
    }
}

/// Takes up what happens to a locked invoice, stores it, and says so.
///
/// # Errors
/// When the database fails, or refuses because the sums would be wrong.
pub async fn append(tx: &mut Tx, invoice: &mut Invoice, events: &[Event]) -> Result<(), Error> {
    if events.is_empty() {
        return Ok(());
    }
    let (before, was) = (Sums::of(invoice), invoice.status());
    for event in events {
        let sums = Sums::of(invoice);
        invoice.apply(event);
        if !invoice.balances() {
            return Err(bad("billing.invoice_event.body"));
        }
        store_event(tx, invoice, event, sums).await?;
    }
    let (after, status) = (Sums::of(invoice), invoice.status());
    let done = sqlx::query(
        "update invoice set number = $2, status = $3, billed = $4, settled = $5, pending = $6, insurer = $7, issued_on = $8, version = $9
         where id = $1 and version = $9 - $10",
    )
    .bind(invoice.id.uuid())
    .bind(invoice.number)
    .bind(status.name())
    .bind(after.billed)
    .bind(after.settled)
    .bind(after.pending)
    .bind(after.insurer)
    .bind(invoice.issued_on.map(date))
    .bind(invoice.version)
    .bind(i64::try_from(events.len()).unwrap_or(i64::MAX))
    .execute(tx.conn())
    .await?;
    Error::unless_rows("append to an invoice", 1, done.rows_affected())?;
    store_lines(tx, invoice).await?;
    if (after.billed, after.settled) != (before.billed, before.settled) {
        payment_plan::follow::follow(tx, invoice.id).await?;
    }
    let issued = events
        .iter()
        .any(|event| matches!(event, Event::Issued { .. }));
    let money = |minor| {
        Some(to_wire(Money {
            minor,
            currency: invoice.currency,
        }))
    };
    if issued {
        tx.publish(&wire::InvoiceIssued {
            invoice_id: invoice.id.to_string(),
            patient_id: invoice.patient.to_string(),
            patient: money(after.billed),
            insurer: money(after.insurer),
        });
    } else if status != was
        || (after.billed, after.settled, after.insurer)
            != (before.billed, before.settled, before.insurer)
    {
        tx.publish(&wire::InvoiceChanged {
            invoice_id: invoice.id.to_string(),
            patient_id: invoice.patient.to_string(),
            status: status.name().to_owned(),
            due: money(invoice.due()),
        });
    }
    Ok(())
}

async fn store_event(
    tx: &mut Tx,
    after: &Invoice,
    event: &Event,
    before: Sums,
) -> Result<(), Error> {
    let (now, sums) = (tx.clock().now(), Sums::of(after));
    sqlx::query(
        "insert into invoice_event (invoice_id, version, kind, body, billed, settled, pending, insurer, at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(after.id.uuid())
    .bind(after.version)
    .bind(event.name())
    .bind(Json(event))
    .bind(sums.billed - before.billed)
    .bind(sums.settled - before.settled)
    .bind(sums.pending - before.pending)
    .bind(sums.insurer - before.insurer)
    .bind(ts(now))
    .execute(tx.conn())
    .await?;
    Ok(())
}

async fn store_lines(tx: &mut Tx, invoice: &Invoice) -> Result<(), Error> {
    let lines = &invoice.lines;
    let column = |of: fn(&super::model::Line) -> i64| lines.iter().map(of).collect::<Vec<i64>>();
    let charges: Vec<Uuid> = lines.iter().map(|line| line.charge.uuid()).collect();
    sqlx::query(
        "insert into invoice_line (invoice_id, charge_id, gross, contractual, denied, credited, patient, insurer)
         select $1, l.charge_id, l.gross, l.contractual, l.denied, l.credited, l.patient, l.insurer
         from unnest($2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[])
             as l (charge_id, gross, contractual, denied, credited, patient, insurer)
         on conflict (invoice_id, charge_id) do update
         set gross = excluded.gross, contractual = excluded.contractual, denied = excluded.denied,
             credited = excluded.credited, patient = excluded.patient, insurer = excluded.insurer",
    )
    .bind(invoice.id.uuid())
    .bind(charges)
    .bind(column(|line| line.gross))
    .bind(column(|line| line.contractual))
    .bind(column(|line| line.denied))
    .bind(column(|line| line.credited))
    .bind(column(|line| line.patient))
    .bind(column(super::model::Line::insurer))
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The next number. Numbers may be skipped; none is used twice.
///
/// # Errors
/// When the database fails.
pub async fn next_number(tx: &mut Tx) -> Result<i64, Error> {
    Ok(sqlx::query_scalar("select nextval('invoice_number')")
        .fetch_one(tx.conn())
        .await?)
}

/// An invoice in a list.
#[derive(Debug, Clone)]
pub struct Summary {
    /// Its id.
    pub id: Uuid,
    /// Whose.
    pub patient: Uuid,
    /// What people call it.
    pub number: Option<i64>,
    /// Where it stands.
    pub status: Status,
    /// Of all amounts.
    pub currency: Currency,
    /// What the patient is asked for; minor units.
    pub billed: i64,
    /// What of it is settled; minor units.
    pub settled: i64,
    /// What payers are asked for; minor units.
    pub insurer: i64,
    /// When it was issued.
    pub issued_on: Option<Date>,
    /// When it was drafted.
    pub position: Position,
    /// How many events it is made of.
    pub version: i64,
}

fn read_summary(row: &PgRow) -> Result<Summary, Error> {
    let currency = row.text("currency")?.parse();
    Ok(Summary {
        id: row.col("id")?,
        patient: row.col("patient_id")?,
        number: row.col("number")?,
        status: Status::read(&row.text("status")?).ok_or(bad("billing.invoice.status"))?,
        currency: currency.map_err(|_| bad("billing.invoice.currency"))?,
        billed: row.col("billed")?,
        settled: row.col("settled")?,
        insurer: row.col("insurer")?,
        issued_on: row.opt_date("issued_on")?,
        position: Position(row.instant("drafted_at")?, row.col("id")?),
        version: row.col("version")?,
    })
}

/// A page of invoices by when they were drafted.
///
/// # Errors
/// When the database fails.
pub async fn find(
    db: impl PgExecutor<'_>,
    patient: Option<Uuid>,
    status: Option<Status>,
    after: Option<Position>,
    limit: u16,
) -> Result<Vec<Summary>, Error> {
    sqlx::query(
        "select * from invoice
         where ($1::uuid is null or patient_id = $1)
           and ($2::text is null or status = $2)
           and ($3::timestamptz is null or (drafted_at, id) > ($3, $4))
         order by drafted_at, id
         limit $5",
    )
    .bind(patient)
    .bind(status.map(Status::name))
    .bind(after.map(|position| ts(position.0)))
    .bind(after.map(|position| position.1))
    .bind(i64::from(limit) + 1)
    .fetch_all(db)
    .await?
    .iter()
    .map(read_summary)
    .collect()
}
