//! Paying in cash: one transaction, in which the invoice, the till and the books agree.

use axum::http::StatusCode;
use galen_kernel::{Money, Problem};
use galen_service::{Answer, Cx, Outcome};

use super::pay::{PayInvoice, reused};
use super::store;
use crate::Billing;
use crate::amount::AmountView;
use crate::cash_session::store::{Direction, Movement};
use crate::cash_session::take;
use crate::invoice::adjustment::request::minor_of;
use crate::invoice::model::InvoiceId;
use crate::invoice::store as invoices;
use crate::invoice::view::InvoicePaymentView;

/// Takes cash into the caller's open till; the rest of what was tendered is change.
///
/// # Errors
/// When less is owed, less was tendered, or no till is open.
pub(super) async fn pay(
    cx: &Cx<PayInvoice>,
    billing: &Billing,
    id: InvoiceId,
    amount: Option<Money>,
    tendered: Option<Money>,
) -> Outcome {
    let asked = cx
        .request_id()
        .ok_or_else(|| Problem::internal("a payment has an idempotency key"))?;
    let mut tx = cx.begin(&billing.db).await?;
    let mut invoice = invoices::lock(&mut tx, id).await?;
    cx.reach_patient(invoice.patient)?;
    // The key of a payment from a wallet that is under way.
    if store::of_request(tx.conn(), asked).await?.is_some() {
        return Err(reused().into());
    }
    let mut till = take::till(cx, &mut tx, &invoice).await?;
    let amount = amount
        .map(|amount| minor_of(&invoice, amount))
        .transpose()?;
    let minor = amount.unwrap_or_else(|| invoice.open());
    let tendered = tendered.map(|tendered| minor_of(&invoice, tendered));
    let tendered = tendered.transpose()?.unwrap_or(minor);
    let receipt = tx.clock().uuid();
    let event = invoice
        .receive(receipt, minor)?
        .ok_or_else(|| Problem::internal("a new receipt is new"))?;
    if tendered < minor {
        return Err(Problem::conflict(
            "TENDERED_TOO_LITTLE",
            "Less was put on the table than is to be paid.",
        )
        .into());
    }
    let paid = Money {
        minor,
        currency: invoice.currency,
    };
    store::insert_cash(&mut tx, (receipt, asked), id.uuid(), paid).await?;
    let movement = Movement {
        id: receipt,
        direction: Direction::Payment,
        invoice: id.uuid(),
        payment: receipt,
        minor,
        tendered: Some(tendered),
        at: tx.clock().now(),
    };
    take::moved(&mut tx, &mut till, &movement).await?;
    invoices::append(&mut tx, &mut invoice, &[event]).await?;
    tx.ring(&billing.bell);
    cx.about("payment", receipt);
    let payment = invoice
        .payment(receipt)
        .ok_or_else(|| Problem::internal("a payment was taken and is gone"))?;
    let money = |minor| AmountView::of(minor, paid.currency);
    let view = InvoicePaymentView {
        tendered: Some(money(tendered)),
        change: Some(money(tendered - minor)),
        ..InvoicePaymentView::of(&invoice, payment)
    };
    let answer = Answer::json(StatusCode::CREATED, &view);
    tx.commit(answer.location(&format!("/api/v1/invoices/{id}")))
        .await
}
