//! An invoice whose insurers are asked, and payers who take their time.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use galen_access::Role;
use galen_billing::charge::model::{ChargeId, PaymentMode};
use galen_billing::claim::{self, Billed, ClaimId, Insurer, Preparation};
use galen_billing::invoice::event::Event;
use galen_billing::invoice::model::{InvoiceId, Line, PayerShare};
use galen_billing::invoice::store as invoices;
use galen_contracts::ids::PatientId;
use galen_service::testing::TestCaller;
use galen_storage::{Tx, ts};
use jiff::SignedDuration;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::hospital::Hospital;

/// A service: what is charged, written off, asked of each insurer, and of the patient.
pub(crate) struct Service {
    pub(crate) code: &'static str,
    pub(crate) written_off: i64,
    pub(crate) insured: Vec<i64>,
    pub(crate) patient: i64,
}

impl Service {
    pub(crate) fn of(code: &'static str, insured: i64, patient: i64) -> Self {
        Self {
            code,
            written_off: 0,
            insured: vec![insured],
            patient,
        }
    }
}

/// An invoice and its claims.
pub(crate) struct Invoiced {
    pub(crate) invoice: Uuid,
    pub(crate) patient: PatientId,
    pub(crate) payers: Vec<Uuid>,
    pub(crate) claims: Vec<ClaimId>,
}

/// Asks insurers, as issuing an invoice does.
pub(crate) async fn invoice(hospital: &Hospital, services: &[Service]) -> Invoiced {
    let clock = &hospital.clock;
    let count = services.iter().map(|s| s.insured.len()).max().unwrap_or(0);
    let payers: Vec<Uuid> = (0..count).map(|_| clock.uuid()).collect();
    let preparation = Preparation {
        invoice: clock.uuid(),
        part: 1,
        patient: clock.id(),
        currency: "EUR".parse().expect("a currency"),
        insurers: payers
            .iter()
            .map(|payer| Insurer {
                payer: *payer,
                plan: "basic".to_owned(),
                plan_version: 1,
                coverage: clock.uuid(),
                timely_filing_days: Some(90),
            })
            .collect(),
        lines: services
            .iter()
            .zip(1..)
            .map(|(service, sequence)| Billed {
                sequence,
                charge_id: clock.uuid(),
                code: service.code.to_owned(),
                category: "VISIT".to_owned(),
                served_at: clock.now() - SignedDuration::from_hours(24),
                visit: clock.uuid(),
                encounter_class: "AMB".to_owned(),
                network: None,
                quantity: 1,
                charge: service.written_off + service.insured.iter().sum::<i64>() + service.patient,
                price: None,
                diagnosis: None,
                written_off: service.written_off,
                insured: service.insured.clone(),
                patient: service.patient,
            })
            .collect(),
    };
    let mut tx = hospital.db.begin().await.expect("a database");
    issued(&mut tx, &preparation).await;
    let prepared = claim::prepare(&mut tx, &preparation, &jiff::tz::TimeZone::UTC)
        .await
        .expect("a new invoice");
    tx.commit().await.expect("a database");
    Invoiced {
        invoice: preparation.invoice,
        patient: preparation.patient,
        payers,
        claims: prepared.into_iter().map(|(id, _)| id).collect(),
    }
}

