//! Whatever is done to invoices, their sums stay right.

use galen_contracts::ids::PatientId;
use galen_kernel::Timestamp;
use jiff::civil::Date;
use proptest::prelude::*;
use uuid::Uuid;

use super::decide::Refusal;
use super::event::{Event, Outcome, PassedOn};
use super::model::{Invoice, InvoiceId, Line, PayerShare, Status};
use crate::charge::model::{ChargeId, PaymentMode};

fn line(at: u128, patient: i64, insurer: i64, contractual: i64) -> Line {
    Line {
        charge: ChargeId::from_uuid(Uuid::from_u128(at)),
        code: "CONSULTATION".to_owned(),
        class: "AMB".to_owned(),
        quantity: 1,
        served_at: Timestamp::UNIX_EPOCH,
        served_on: Date::constant(1970, 1, 1),
        gross: patient + insurer + contractual,
        contractual,
        denied: 0,
        credited: 0,
        patient,
        // Two policies of one payer.
        payers: vec![share(FIRST, insurer), share(SECOND, 0)],
        reasons: Vec::new(),
        trace: Vec::new(),
    }
}

const FIRST: Uuid = Uuid::from_u128(8);
const SECOND: Uuid = Uuid::from_u128(11);

const fn share(coverage: Uuid, amount: i64) -> PayerShare {
    PayerShare {
        payer: payer(),
        coverage,
        amount,
    }
}

const fn payer() -> Uuid {
    Uuid::from_u128(7)
}

fn draft(lines: Vec<Line>) -> Invoice {
    let first = Event::Drafted {
        patient: PatientId::from_uuid(Uuid::from_u128(9)),
        mode: PaymentMode::Insurance,
        currency: "EUR".parse().expect("a currency"),
        lines,
    };
    Invoice::begin(InvoiceId::from_uuid(Uuid::from_u128(1)), &first).expect("it begins")
}

fn issued(lines: Vec<Line>) -> Invoice {
    let mut invoice = draft(lines.clone());
    let events = invoice.issue(&lines, 1, Date::constant(2026, 3, 2));
    for event in events.expect("it is issued") {
        invoice.apply(&event);
    }
    invoice
}

/// What somebody tries; numbers are made to fit by whoever performs it.
#[derive(Debug, Clone)]
enum Try {
    Pay(Option<i64>),
    Record(usize),
    Refuse(usize),
    Receive(i64),
    Prepaid(i64),
    Refund(usize, i64),
    EndRefund(bool),
    Credit(i64),
    CreditLine(usize),
    WriteOff(i64),
    Remit(usize, [i64; 3], bool),
}

fn attempt() -> impl Strategy<Value = Try> {
    let amount = 1_i64..150;
    prop_oneof![
        prop::option::of(amount.clone()).prop_map(Try::Pay),
        (0_usize..4).prop_map(Try::Record),
        (0_usize..4).prop_map(Try::Refuse),
        amount.clone().prop_map(Try::Receive),
        amount.clone().prop_map(Try::Prepaid),
        (0_usize..4, amount.clone()).prop_map(|(at, amount)| Try::Refund(at, amount)),
        any::<bool>().prop_map(Try::EndRefund),
        amount.clone().prop_map(Try::Credit),
        (0_usize..3).prop_map(Try::CreditLine),
        amount.prop_map(Try::WriteOff),
        (0_usize..3, prop::array::uniform3(0_i64..50), any::<bool>())
            .prop_map(|(at, amounts, by_second)| Try::Remit(at, amounts, by_second)),
    ]
}

