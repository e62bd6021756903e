//! Movements of what a patient owes, their balance and its age. Pure.

use std::collections::BTreeMap;

use galen_kernel::{Currency, Timestamp};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::invoice::event::Event;
use crate::payment_plan::model::{PaymentPlan, Planned, allocate};

/// Why what is owed changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = StatementEntryKind)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Kind {
    /// An invoice was issued.
    Invoice,
    /// It was paid.
    Payment,
    /// A payment was given back, and is owed again.
    Refund,
    /// Something is not asked for any more.
    CreditNote,
    /// What of that had been paid was put into the patient's wallet.
    CreditReturned,
    /// It was given up.
    WriteOff,
    /// A payer left it to the patient.
    LeftByPayer,
}

impl Kind {
    /// Whether it changes what is asked for, and not what of that is settled.
    const fn is_of_bill(self) -> bool {
        matches!(self, Self::Invoice | Self::CreditNote | Self::LeftByPayer)
    }
}

/// What an event did to an invoice, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happened {
    /// To which invoice.
    pub invoice: Uuid,
    /// What people call it.
    pub number: i64,
    /// Of its amounts.
    pub currency: Currency,
    /// What happened; `None`: something while it was a draft.
    pub event: Option<Event>,
    /// By how much it changed what the patient is asked for; minor units.
    pub billed: i64,
    /// By how much it changed what of that is settled; minor units.
    pub settled: i64,
    /// When.
    pub at: Timestamp,
}

/// A change of what is owed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movement {
    /// Of which invoice.
    pub invoice: Uuid,
    /// What people call it.
    pub number: i64,
    /// Of the amount.
    pub currency: Currency,
    /// Why.
    pub kind: Kind,
    /// The payment, refund, credit note, write-off or claim that it comes from.
    pub source: Option<Uuid>,
    /// More is owed, or less; minor units, never nothing.
    pub amount: i64,
    /// When.
    pub at: Timestamp,
}

/// An event is of a kind that cannot change what is owed in this way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event of an invoice changes what it cannot change")]
pub struct Unexplained;

/// Why an event changes what is asked for, and why what is settled.
struct Meaning {
    billed: Option<Kind>,
    settled: Option<Kind>,
    source: Option<Uuid>,
}

const fn meaning(event: &Event) -> Meaning {
    let (billed, settled, source) = match event {
        Event::Issued { .. } => (Some(Kind::Invoice), None, None),
        Event::PaymentRecorded { payment } => (None, Some(Kind::Payment), Some(*payment)),
        Event::Received { receipt, .. } => (None, Some(Kind::Payment), Some(*receipt)),
        Event::PrepaymentApplied { prepayment, .. } => {
            (None, Some(Kind::Payment), Some(*prepayment))
        }
        Event::Refunded { refund, .. } => (None, Some(Kind::Refund), Some(*refund)),
        Event::Credited { note, .. } => (
            Some(Kind::CreditNote),
            Some(Kind::CreditReturned),
            Some(*note),
        ),
        Event::WrittenOff { request, .. } => (None, Some(Kind::WriteOff), Some(*request)),
        Event::Remitted { claim, .. } => (Some(Kind::LeftByPayer), None, Some(*claim)),
        Event::Drafted { .. }
        | Event::Adjudicated { .. }
        | Event::Dropped
        | Event::PaymentStarted { .. }
        | Event::PaymentRefused { .. }
        | Event::RefundStarted { .. }
        | Event::RefundRefused { .. } => (None, None, None),
    };
    Meaning {
        billed,
        settled,
        source,
    }
}

/// The movements of what happened, in the same order. What is asked for is owed from the
/// moment when the invoice is issued.
///
/// # Errors
/// When an event changes what it cannot change.
pub fn movements(happened: &[Happened]) -> Result<Vec<Movement>, Unexplained> {
    /// What is asked for, and whether it is issued.
    type Asked = (i64, bool);
    let mut asked: BTreeMap<Uuid, Asked> = BTreeMap::new();
    let mut movements = Vec::new();
    for one in happened {
        let (billed, issued) = asked.entry(one.invoice).or_default();
        *billed += one.billed;
        let is_issue = matches!(one.event, Some(Event::Issued { .. }));
        let changed = if is_issue { *billed } else { one.billed };
        *issued |= is_issue;
        if !*issued {
            continue;
        }
        let meaning = one.event.as_ref().map(meaning);
        let source = meaning.as_ref().and_then(|meaning| meaning.source);
        let kinds = meaning.map_or((None, None), |m| (m.billed, m.settled));
        for (kind, amount) in [(kinds.0, changed), (kinds.1, -one.settled)] {
            if amount != 0 {
                movements.push(Movement {
                    invoice: one.invoice,
                    number: one.number,
                    currency: one.currency,
                    kind: kind.ok_or(Unexplained)?,
                    source,
                    amount,
                    at: one.at,
                });
            }
        }
    }
    Ok(movements)
}

