//! `GET /invoices/{id}/payments/{paymentId}/receipt` and
//! `GET /invoices/{id}/adjustments/{adjustmentId}/credit-note`; and what is needed to
//! print an invoice.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::{Id, Problem};
use galen_service::{Accept, Answer, Cx, Needs, Outcome, PathIds, Requires};
use galen_storage::Error;
use jiff::civil::Date;
use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, Postgres};
use uuid::Uuid;

use super::addressee::Addressee;
use super::credit_note::{self, Note};
use super::invoice::{self, Around};
use super::{PDF, Pdf, pdf, receipt};
use crate::Billing;
use crate::catalogue::{payer, tariff};
use crate::invoice::adjustment::{self, AdjustmentId};
use crate::invoice::error::InvoiceError;
use crate::invoice::event::Event;
use crate::invoice::model::{Invoice, InvoiceId};
use crate::invoice::store;

/// What a payment's id identifies.
pub enum PaymentKind {}

/// A receipt is wanted.
pub struct GetReceipt;

/// A credit note is wanted.
pub struct GetCreditNote;

impl Requires for GetReceipt {
    const NEEDS: Needs = Needs::Permission(Permission::InvoiceRead);
}

impl Requires for GetCreditNote {
    const NEEDS: Needs = Needs::Permission(Permission::InvoiceRead);
}

/// An invoice, and on which days of the hospital what happened to it.
struct Told {
    invoice: Invoice,
    history: Vec<(Event, Date)>,
}

impl Told {
    async fn load(
        billing: &Billing,
        db: &mut PgConnection,
        id: InvoiceId,
    ) -> Result<Self, InvoiceError> {
        let history = store::history(db, id).await?;
        let invoice = Invoice::of(id, history.iter().map(|(event, _)| event));
        let day = |at: galen_kernel::Timestamp| at.to_zoned(billing.zone.clone()).date();
        Ok(Self {
            invoice: invoice.ok_or(InvoiceError::Unknown)?,
            history: history
                .into_iter()
                .map(|(event, at)| (event, day(at)))
                .collect(),
        })
    }

    /// What its paper says beside what it knows itself. The connection is given back
    /// before the patients service is asked, which may take long.
    async fn around(
        &self,
        billing: &Billing,
        mut db: PoolConnection<Postgres>,
    ) -> Result<Around, Problem> {
        let lines = &self.invoice.lines;
        let tariffs: Vec<Uuid> = lines.iter().filter_map(|line| line.tariff()).collect();
        let names = tariff::store::names(&mut *db, &tariffs).await?;
        let payers = lines.iter().flat_map(|line| &line.payers);
        let payers: Vec<Uuid> = payers.map(|share| share.payer).collect();
        let payers = payer::store::names(&mut *db, &payers).await?;
        drop(db);
        let settled = self.history.iter();
        Ok(Around {
            from: billing.letterhead.clone(),
            to: Addressee::ask(billing, self.invoice.patient).await?,
            drafted: self.history.first().map(|(_, on)| *on),
            services: lines
                .iter()
                .filter_map(|line| Some((line.charge, names.get(&line.tariff()?)?.clone())))
                .collect(),
            payers,
            settled: settled
                .filter_map(|(event, on)| Some((receipt::settles(event)?, *on)))
                .collect(),
        })
    }
}

/// Prints an invoice that the caller may see.
///
/// # Errors
/// When there is none, or somebody who is asked does not answer.
pub async fn invoice(billing: &Billing, id: InvoiceId) -> Outcome {
    let mut connection = billing.db.pool().acquire().await.map_err(Error::from)?;
    let told = Told::load(billing, &mut connection, id).await?;
    let around = told.around(billing, connection).await?;
    let name = match told.invoice.number {
        Some(_) => invoice::name(&told.invoice),
        None => format!("draft-{id}"),
    };
    let document = invoice::document(&told.invoice, &around);
    let file = pdf::print(document).await?;
    Ok(Answer::document(PDF, &format!("{name}.pdf"), file))
}

