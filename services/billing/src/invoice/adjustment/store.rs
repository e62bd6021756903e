//! All SQL about adjustments.

use galen_contracts::ids::PatientId;
use galen_kernel::{Money, Timestamp};
use galen_storage::{Columns as _, Error, Tx, ts};
use galen_vault::{Sealed, Vault};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::{Adjustment, AdjustmentId, Kind, Status};
use crate::amount::AmountView;
use crate::invoice::model::InvoiceId;
use crate::invoice::view::AdjustmentView;
use crate::position::Position;
use crate::words::{self, ADJUSTED, Words};

const fn bad(column: &'static str) -> Error {
    Error::Inconsistent { column }
}

/// An adjustment with its sealed reason.
pub struct Row {
    /// The adjustment.
    pub adjustment: Adjustment,
    /// Why.
    pub reason: Option<Sealed<Words>>,
}

fn read(row: &PgRow) -> Result<Row, Error> {
    let by: Option<Uuid> = row.col("decided_by")?;
    let currency = row.text("currency")?.parse();
    Ok(Row {
        adjustment: Adjustment {
            id: row.id("id")?,
            invoice: row.id("invoice_id")?,
            patient: row.id("patient_id")?,
            kind: Kind::read(&row.text("kind")?).ok_or(bad("billing.adjustment.kind"))?,
            payment: row.col("payment_id")?,
            amount: Money {
                minor: row.col("minor")?,
                currency: currency.map_err(|_| bad("billing.adjustment.currency"))?,
            },
            status: Status::read(&row.text("status")?).ok_or(bad("billing.adjustment.status"))?,
            requested_by: row.col("requested_by")?,
            requested_at: row.instant("requested_at")?,
            decided: by.zip(row.opt_instant("decided_at")?),
            version: row.col("version")?,
        },
        reason: row.col("sealed_reason")?,
    })
}

