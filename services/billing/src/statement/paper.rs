//! A statement of account on paper. Pure.

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::model::{Account, Kind};
use crate::invoice::view::number;
use crate::print::Letterhead;
use crate::print::addressee::Addressee;
use crate::print::document::{Block, Column, Document, Row, Sum, Table};
use crate::print::invoice::patient;
use crate::print::words;

/// Writes it: `last` is its last day.
#[must_use]
pub fn document(
    accounts: &[Account],
    (from, last): (Option<Date>, Date),
    (letterhead, to): (&Letterhead, &Addressee),
    zone: &TimeZone,
) -> Document {
    let mut facts: Vec<(&'static str, String)> = Vec::new();
    facts.extend(from.map(|from| ("From", words::day(from))));
    facts.push(("Until", words::day(last)));
    facts.extend(patient(to));
    let mut body = Vec::new();
    if accounts.is_empty() {
        body.push(Block::Paragraph(
            "Until then you were not asked for anything.".to_owned(),
        ));
    }
    for account in accounts {
        body.extend(self::account(account, (from, last), zone));
    }
    let mut remark = format!(
        "What is owed is due {} days after it was invoiced, given back, or left to you by \
         an insurer. Payments settle what was owed first.",
        letterhead.due_days
    );
    if accounts.iter().any(|account| account.by_instalments) {
        remark.push_str(" What is in a payment plan is due by its instalments.");
    }
    body.push(Block::Remark(remark));
    Document {
        title: "Statement of account".to_owned(),
        continued: continued(to, last),
        dated: Some(last),
        from: letterhead.clone(),
        to: to.lines.clone(),
        facts,
        body,
    }
}

/// Statements have no number: those of other people and of other days look alike.
fn continued(to: &Addressee, last: Date) -> String {
    let number = to.number.iter().map(|number| format!(", {number}"));
    let until = std::iter::once(format!("Statement of account until {}", words::day(last)));
    until.chain(number).collect()
}

fn account(account: &Account, (from, last): (Option<Date>, Date), zone: &TimeZone) -> Vec<Block> {
    let amount = |minor| words::amount(minor, account.currency);
    let opening = from.map(|from| Row {
        cells: vec![
            from.to_string(),
            "Brought forward".to_owned(),
            String::new(),
            String::new(),
            String::new(),
            amount(account.opening),
        ],
        remark: None,
    });
    let entries = account.entries.iter().map(|(movement, balance)| {
        let (more, less) = if movement.amount > 0 {
            (amount(movement.amount), String::new())
        } else {
            (String::new(), amount(-movement.amount))
        };
        Row {
            cells: vec![
                movement.at.to_zoned(zone.clone()).date().to_string(),
                called(movement.kind).to_owned(),
                number(movement.number),
                more,
                less,
                amount(*balance),
            ],
            remark: None,
        }
    });
    let table = Table {
        columns: vec![
            Column::text("Date", 13.0),
            Column::text("Entry", 30.0),
            Column::text("Invoice", 19.0),
            Column::number("Asked for", 17.0),
            Column::number("Settled", 17.0),
            Column::number("Balance", 17.0),
        ],
        rows: opening.into_iter().chain(entries).collect(),
    };
    let ageing = account.ageing;
    let ages = Table {
        columns: vec![
            Column::number("Not due yet", 20.0),
            Column::number("1 to 30 days past due", 20.0),
            Column::number("31 to 60 days", 20.0),
            Column::number("61 to 90 days", 20.0),
            Column::number("More than 90 days", 20.0),
        ],
        rows: vec![Row {
            cells: [
                ageing.current,
                ageing.to_30,
                ageing.to_60,
                ageing.to_90,
                ageing.older,
            ]
            .map(amount)
            .into(),
            remark: None,
        }],
    };
    let code = account.currency.code();
    let label = format!("To be paid on {} in {code}", words::day(last));
    vec![
        Block::Heading(format!("Account in {code}")),
        Block::Table(table),
        Block::Sums(vec![Sum::result(label, amount(account.closing))]),
        Block::Table(ages),
    ]
}

const fn called(kind: Kind) -> &'static str {
    match kind {
        Kind::Invoice => "Invoice",
        Kind::Payment => "Payment",
        Kind::Refund => "Payment given back",
        Kind::CreditNote => "Credit note",
        Kind::CreditReturned => "Credit put into wallet",
        Kind::WriteOff => "Not collected",
        Kind::LeftByPayer => "Left to you by an insurer",
    }
}