/// The invoice itself.
async fn issued(tx: &mut Tx, asked: &Preparation) {
    let now = tx.clock().now();
    let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
    for line in &asked.lines {
        sqlx::query(
            "insert into charge (id, patient_id, service_code, encounter_class, payment_mode, quantity, served_at, served_on,
                 status, unit_minor, minor, currency, tariff_id, invoice_id, version, captured_at)
             values ($1, $2, $3, 'AMB', 'INSURANCE', 1, $4, $4::date, 'INVOICED', $5, $5, 'EUR', $1, $6, 1, $4)",
        )
        .bind(line.charge_id)
        .bind(asked.patient.uuid())
        .bind(&line.code)
        .bind(ts(line.served_at))
        .bind(line.charge)
        .bind(asked.invoice)
        .execute(tx.conn())
        .await
        .expect("a charge");
    }
    let lines = asked
        .lines
        .iter()
        .map(|line| Line {
            charge: ChargeId::from_uuid(line.charge_id),
            code: line.code.clone(),
            class: line.encounter_class.clone(),
            quantity: line.quantity,
            served_at: line.served_at,
            served_on: today,
            gross: line.charge,
            contractual: line.written_off,
            denied: 0,
            credited: 0,
            patient: line.patient,
            payers: line
                .insured
                .iter()
                .zip(&asked.insurers)
                .map(|(amount, insurer)| PayerShare {
                    payer: insurer.payer,
                    coverage: insurer.coverage,
                    amount: *amount,
                })
                .collect(),
            reasons: Vec::new(),
            trace: Vec::new(),
        })
        .collect();
    let drafted = Event::Drafted {
        patient: asked.patient,
        mode: PaymentMode::Insurance,
        currency: asked.currency,
        lines,
    };
    let id = InvoiceId::from_uuid(asked.invoice);
    let mut invoice = invoices::begin(tx, id, &drafted).await.expect("a draft");
    let number = invoices::next_number(tx).await.expect("a number");
    let issued = Event::Issued { number, on: today };
    invoices::append(tx, &mut invoice, &[issued])
        .await
        .expect("an invoice");
}

pub(crate) fn billing(hospital: &Hospital) -> TestCaller {
    hospital.api.as_role(Role::Billing)
}

pub(crate) async fn read(hospital: &Hospital, claim: ClaimId) -> Value {
    let reply = billing(hospital).get(&format!("/claims/{claim}")).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body
}

/// Corrects all lines of a claim and submits it.
pub(crate) async fn submit(hospital: &Hospital, claim: ClaimId) -> Value {
    let body = read(hospital, claim).await;
    let lines: Vec<Value> = body["lines"]
        .as_array()
        .expect("lines")
        .iter()
        .map(|line| json!({ "sequence": line["sequence"], "diagnosisCode": "J45.9" }))
        .collect();
    resubmit(hospital, claim, &json!(lines)).await
}

pub(crate) async fn resubmit(hospital: &Hospital, claim: ClaimId, lines: &Value) -> Value {
    let path = format!("/claims/{claim}/resubmit");
    let reply = billing(hospital)
        .post(&path, json!({ "lines": lines }))
        .await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body
}

/// Seconds go by, and the work is done.
pub(crate) async fn pass(hospital: &Hospital, seconds: i64) {
    hospital.clock.advance(SignedDuration::from_secs(seconds));
    claim::work::work(&hospital.billing)
        .await
        .unwrap_or_else(|problem| panic!("{problem:?}"));
}

/// Enough time for everything.
pub(crate) async fn settle(hospital: &Hospital) {
    for _ in 0..30 {
        pass(hospital, 5).await;
    }
}

/// The work, dropped after so many turns; whether it came to its end.
pub(crate) async fn work_until(hospital: &Hospital, turns: u32) -> bool {
    let mut work = pin!(claim::work::work(&hospital.billing));
    let mut left = turns;
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(false);
        }
        left -= 1;
        work.as_mut().poll(cx).map(|done| done.is_ok())
    })
    .await
}

pub(crate) fn id(body: &Value) -> ClaimId {
    let text = body["id"].as_str().expect("an id");
    ClaimId::from_uuid(text.parse().expect("an id"))
}

/// Minor units that were entered into the books between two sorts of accounts.
pub(crate) async fn entered(hospital: &Hospital, debit: &str, credit: &str) -> i64 {
    sqlx::query_scalar(
        "select coalesce(sum(minor), 0)::bigint from journal_entry where debit_kind = $1 and credit_kind = $2",
    )
    .bind(debit)
    .bind(credit)
    .fetch_one(hospital.db.pool())
    .await
    .expect("the database answers")
}

/// Nothing that `galen verify` looks for is there, once the ledger, for which nobody
/// stands in here, has taken what was entered.
pub(crate) async fn is_sound(hospital: &Hospital) {
    sqlx::query("update journal_order set posted_at = entered_at where posted_at is null")
        .execute(hospital.db.pool())
        .await
        .expect("the database answers");
    hospital.is_sound().await;
}