/// Stores a new one.
///
/// # Errors
/// When the database fails.
pub async fn insert(
    tx: &mut Tx,
    adjustment: &Adjustment,
    reason: &Sealed<Words>,
) -> Result<(), Error> {
    sqlx::query(
        "insert into adjustment (id, invoice_id, patient_id, kind, payment_id, minor, currency, sealed_reason, status, requested_by, requested_at, version)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(adjustment.id.uuid())
    .bind(adjustment.invoice.uuid())
    .bind(adjustment.patient.uuid())
    .bind(adjustment.kind.name())
    .bind(adjustment.payment)
    .bind(adjustment.amount.minor)
    .bind(adjustment.amount.currency.code())
    .bind(reason)
    .bind(adjustment.status.name())
    .bind(adjustment.requested_by)
    .bind(ts(adjustment.requested_at))
    .bind(adjustment.version)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Reads one of an invoice and locks it.
///
/// # Errors
/// When the database fails.
pub async fn get_for_change(
    tx: &mut Tx,
    invoice: InvoiceId,
    id: AdjustmentId,
) -> Result<Option<Row>, Error> {
    let row = sqlx::query("select * from adjustment where id = $1 and invoice_id = $2 for update")
        .bind(id.uuid())
        .bind(invoice.uuid())
        .fetch_optional(tx.conn())
        .await?;
    row.as_ref().map(read).transpose()
}

/// Stores a change; `ask_at`: when SecurePay is to be asked.
///
/// # Errors
/// When somebody else changed it, or the database fails.
pub async fn change(
    tx: &mut Tx,
    adjustment: &Adjustment,
    ask_at: Option<Timestamp>,
) -> Result<(), Error> {
    let done = sqlx::query(
        "update adjustment set status = $3, decided_by = $4, decided_at = $5, ask_at = $6, version = $2
         where id = $1 and version = $2 - 1",
    )
    .bind(adjustment.id.uuid())
    .bind(adjustment.version)
    .bind(adjustment.status.name())
    .bind(adjustment.decided.map(|(by, _)| by))
    .bind(adjustment.decided.map(|(_, at)| ts(at)))
    .bind(ask_at.map(ts))
    .execute(tx.conn())
    .await?;
    Error::unless_rows("change an adjustment", 1, done.rows_affected())
}

/// All of an invoice.
///
/// # Errors
/// When the database fails.
pub async fn of_invoice(db: &mut PgConnection, invoice: InvoiceId) -> Result<Vec<Row>, Error> {
    sqlx::query("select * from adjustment where invoice_id = $1 order by requested_at, id")
        .bind(invoice.uuid())
        .fetch_all(db)
        .await?
        .iter()
        .map(read)
        .collect()
}

/// Which adjustments are looked for; `None` does not restrict.
#[derive(Debug, Default)]
pub struct Filter {
    /// Where they stand.
    pub status: Option<Status>,
    /// What is asked.
    pub kind: Option<Kind>,
    /// Of which invoice.
    pub invoice: Option<Uuid>,
    /// Whose.
    pub patient: Option<Uuid>,
}

/// A page, the oldest first.
///
/// # Errors
/// When the database fails.
pub async fn find(
    db: &mut PgConnection,
    filter: &Filter,
    after: Option<Position>,
    limit: u16,
) -> Result<Vec<Row>, Error> {
    sqlx::query(
        "select * from adjustment
         where ($1::text is null or status = $1)
           and ($2::text is null or kind = $2)
           and ($3::uuid is null or invoice_id = $3)
           and ($4::uuid is null or patient_id = $4)
           and ($5::timestamptz is null or (requested_at, id) > ($5, $6))
         order by requested_at, id
         limit $7",
    )
    .bind(filter.status.map(Status::name))
    .bind(filter.kind.map(Kind::name))
    .bind(filter.invoice)
    .bind(filter.patient)
    .bind(after.map(|position| ts(position.0)))
    .bind(after.map(|position| position.1))
    .bind(i64::from(limit) + 1)
    .fetch_all(db)
    .await?
    .iter()
    .map(read)
    .collect()
}

/// Refunds about which SecurePay is to be asked.
///
/// # Errors
/// When the database fails.
pub async fn due(
    db: impl PgExecutor<'_>,
    now: Timestamp,
    most: i64,
) -> Result<Vec<Adjustment>, Error> {
    sqlx::query("select * from adjustment where ask_at <= $1 order by ask_at, id limit $2")
        .bind(ts(now))
        .bind(most)
        .fetch_all(db)
        .await?
        .iter()
        .map(|row| read(row).map(|row| row.adjustment))
        .collect()
}

/// Asks later.
///
/// # Errors
/// When the database fails.
pub async fn later(db: impl PgExecutor<'_>, id: AdjustmentId, at: Timestamp) -> Result<u64, Error> {
    let done =
        sqlx::query("update adjustment set ask_at = $2 where id = $1 and ask_at is not null")
            .bind(id.uuid())
            .bind(ts(at))
            .execute(db)
            .await?;
    Ok(done.rows_affected())
}

/// Forgets why something of a patient was adjusted.
///
/// # Errors
/// When the database fails.
pub async fn forget_reasons(tx: &mut Tx, patient: PatientId) -> Result<u64, Error> {
    let done = sqlx::query(
        "update adjustment set sealed_reason = null where patient_id = $1 and sealed_reason is not null",
    )
    .bind(patient.uuid())
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

/// Shows some with what is sealed of them.
///
/// # Errors
/// When the database or the master keys fail.
pub async fn open_all(
    vault: &Vault,
    db: &mut PgConnection,
    rows: Vec<Row>,
) -> Result<Vec<AdjustmentView>, galen_vault::Error> {
    let sealed = rows.iter().filter_map(|row| row.reason.as_ref());
    let ring = words::keyring(vault, db, sealed).await?;
    rows.into_iter()
        .map(|Row { adjustment, reason }| {
            let place = (adjustment.patient, adjustment.id.uuid());
            let reason = words::open(&ring, &ADJUSTED, place, reason.as_ref())?;
            Ok(AdjustmentView {
                id: adjustment.id.uuid(),
                invoice_id: adjustment.invoice.uuid(),
                kind: adjustment.kind,
                payment_id: adjustment.payment,
                amount: AmountView::from(adjustment.amount),
                reason: reason.map(|words| words.into_inner().into()),
                status: adjustment.status,
                requested_by: adjustment.requested_by,
                requested_at: adjustment.requested_at,
                decided_by: adjustment.decided.map(|(by, _)| by),
                decided_at: adjustment.decided.map(|(_, at)| at),
                version: adjustment.version,
            })
        })
        .collect()
}

/// Shows one.
///
/// # Errors
/// When the database or the master keys fail.
pub async fn open(
    vault: &Vault,
    db: &mut PgConnection,
    row: Row,
) -> Result<AdjustmentView, galen_vault::Error> {
    let mut views = open_all(vault, db, vec![row]).await?;
    Ok(views.pop().expect("one row makes one view"))
}
