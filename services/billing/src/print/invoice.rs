//! An invoice on paper. Pure.

use std::collections::BTreeMap;

use galen_kernel::Currency;
use jiff::civil::Date;
use uuid::Uuid;

use super::addressee::Addressee;
use super::document::{Block, Column, Document, Row, Sum, Table};
use super::letterhead::Letterhead;
use super::words;
use crate::charge::model::ChargeId;
use crate::invoice::model::{Invoice, Line, Method, Payment, PaymentState, Status};
use crate::invoice::view::number;

/// What an invoice's paper says beside what the invoice itself knows.
pub struct Around {
    /// Whose paper it is.
    pub from: Letterhead,
    /// Who it is for.
    pub to: Addressee,
    /// The hospital's day on which it was drafted.
    pub drafted: Option<Date>,
    /// What services are called.
    pub services: BTreeMap<ChargeId, String>,
    /// What payers are called.
    pub payers: BTreeMap<Uuid, String>,
    /// The hospital's days on which payments were settled.
    pub settled: BTreeMap<Uuid, Date>,
}

impl Around {
    /// What the service of a line is called.
    #[must_use]
    pub fn service(&self, line: &Line) -> String {
        match self.services.get(&line.charge) {
            Some(called) => format!("{called} ({})", line.code),
            None => line.code.clone(),
        }
    }
}

/// What an invoice is called, and that it is not one yet.
#[must_use]
pub fn name(invoice: &Invoice) -> String {
    invoice.number.map_or_else(|| "Draft".to_owned(), number)
}

/// What a payment's receipt is called: receipts of an invoice are counted.
#[must_use]
pub fn receipt_name(invoice: &Invoice, payment: Uuid) -> String {
    let place = invoice.payments.iter().position(|p| p.id == payment);
    format!("{}-R{}", name(invoice), place.map_or(0, |place| place + 1))
}

/// How a payment came.
#[must_use]
pub const fn method(payment: &Payment) -> &'static str {
    match payment.method {
        Method::Wallet => "Wallet",
        Method::Cash => "Cash",
        Method::Prepayment => "Prepayment",
    }
}

/// Writes it.
#[must_use]
pub fn document(invoice: &Invoice, around: &Around) -> Document {
    let due_on = invoice.issued_on.map(|on| around.from.due(on));
    let title = match (invoice.number, invoice.status()) {
        (None, Status::Cancelled) => "Cancelled draft".to_owned(),
        (None, _) => "Draft of an invoice".to_owned(),
        (Some(n), Status::Cancelled) => format!("Invoice {} (cancelled)", number(n)),
        (Some(n), _) => format!("Invoice {}", number(n)),
    };
    let mut facts = Vec::new();
    if let Some(n) = invoice.number {
        facts.push(("Invoice", number(n)));
    }
    if let Some(on) = invoice.issued_on {
        facts.push(("Date of issue", words::day(on)));
    }
    if let Some(on) = due_on.filter(|_| invoice.due() > 0) {
        facts.push(("Due on", words::day(on)));
    }
    facts.extend(patient(&around.to));
    facts.push(("Currency", invoice.currency.code().to_owned()));

    let mut body = vec![Block::Table(lines(invoice, around))];
    body.push(Block::Sums(sums(invoice, around)));
    body.extend(request(invoice, due_on, &around.from).map(Block::Paragraph));
    if !invoice.payments.is_empty() {
        body.push(Block::Heading("Payments".to_owned()));
        body.push(Block::Table(payments(invoice, around)));
    }
    body.extend(around.from.note.clone().map(Block::Remark));
    Document {
        continued: title.clone(),
        title,
        dated: invoice.issued_on.or(around.drafted),
        from: around.from.clone(),
        to: around.to.lines.clone(),
        facts,
        body,
    }
}

/// Which patient it is.
#[must_use]
pub fn patient(to: &Addressee) -> Vec<(&'static str, String)> {
    let name = to.lines.first().cloned();
    let name = name.unwrap_or_else(|| "Data erased".to_owned());
    let number = to.number.clone().map(|number| ("Patient no.", number));
    std::iter::once(("Patient", name)).chain(number).collect()
}

