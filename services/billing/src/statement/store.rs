//! Reads what happened to a patient's invoices.

use galen_kernel::Timestamp;
use galen_storage::{Columns as _, Error, ts};
use sqlx::PgExecutor;
use sqlx::types::Json;
use uuid::Uuid;

use super::model::Happened;
use crate::invoice::event::Event;

/// What happened before an instant to the invoices of some records that were issued, in
/// order. What they were as drafts is not read, only what it added up to.
///
/// # Errors
/// When the database fails.
pub async fn happened(
    db: impl PgExecutor<'_>,
    records: &[Uuid],
    before: Timestamp,
) -> Result<Vec<Happened>, Error> {
    sqlx::query(
        "select i.id, i.number, i.currency, e.billed, e.settled, e.at,
                case when e.kind in ('DRAFTED', 'ADJUDICATED') then null else e.body end as body
         from invoice i
         join invoice_event e on e.invoice_id = i.id
         where i.patient_id = any ($1) and i.number is not null and e.at < $2
         order by e.at, i.number, e.version",
    )
    .bind(records)
    .bind(ts(before))
    .fetch_all(db)
    .await?
    .iter()
    .map(|row| {
        let currency = row.text("currency")?.parse();
        let body: Option<Json<Event>> = row.col("body")?;
        Ok(Happened {
            invoice: row.col("id")?,
            number: row.col("number")?,
            currency: currency.map_err(|_| Error::Inconsistent {
                column: "billing.invoice.currency",
            })?,
            event: body.map(|Json(event)| event),
            billed: row.col("billed")?,
            settled: row.col("settled")?,
            at: row.instant("at")?,
        })
    })
    .collect()
}
