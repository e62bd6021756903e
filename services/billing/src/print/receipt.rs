//! A receipt on paper: that money was received, for what, and what was left to be paid
//! then. Pure.

use uuid::Uuid;

use super::document::{Block, Document, Sum};
use super::invoice::{Around, method, name, patient, receipt_name};
use super::words;
use crate::invoice::event::Event;
use crate::invoice::model::{Invoice, PaymentState};

/// Writes the receipt of a payment: `invoice` is as it is now, `left` what was still to
/// be paid when the payment was settled. `None` when it was not.
#[must_use]
pub fn document(invoice: &Invoice, id: Uuid, left: i64, around: &Around) -> Option<Document> {
    let payment = invoice.payment(id)?;
    if payment.state != PaymentState::Captured {
        return None;
    }
    let on = around.settled.get(&id).copied();
    let called = receipt_name(invoice, id);
    let money = |minor| words::money(minor, invoice.currency);
    let mut facts = vec![("Receipt", called.clone())];
    facts.extend(on.map(|on| ("Received on", words::day(on))));
    facts.push(("For invoice", name(invoice)));
    facts.extend(invoice.issued_on.map(|on| ("Issued on", words::day(on))));
    facts.extend(patient(&around.to));

    let mut sums = vec![
        Sum::result("Received", money(payment.amount)),
        Sum::part("Still to be paid then", money(left)),
    ];
    if payment.refunded > 0 {
        sums.push(Sum::part("Given back since", money(payment.refunded)));
    }
    let text = format!(
        "We have received {} for invoice {}. Method: {}. Payment {id}.",
        money(payment.amount),
        name(invoice),
        method(payment).to_lowercase(),
    );
    Some(Document {
        title: format!("Receipt {called}"),
        continued: format!("Receipt {called}"),
        dated: on,
        from: around.from.clone(),
        to: around.to.lines.clone(),
        facts,
        body: vec![Block::Paragraph(text), Block::Sums(sums)],
    })
}

/// The payment that an event settles.
#[must_use]
pub const fn settles(event: &Event) -> Option<Uuid> {
    match event {
        Event::PaymentRecorded { payment } => Some(*payment),
        Event::Received { receipt, .. } => Some(*receipt),
        Event::PrepaymentApplied { prepayment, .. } => Some(*prepayment),
        Event::Drafted { .. }
        | Event::Adjudicated { .. }
        | Event::Issued { .. }
        | Event::Dropped
        | Event::PaymentStarted { .. }
        | Event::PaymentRefused { .. }
        | Event::RefundStarted { .. }
        | Event::Refunded { .. }
        | Event::RefundRefused { .. }
        | Event::Credited { .. }
        | Event::WrittenOff { .. }
        | Event::Remitted { .. } => None,
    }
}

/// What of an invoice was left to be paid when a payment was settled.
#[must_use]
pub fn left_after(invoice: &Invoice, history: &[Event], payment: Uuid) -> i64 {
    let place = history
        .iter()
        .position(|event| settles(event) == Some(payment));
    let until = place.map_or(history.len(), |place| place + 1);
    Invoice::of(invoice.id, &history[..until]).map_or(0, |then| then.due())
}