/// What is left to be paid, by how long it has been due. Minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ageing {
    /// Not due yet, or today.
    pub current: i64,
    /// 1 to 30 days past due.
    pub to_30: i64,
    /// 31 to 60.
    pub to_60: i64,
    /// 61 to 90.
    pub to_90: i64,
    /// More than that.
    pub older: i64,
}

impl Ageing {
    /// All of it.
    #[must_use]
    pub const fn total(&self) -> i64 {
        self.current + self.to_30 + self.to_60 + self.to_90 + self.older
    }

    fn add(&mut self, days: i64, amount: i64) {
        let bucket = match days {
            ..=0 => &mut self.current,
            1..=30 => &mut self.to_30,
            31..=60 => &mut self.to_60,
            61..=90 => &mut self.to_90,
            _ => &mut self.older,
        };
        *bucket += amount;
    }
}

/// What some movements have made of an invoice.
#[derive(Debug, Default)]
struct Open {
    /// What the patient is asked for.
    billed: i64,
    /// What is owed since when, oldest first.
    owed: Vec<(Timestamp, i64)>,
    /// What of that is settled, or is not due by the invoice.
    less: i64,
}

impl Open {
    fn moved(&mut self, movement: &Movement) {
        if movement.kind.is_of_bill() {
            self.billed += movement.amount;
        }
        if movement.amount > 0 {
            self.owed.push((movement.at, movement.amount));
        } else {
            self.less -= movement.amount;
        }
    }

    fn due(&self) -> i64 {
        self.owed.iter().map(|(_, amount)| amount).sum::<i64>() - self.less
    }

    /// Sets aside what is in a plan: the oldest of what is left.
    fn plan(&mut self, planned: &Planned) -> Planned {
        let planned = Planned {
            billed_now: self.billed,
            due_now: self.due(),
            ..*planned
        };
        self.less += planned.planned - planned.paid();
        planned
    }
}

/// How old what is left of some movements is on a day. What settles an invoice settles
/// what was owed for it first; `due` says when what is owed since an instant is due. What
/// is in a plan that is followed then is due by its instalments instead.
#[must_use]
pub fn age<'a>(
    movements: impl IntoIterator<Item = &'a Movement>,
    plans: &[PaymentPlan],
    due: impl Fn(Timestamp) -> Date,
    on: Date,
) -> Ageing {
    let mut invoices: BTreeMap<Uuid, Open> = BTreeMap::new();
    for movement in movements {
        let open = invoices.entry(movement.invoice).or_default();
        open.moved(movement);
    }
    let mut ageing = Ageing::default();
    let mut add = |day: Date, amount| ageing.add(i64::from((on - day).get_days()), amount);
    for plan in plans {
        let mut paid = 0;
        for part in &plan.invoices {
            paid += invoices.entry(part.invoice).or_default().plan(part).paid();
        }
        let covered = allocate(&plan.instalments, paid);
        for (instalment, covered) in plan.instalments.iter().zip(covered) {
            add(instalment.due_on, instalment.amount - covered);
        }
    }
    for Open { owed, mut less, .. } in invoices.into_values() {
        for (since, amount) in owed {
            let taken = amount.min(less);
            less -= taken;
            if amount > taken {
                add(due(since), amount - taken);
            }
        }
    }
    ageing
}

/// What happened in one currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Of all amounts.
    pub currency: Currency,
    /// What was owed at the beginning; minor units.
    pub opening: i64,
    /// What changed it, in order, each with what was owed afterwards.
    pub entries: Vec<(Movement, i64)>,
    /// What was owed at the end; minor units.
    pub closing: i64,
    /// For how long that has been due.
    pub ageing: Ageing,
    /// Whether a payment plan says when some of it is due.
    pub by_instalments: bool,
}

/// Makes a statement of all movements until its end, and the plans that were followed
/// then. `from` is its beginning; `on` its last day.
#[must_use]
pub fn accounts(
    movements: &[Movement],
    plans: &[PaymentPlan],
    from: Option<Timestamp>,
    due: impl Fn(Timestamp) -> Date,
    on: Date,
) -> Vec<Account> {
    let mut currencies: Vec<Currency> = movements.iter().map(|m| m.currency).collect();
    currencies.sort_by_key(|currency| currency.code().to_owned());
    currencies.dedup();
    let account = |currency: Currency| {
        let own = || movements.iter().filter(move |m| m.currency == currency);
        let is_before = |movement: &&Movement| from.is_some_and(|from| movement.at < from);
        let opening: i64 = own().filter(is_before).map(|m| m.amount).sum();
        let mut balance = opening;
        let entries: Vec<(Movement, i64)> = own()
            .filter(|movement| !is_before(movement))
            .map(|movement| {
                balance += movement.amount;
                (movement.clone(), balance)
            })
            .collect();
        let plans = plans.iter().filter(|plan| plan.currency == currency);
        let plans: Vec<PaymentPlan> = plans.cloned().collect();
        Account {
            currency,
            opening,
            entries,
            closing: balance,
            ageing: age(own(), &plans, &due, on),
            by_instalments: !plans.is_empty(),
        }
    };
    currencies.into_iter().map(account).collect()
}

#[cfg(test)]
mod tests;