/// Prints the receipt of a payment that was settled; patients those of their own
/// invoices.
#[utoipa::path(
    get,
    path = "/invoices/{id}/payments/{paymentId}/receipt",
    operation_id = "getReceipt",
    tag = "billing",
    params(
        ("id" = uuid::Uuid, Path, description = "The invoice."),
        ("paymentId" = uuid::Uuid, Path, description = "Its payment."),
    ),
    responses(
        (status = 200, description = "The receipt.", body = Pdf, content_type = "application/pdf"),
        (status = 406, description = "`Accept` does not take `application/pdf`."),
        (status = 409, description = "The payment is not settled."),
    ),
)]
pub async fn receipt(
    cx: Cx<GetReceipt>,
    State(billing): State<Arc<Billing>>,
    PathIds((id, payment)): PathIds<(InvoiceId, Id<PaymentKind>)>,
    accept: Accept,
) -> Outcome {
    let mut connection = billing.db.pool().acquire().await.map_err(Error::from)?;
    let told = Told::load(&billing, &mut connection, id).await?;
    cx.reach_patient(told.invoice.patient)?;
    let payment = payment.uuid();
    cx.about("payment", payment);
    if told.invoice.payment(payment).is_none() {
        return Err(Problem::not_found().into());
    }
    accept.choose(&[PDF])?;
    let events: Vec<Event> = told
        .history
        .iter()
        .map(|(event, _)| event.clone())
        .collect();
    let left = receipt::left_after(&told.invoice, &events, payment);
    let around = told.around(&billing, connection).await?;
    let document = receipt::document(&told.invoice, payment, left, &around);
    let document = document
        .ok_or_else(|| Problem::conflict("PAYMENT_NOT_SETTLED", "The payment is not settled."))?;
    let name = invoice::receipt_name(&told.invoice, payment);
    let file = pdf::print(document).await?;
    Ok(Answer::document(PDF, &format!("{name}.pdf"), file).negotiated())
}

/// Prints a credit note of an invoice; patients those of their own.
#[utoipa::path(
    get,
    path = "/invoices/{id}/adjustments/{adjustmentId}/credit-note",
    operation_id = "getCreditNote",
    tag = "billing",
    params(
        ("id" = uuid::Uuid, Path, description = "The invoice."),
        ("adjustmentId" = uuid::Uuid, Path, description = "Its adjustment of the kind `CREDIT_NOTE`."),
    ),
    responses(
        (status = 200, description = "The credit note.", body = Pdf, content_type = "application/pdf"),
        (status = 406, description = "`Accept` does not take `application/pdf`."),
    ),
)]
pub async fn credit_note(
    cx: Cx<GetCreditNote>,
    State(billing): State<Arc<Billing>>,
    PathIds((id, wanted)): PathIds<(InvoiceId, AdjustmentId)>,
    accept: Accept,
) -> Outcome {
    let mut connection = billing.db.pool().acquire().await.map_err(Error::from)?;
    let told = Told::load(&billing, &mut connection, id).await?;
    cx.reach_patient(told.invoice.patient)?;
    cx.about("adjustment", wanted);
    let mut note = Note::find(&told.history, wanted.uuid()).ok_or_else(Problem::not_found)?;
    accept.choose(&[PDF])?;
    let asked = adjustment::store::of_invoice(&mut connection, id).await?;
    let asked = adjustment::store::open_all(&billing.vault, &mut connection, asked).await?;
    let asked = asked.into_iter().find(|asked| asked.id == note.id);
    note.reason = asked.and_then(|asked| asked.reason);
    let around = told.around(&billing, connection).await?;
    let document = credit_note::document(&told.invoice, &note, &around);
    let name = note.name(&told.invoice);
    let file = pdf::print(document).await?;
    Ok(Answer::document(PDF, &format!("{name}.pdf"), file).negotiated())
}