fn lines(invoice: &Invoice, around: &Around) -> Table {
    let currency = invoice.currency;
    let rows = invoice.lines.iter().zip(1..).map(|(line, place)| {
        let amount = |minor| words::amount(minor, currency);
        Row {
            cells: vec![
                place.to_string(),
                line.served_on.to_string(),
                around.service(line),
                line.quantity.to_string(),
                amount(unit(line)),
                amount(line.gross),
                amount(line.insurer()),
                amount(line.patient),
            ],
            remark: why(line, currency),
        }
    });
    Table {
        columns: vec![
            Column::number("No.", 3.5),
            Column::text("Date", 12.0),
            Column::text("Service", 31.0),
            Column::number("Quantity", 8.5),
            Column::number("Unit price", 11.0),
            Column::number("Amount", 11.5),
            Column::number("Insurer", 11.5),
            Column::number("Patient", 11.5),
        ],
        rows: rows.collect(),
    }
}

/// The price of one unit: what its tariff said, or what it comes to.
fn unit(line: &Line) -> i64 {
    let tariff = line.trace.iter().find(|step| step.stage == "TARIFF");
    let each = line.gross / i64::from(line.quantity.max(1));
    tariff.map_or(each, |step| step.basis)
}

/// Why the patient owes what they owe, in short.
fn why(line: &Line, currency: Currency) -> Option<String> {
    let mut said = Vec::new();
    let mut parts = Vec::new();
    for step in line.trace.iter().filter(|step| step.amount > 0) {
        if let Some(code) = &step.reason {
            parts.push(format!(
                "{} {}",
                words::reason(code),
                words::amount(step.amount, currency)
            ));
            said.push(code);
        }
    }
    let others = line.reasons.iter().filter(|code| !said.contains(code));
    parts.extend(others.map(|code| words::reason(code)));
    if line.credited > 0 {
        parts.push(format!(
            "credited {}",
            words::amount(line.credited, currency)
        ));
    }
    (!parts.is_empty()).then(|| words::capital(&parts.join("; ")))
}

fn sums(invoice: &Invoice, around: &Around) -> Vec<Sum> {
    let amount = |minor| words::amount(minor, invoice.currency);
    let sum = |of: fn(&Line) -> i64| invoice.lines.iter().map(of).sum::<i64>();
    let mut sums = vec![Sum::part(
        "Total of all services",
        amount(sum(|line| line.gross)),
    )];
    let mut less = |label: &str, minor: i64| {
        if minor > 0 {
            sums.push(Sum::part(label, amount(-minor)));
        }
    };
    less("Reductions agreed with insurers", sum(|l| l.contractual));
    less("Not charged", sum(|line| line.denied));
    less("Credit notes", sum(|line| line.credited));
    for (payer, minor) in insurers(invoice) {
        let called = around
            .payers
            .get(&payer)
            .map_or("the insurer", String::as_str);
        less(&format!("Asked of {called}"), minor);
    }
    sums.push(Sum::result(
        "Share of the patient",
        amount(invoice.billed()),
    ));
    if invoice.number.is_none() {
        return sums;
    }
    let mut less = |label: &str, minor: i64| {
        if minor != 0 {
            sums.push(Sum::part(label, amount(-minor)));
        }
    };
    less("Paid", invoice.paid() + invoice.returned);
    less("Given back into your wallet", -invoice.returned);
    less("Not collected", invoice.written_off);
    let label = format!("To be paid in {}", invoice.currency.code());
    sums.push(Sum::result(label, amount(invoice.due())));
    if invoice.pending() > 0 {
        sums.push(Sum::part("of which under way", amount(invoice.pending())));
    }
    sums
}

/// What payers are asked for, in the order of their first line.
fn insurers(invoice: &Invoice) -> Vec<(Uuid, i64)> {
    let mut found: Vec<(Uuid, i64)> = Vec::new();
    for share in invoice.lines.iter().flat_map(|line| &line.payers) {
        match found.iter_mut().find(|(payer, _)| *payer == share.payer) {
            Some((_, sum)) => *sum += share.amount,
            None => found.push((share.payer, share.amount)),
        }
    }
    found
}