fn decide(invoice: &Invoice, what: &Try, id: Uuid) -> Result<Option<Event>, Refusal> {
    let payment = |at: &usize| invoice.payments.get(*at).map_or(Uuid::nil(), |p| p.id);
    let charge = |at: &usize| ChargeId::from_uuid(Uuid::from_u128(*at as u128 + 10));
    match what {
        Try::Pay(amount) => invoice.pay(id, Uuid::nil(), *amount).map(Some),
        Try::Record(at) => invoice.record(payment(at)),
        Try::Refuse(at) => invoice.refuse(payment(at), "INSUFFICIENT_FUNDS"),
        Try::Receive(amount) => invoice.receive(id, *amount),
        Try::Prepaid(amount) => invoice.apply_prepayment(id, *amount),
        Try::Refund(at, amount) => invoice.refund(id, payment(at), *amount).map(Some),
        Try::EndRefund(done) => {
            let under_way = invoice.payments.iter().find_map(|payment| {
                let (refund, _) = payment.refunding.first()?;
                Some((*refund, payment.id))
            });
            let (refund, payment) = under_way.ok_or(Refusal::NoSuchPayment)?;
            let refused = (!done).then_some("ACCOUNT_CLOSED");
            invoice.end_refund(refund, payment, refused).map(Some)
        }
        Try::Credit(amount) => invoice.credit_amount(id, *amount).map(Some),
        Try::CreditLine(at) => invoice.credit_lines(id, &[(charge(at), None)]).map(Some),
        Try::WriteOff(amount) => invoice.write_off(id, *amount).map(Some),
        Try::Remit(at, [to_patient, written_off, passed], by_second) => {
            let outcome = Outcome {
                charge: charge(at),
                payer: payer(),
                coverage: Some(if *by_second { SECOND } else { FIRST }),
                to_patient: *to_patient,
                written_off: *written_off,
                passed_on: (!by_second && *passed > 0).then_some(PassedOn {
                    payer: payer(),
                    coverage: SECOND,
                    claim: id,
                    amount: *passed,
                }),
                reasons: vec!["1".to_owned()],
            };
            invoice.remit(id, &[outcome])
        }
    }
}

/// Invoices to which something happened: all that did, from the draft on.
pub(crate) fn histories() -> impl Strategy<Value = Vec<Event>> {
    let amounts = prop::collection::vec((0_i64..100, 0_i64..100, 0_i64..20), 1..4);
    let attempts = prop::collection::vec(attempt(), 0..30);
    (amounts, attempts).prop_map(|(amounts, attempts)| {
        let amounts = amounts.iter().zip(10_u128..);
        let lines: Vec<Line> = amounts
            .map(|((p, i, c), at)| line(at, *p, *i, *c))
            .collect();
        let mut invoice = draft(lines.clone());
        let mut events = vec![Event::Drafted {
            patient: invoice.patient,
            mode: invoice.mode,
            currency: invoice.currency,
            lines: lines.clone(),
        }];
        let issue = invoice.issue(&lines, 1, Date::constant(2026, 3, 2));
        for event in issue.expect("it is issued") {
            invoice.apply(&event);
            events.push(event);
        }
        for (attempt, id) in attempts.iter().zip(1000_u128..) {
            if let Ok(Some(event)) = decide(&invoice, attempt, Uuid::from_u128(id)) {
                invoice.apply(&event);
                events.push(event);
            }
        }
        events
    })
}

