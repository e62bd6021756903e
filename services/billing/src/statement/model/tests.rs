//! A statement says exactly what invoices do.

use galen_contracts::ids::PatientId;
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;
use crate::invoice::model::{Invoice, InvoiceId};
use crate::invoice::properties::histories;
use crate::payment_plan::model::{Instalment, PaymentPlanId, Status};

/// The first instant of a day after the beginning.
fn instant(day: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * day)
}

fn date(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

/// Due after ten days.
fn due(at: Timestamp) -> Date {
    date(at + SignedDuration::from_hours(240))
}

/// What happened to an invoice as the database keeps it, one event a day, and what was
/// due after each.
fn stored(id: u128, events: &[Event]) -> (Vec<Happened>, Vec<i64>) {
    let id = InvoiceId::from_uuid(Uuid::from_u128(id));
    let (mut happened, mut dues) = (Vec::new(), Vec::new());
    let (mut billed, mut settled) = (0, 0);
    for count in 1..=events.len() {
        let invoice = Invoice::of(id, &events[..count]).expect("it begins");
        let event = events[count - 1].clone();
        let is_draft = matches!(event, Event::Drafted { .. } | Event::Adjudicated { .. });
        happened.push(Happened {
            invoice: id.uuid(),
            number: 1,
            currency: invoice.currency,
            event: (!is_draft).then_some(event),
            billed: invoice.billed() - billed,
            settled: invoice.settled() - settled,
            at: instant(i64::try_from(count).expect("few")),
        });
        (billed, settled) = (invoice.billed(), invoice.settled());
        dues.push(invoice.due());
    }
    (happened, dues)
}

proptest! {
    #[test]
    fn movements_add_up_to_what_is_due_at_every_moment(events in histories()) {
        let (happened, dues) = stored(1, &events);
        let movements = movements(&happened).expect("it is explained");
        for (one, due) in happened.iter().zip(dues) {
            let until = movements.iter().filter(|m| m.at <= one.at);
            prop_assert_eq!(until.map(|m| m.amount).sum::<i64>(), due);
        }
        prop_assert!(movements.iter().all(|m| m.amount != 0));
    }

    #[test]
    fn a_statement_goes_on_where_the_one_before_ended(
        first in histories(), second in histories(), cut in 0_i64..40,
    ) {
        let (mut happened, _) = stored(1, &first);
        happened.extend(stored(2, &second).0);
        happened.sort_by_key(|one| one.at);
        let movements = movements(&happened).expect("it is explained");
        let cut = instant(cut);
        let before: Vec<Movement> = movements.iter().filter(|m| m.at < cut).cloned().collect();
        let early = accounts(&before, &[], None, due, date(cut));
        let late = accounts(&movements, &[], Some(cut), due, date(cut));
        let whole = accounts(&movements, &[], None, due, date(cut));
        for account in &late {
            let earlier = early.iter().find(|other| other.currency == account.currency);
            prop_assert_eq!(account.opening, earlier.map_or(0, |earlier| earlier.closing));
            let moved: i64 = account.entries.iter().map(|(m, _)| m.amount).sum();
            prop_assert_eq!(account.opening + moved, account.closing);
            let last = account.entries.last().map_or(account.opening, |(_, balance)| *balance);
            prop_assert_eq!(last, account.closing);
        }
        for (late, whole) in late.iter().zip(&whole) {
            prop_assert_eq!((late.closing, late.ageing), (whole.closing, whole.ageing));
        }
    }

    #[test]
    fn ages_add_up_to_the_balance(
        events in histories(),
        made in any::<prop::sample::Index>(),
        days in prop::collection::btree_set(0_i64..200, 1..4),
        on in 0_i64..200,
    ) {
        let (happened, dues) = stored(1, &events);
        let movements = movements(&happened).expect("it is explained");
        // A plan that was made at some moment when something was due.
        let made = made.index(happened.len());
        let billed = happened[..=made].iter().map(|one| one.billed).sum();
        let mut plans = Vec::new();
        if dues[made] >= i64::try_from(days.len()).expect("few") {
            let parts = (1..).zip(&days).map(|(part, day)| (instant(*day), part));
            plans.push(plan((1, dues[made], billed), &split(dues[made], parts.collect())));
        }
        for account in accounts(&movements, &plans, None, due, date(instant(on))) {
            let Ageing { current, to_30, to_60, to_90, older } = account.ageing;
            prop_assert!([current, to_30, to_60, to_90, older].iter().all(|age| *age >= 0));
            prop_assert_eq!(account.ageing.total(), account.closing);
        }
    }
}

/// All of an amount, the last of them the rest.
fn split(total: i64, parts: Vec<(Timestamp, i64)>) -> Vec<(Timestamp, i64)> {
    let count = parts.len();
    let mut left = total;
    let part = |(place, (at, _)): (usize, (Timestamp, i64))| {
        let rest = i64::try_from(count - place).expect("few");
        let amount = left / rest;
        left -= amount;
        (at, amount)
    };
    parts.into_iter().enumerate().map(part).collect()
}

/// A plan for what is owed of an invoice, due on some days.
fn plan((invoice, planned, billed): (u128, i64, i64), due: &[(Timestamp, i64)]) -> PaymentPlan {
    let instalment = |(at, amount): &(Timestamp, i64)| Instalment {
        due_on: date(*at),
        amount: *amount,
    };
    PaymentPlan {
        id: PaymentPlanId::from_uuid(Uuid::nil()),
        patient: PatientId::from_uuid(Uuid::nil()),
        currency: "EUR".parse().expect("a currency"),
        status: Status::Active,
        instalments: due.iter().map(instalment).collect(),
        invoices: vec![Planned {
            invoice: Uuid::from_u128(invoice),
            planned,
            billed,
            // As it is now, which a statement of the past does not look at.
            billed_now: 0,
            due_now: 0,
        }],
        proposed: (Uuid::nil(), instant(0)),
        agreed: Some((Uuid::nil(), instant(0))),
        ended_at: None,
        version: 2,
    }
}

fn moved(day: i64, invoice: u128, amount: i64) -> Movement {
    Movement {
        invoice: Uuid::from_u128(invoice),
        number: 1,
        currency: "EUR".parse().expect("a currency"),
        kind: Kind::Invoice,
        source: None,
        amount,
        at: instant(day),
    }
}

#[test]
fn what_is_owed_first_is_settled_first() {
    // Owed on days 0 and 40, due on days 10 and 50; 70 were paid.
    let movements = [moved(0, 1, 100), moved(40, 1, 50), moved(41, 1, -70)];
    let on = |day| age(&movements, &[], due, date(instant(day)));
    let ages = |current, to_30, to_60, to_90, older| Ageing {
        current,
        to_30,
        to_60,
        to_90,
        older,
    };
    assert_eq!(on(10), ages(80, 0, 0, 0, 0));
    assert_eq!(on(11), ages(50, 30, 0, 0, 0));
    assert_eq!(on(40), ages(50, 30, 0, 0, 0));
    assert_eq!(on(41), ages(50, 0, 30, 0, 0));
    assert_eq!(on(71), ages(0, 50, 0, 30, 0));
    assert_eq!(on(101), ages(0, 0, 50, 0, 30));
    assert_eq!(on(1000), ages(0, 0, 0, 0, 80));
}

#[test]
fn what_is_in_a_plan_is_due_by_its_instalments_and_what_came_on_top_is_not() {
    // Owed since day 0; in two instalments, of which the first is half paid; a payer left
    // 30 more on day 40.
    let movements = [moved(0, 1, 100), moved(30, 1, -25), moved(40, 1, 30)];
    let plans = [plan((1, 100, 100), &[(instant(50), 50), (instant(80), 50)])];
    let on = |day| age(&movements, &plans, due, date(instant(day)));
    let ages = |current, to_30, to_60| Ageing {
        current,
        to_30,
        to_60,
        ..Ageing::default()
    };
    assert_eq!(on(50), ages(105, 0, 0));
    assert_eq!(on(51), ages(50, 55, 0));
    assert_eq!(on(81), ages(0, 50, 55));
}

#[test]
fn what_is_paid_for_one_invoice_settles_no_other() {
    let movements = [moved(0, 1, 100), moved(1, 2, 30), moved(2, 2, -30)];
    let ageing = age(&movements, &[], due, date(instant(200)));
    assert_eq!((ageing.older, ageing.total()), (100, 100));
}

#[test]
fn what_cannot_be_explained_is_not_guessed() {
    let currency = "EUR".parse().expect("a currency");
    let one = |event, billed, settled| Happened {
        invoice: Uuid::nil(),
        number: 1,
        currency,
        event: Some(event),
        billed,
        settled,
        at: instant(0),
    };
    let issued = Event::Issued {
        number: 1,
        on: date(instant(0)),
    };
    assert_eq!(
        movements(&[one(issued.clone(), 5, 0)]).map(|m| m.len()),
        Ok(1)
    );
    assert_eq!(
        movements(&[one(issued, 5, 0), one(Event::Dropped, 0, 1)]),
        Err(Unexplained)
    );
}