fn payments(invoice: &Invoice, around: &Around) -> Table {
    let amount = |minor| words::amount(minor, invoice.currency);
    let rows = invoice
        .payments
        .iter()
        .filter(|p| p.state != PaymentState::Refused);
    let rows = rows.map(|payment| {
        let on = around.settled.get(&payment.id);
        Row {
            cells: vec![
                on.map_or_else(|| "under way".to_owned(), Date::to_string),
                method(payment).to_owned(),
                receipt_name(invoice, payment.id),
                amount(payment.amount),
                amount(payment.refunded),
            ],
            remark: None,
        }
    });
    Table {
        columns: vec![
            Column::text("Date", 14.0),
            Column::text("Method", 24.0),
            Column::text("Receipt", 26.0),
            Column::number("Amount", 18.0),
            Column::number("Given back", 18.0),
        ],
        rows: rows.collect(),
    }
}

/// What the patient is asked to do.
fn request(invoice: &Invoice, due_on: Option<Date>, from: &Letterhead) -> Option<String> {
    let Some(due_on) = due_on else {
        return Some("This is a draft. Nothing is to be paid for it.".to_owned());
    };
    if invoice.due() <= 0 {
        return (invoice.status() == Status::Balanced)
            .then(|| "Nothing is left to be paid. Thank you.".to_owned());
    }
    let to = match &from.account {
        Some(account) => format!("to {account}, from your wallet, or at the cash desk"),
        None => "from your wallet, or at the cash desk".to_owned(),
    };
    Some(format!(
        "Please pay {} by {} {to}, quoting {}.",
        words::money(invoice.due(), invoice.currency),
        words::day(due_on),
        name(invoice),
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::invoice::event::Event;
    use crate::invoice::model::InvoiceId;
    use crate::invoice::properties::histories;

    fn paper(history: &[Event]) -> Document {
        let id = InvoiceId::from_uuid(Uuid::from_u128(1));
        let invoice = Invoice::of(id, history).expect("it begins");
        let captured = |p: &&Payment| p.state == PaymentState::Captured;
        let settled = invoice.payments.iter().filter(captured);
        let days = settled.map(|p| (p.id, Date::MIN));
        let around = Around {
            from: Letterhead::default(),
            to: Addressee {
                lines: Vec::new(),
                number: None,
            },
            drafted: None,
            services: BTreeMap::new(),
            payers: BTreeMap::new(),
            settled: days.collect(),
        };
        document(&invoice, &around)
    }

    fn cents(amount: &str) -> i64 {
        let digits = amount.replace([',', '.'], "");
        digits.parse().expect("an amount")
    }

    proptest! {
        #[test]
        fn what_is_added_up_on_paper_is_right(history in histories()) {
            for until in 1..=history.len() {
                let document = paper(&history[..until]);
                let mut paid = 0;
                for block in &document.body {
                    match block {
                        Block::Sums(sums) => {
                            let mut sum = 0;
                            let last = sums.iter().rposition(|sum| sum.is_result);
                            for line in &sums[..=last.expect("there is a result")] {
                                if line.is_result {
                                    prop_assert_eq!(cents(&line.amount), sum, "{}", line.label);
                                } else {
                                    sum += cents(&line.amount);
                                }
                                if line.label == "Paid" {
                                    paid = -cents(&line.amount);
                                }
                            }
                        }
                        // That of payments, below their heading.
                        Block::Table(table) if table.columns[1].head == "Method" => {
                            let rows = table.rows.iter().map(|row| &row.cells);
                            let settled = rows.filter(|cells| cells[0] != "under way");
                            let listed: i64 = settled.map(|cells| cents(&cells[3]) - cents(&cells[4])).sum();
                            prop_assert_eq!(listed, paid, "what is listed is what was paid");
                            paid = 0;
                        }
                        Block::Table(_) | Block::Heading(_) | Block::Paragraph(_) | Block::Remark(_) => {}
                    }
                }
                prop_assert_eq!(paid, 0, "whatever was paid is listed");
            }
        }
    }
}