proptest! {
    #[test]
    fn whatever_is_done_every_cent_is_accounted_for(
        amounts in prop::collection::vec((0_i64..100, 0_i64..100, 0_i64..20), 1..4),
        attempts in prop::collection::vec(attempt(), 0..40),
    ) {
        let lines: Vec<Line> = amounts.iter().zip(10_u128..).map(|((p, i, c), at)| line(at, *p, *i, *c)).collect();
        let gross: i64 = lines.iter().map(|line| line.gross).sum();
        let mut invoice = issued(lines.clone());
        let mut events = Vec::new();
        for (attempt, id) in attempts.iter().zip(1000_u128..) {
            let before = invoice.clone();
            match decide(&invoice, attempt, Uuid::from_u128(id)) {
                Ok(Some(event)) => {
                    invoice.apply(&event);
                    prop_assert!(invoice.balances(), "{attempt:?} on {before:?} gave {invoice:?}");
                    let stored = serde_json::to_string(&event).expect("an event is data");
                    let read: Event = serde_json::from_str(&stored).expect("and is read again");
                    prop_assert_eq!(&read, &event);
                    events.push(event);
                }
                Ok(None) | Err(_) => prop_assert_eq!(&before, &invoice),
            }
            prop_assert_eq!(invoice.lines.iter().map(|line| line.gross).sum::<i64>(), gross);
            prop_assert!(invoice.due() >= 0 && invoice.open() >= 0 && invoice.paid() >= 0);
            let status = invoice.status();
            prop_assert!(status != Status::Balanced || invoice.due() == 0);
        }
        let mut again = issued(lines);
        for event in &events {
            again.apply(event);
        }
        prop_assert_eq!(again, invoice);
    }
}

#[test]
fn payments_under_way_are_part_of_what_is_due() {
    let mut invoice = issued(vec![line(10, 100, 0, 0)]);
    let (one, two) = (Uuid::from_u128(2), Uuid::from_u128(3));
    let event = invoice.pay(one, Uuid::nil(), Some(70)).expect("it is due");
    invoice.apply(&event);
    assert_eq!(
        invoice.pay(two, Uuid::nil(), Some(31)),
        Err(Refusal::MoreThanDue)
    );
    let event = invoice
        .pay(two, Uuid::nil(), None)
        .expect("the rest is due");
    assert!(matches!(event, Event::PaymentStarted { amount: 30, .. }));
    invoice.apply(&event);
    assert_eq!(
        invoice.pay(Uuid::from_u128(4), Uuid::nil(), None),
        Err(Refusal::PaymentUnderWay)
    );
    for payment in [one, two] {
        let event = invoice
            .record(payment)
            .expect("it is known")
            .expect("it is new");
        invoice.apply(&event);
        assert_eq!(invoice.record(payment), Ok(None), "twice is once");
    }
    assert_eq!((invoice.due(), invoice.status()), (0, Status::Balanced));
}

#[test]
fn what_was_paid_for_what_is_credited_goes_back() {
    let mut invoice = issued(vec![line(10, 60, 0, 0), line(11, 40, 0, 0)]);
    let payment = Uuid::from_u128(2);
    for event in [
        invoice
            .pay(payment, Uuid::nil(), Some(80))
            .expect("it is due"),
        Event::PaymentRecorded { payment },
    ] {
        invoice.apply(&event);
    }
    let event = invoice.credit_lines(
        Uuid::from_u128(3),
        &[(ChargeId::from_uuid(Uuid::from_u128(10)), None)],
    );
    let event = event.expect("it was billed");
    assert!(
        matches!(event, Event::Credited { returned: 40, .. }),
        "20 were not paid"
    );
    invoice.apply(&event);
    assert_eq!(
        (
            invoice.billed(),
            invoice.paid(),
            invoice.due(),
            invoice.status()
        ),
        (40, 40, 0, Status::Balanced)
    );
}

#[test]
fn a_draft_is_dropped_and_an_issued_invoice_is_credited() {
    let lines = vec![line(10, 100, 0, 0)];
    let mut invoice = draft(lines.clone());
    assert_eq!(
        invoice.pay(Uuid::nil(), Uuid::nil(), None),
        Err(Refusal::NotIssued)
    );
    let event = invoice.cancel().expect("it is a draft");
    invoice.apply(&event);
    assert_eq!(invoice.status(), Status::Cancelled);
    let mut invoice = issued(lines);
    assert_eq!(invoice.cancel(), Err(Refusal::NotADraft));
    let event = invoice
        .credit_amount(Uuid::nil(), 100)
        .expect("it was billed");
    invoice.apply(&event);
    assert_eq!((invoice.status(), invoice.due()), (Status::Cancelled, 0));
}
