//! A credit note on paper: what of an invoice is not asked for any more. Pure.

use jiff::civil::Date;
use uuid::Uuid;

use super::document::{Block, Column, Document, Row, Sum, Table};
use super::invoice::{Around, name, patient};
use super::words;
use crate::invoice::event::{Event, Part};
use crate::invoice::model::Invoice;

/// What a credit note says.
pub struct Note<'a> {
    /// Its id.
    pub id: Uuid,
    /// The hospital's day.
    pub on: Date,
    /// How many of the invoice there were until then, itself included.
    pub place: usize,
    /// What is taken back, by line.
    pub parts: &'a [Part],
    /// What of it was paid, and went into the patient's wallet.
    pub returned: i64,
    /// Why, if that is still known.
    pub reason: Option<String>,
}

impl<'a> Note<'a> {
    /// Finds one in what happened to an invoice.
    #[must_use]
    pub fn find(history: &'a [(Event, Date)], id: Uuid) -> Option<Self> {
        let mut place = 0;
        for (event, on) in history {
            if let Event::Credited {
                note,
                parts,
                returned,
            } = event
            {
                place += 1;
                if *note == id {
                    return Some(Self {
                        id,
                        on: *on,
                        place,
                        parts,
                        returned: *returned,
                        reason: None,
                    });
                }
            }
        }
        None
    }

    /// What it is called: those of an invoice are counted.
    #[must_use]
    pub fn name(&self, invoice: &Invoice) -> String {
        format!("{}-C{}", name(invoice), self.place)
    }
}

/// Writes it.
#[must_use]
pub fn document(invoice: &Invoice, note: &Note<'_>, around: &Around) -> Document {
    let amount = |minor| words::amount(minor, invoice.currency);
    let called = note.name(invoice);
    let mut facts = vec![
        ("Credit note", called.clone()),
        ("Date of issue", words::day(note.on)),
        ("For invoice", name(invoice)),
    ];
    facts.extend(invoice.issued_on.map(|on| ("Invoiced on", words::day(on))));
    facts.extend(patient(&around.to));
    facts.push(("Currency", invoice.currency.code().to_owned()));

    let rows = note.parts.iter().filter_map(|part| {
        let line = invoice
            .lines
            .iter()
            .find(|line| line.charge == part.charge)?;
        Some(Row {
            cells: vec![
                line.served_on.to_string(),
                around.service(line),
                amount(part.amount),
            ],
            remark: None,
        })
    });
    let table = Table {
        columns: vec![
            Column::text("Date", 12.0),
            Column::text("Service", 60.0),
            Column::number("Credited", 18.0),
        ],
        rows: rows.collect(),
    };
    let total: i64 = note.parts.iter().map(|part| part.amount).sum();
    let mut sums = vec![Sum::result(
        format!("Credited in {}", invoice.currency.code()),
        amount(total),
    )];
    if note.returned > 0 {
        sums.push(Sum::part(
            "of which put into your wallet, as it was paid",
            amount(note.returned),
        ));
    }
    let mut body = vec![Block::Paragraph(format!(
        "Of invoice {} you are not asked for the following any more.",
        name(invoice)
    ))];
    body.extend(
        note.reason
            .clone()
            .map(|why| Block::Paragraph(format!("Reason: {why}"))),
    );
    body.push(Block::Table(table));
    body.push(Block::Sums(sums));
    Document {
        title: format!("Credit note {called}"),
        continued: format!("Credit note {called}"),
        dated: Some(note.on),
        from: around.from.clone(),
        to: around.to.lines.clone(),
        facts,
        body,
    }
}
