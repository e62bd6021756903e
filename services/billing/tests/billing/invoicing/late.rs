//! What is asked for late, and what is held for what is not charged.

use std::sync::atomic::Ordering;

use galen_contracts::billing::v1::AppointmentQuoted;
use galen_contracts::convert::to_wire;
use galen_contracts::ids::PatientId;
use galen_contracts::scheduling::v1 as scheduling;
use prost::Message as _;
use serde_json::{Value, json};
use uuid::Uuid;

use super::house::{House, done, eur, text};
use super::prepaying::{ask, question, stands, start, told, wallet};

async fn paid_house() -> (House, PatientId) {
    let house = House::open().await;
    let patient = house.patient();
    house.price("CONSULTATION", 15_000).await;
    house.ledger.wallet(&patient.to_string(), 15_000);
    (house, patient)
}

/// The appointment took place: its charge.
async fn charged(house: &House, appointment: Uuid, patient: PatientId) -> String {
    house.took_place(appointment, patient, false, 1).await;
    let charge: Uuid = sqlx::query_scalar("select id from charge where source_id = $1")
        .bind(appointment)
        .fetch_one(house.platform.db.pool())
        .await
        .expect("a charge");
    charge.to_string()
}

async fn void(house: &House, charge: &str) -> galen_service::testing::Reply {
    let path = format!("/charges/{charge}/void");
    house.clerk().post(&path, Value::Null).await
}

#[tokio::test]
async fn what_was_paid_before_comes_back_when_nothing_is_charged() {
    let (house, patient) = paid_house().await;
    let appointment = ask(&house, patient, 15_000).await;
    let charge = charged(&house, appointment, patient).await;
    assert_eq!(wallet(&house, patient), 0);
    done(void(&house, &charge).await, 200);
    let released = ("RELEASED".to_owned(), 0);
    assert_eq!(stands(&house, appointment).await, released);
    assert_eq!(wallet(&house, patient), 15_000);
    let news = ["prepayment-held", "prepayment-ended"];
    assert_eq!(told(&house, appointment).await, news);
    house.is_sound().await;
}

#[tokio::test]
async fn what_is_charged_instead_is_paid_with_it_or_it_comes_back() {
    let (house, patient) = paid_house().await;
    let appointment = ask(&house, patient, 15_000).await;
    let mut charge = charged(&house, appointment, patient).await;
    for _ in 0..2 {
        let body = json!({
            "patientId": patient, "serviceCode": "CONSULTATION", "replacesId": charge, "reason": "zq",
        });
        let corrected = done(house.clerk().post("/charges", body).await, 201);
        charge = text(&corrected, "id");
        let held = ("HELD".to_owned(), 15_000);
        assert_eq!(stands(&house, appointment).await, held);
    }
    done(void(&house, &charge).await, 200);
    let released = ("RELEASED".to_owned(), 0);
    assert_eq!(stands(&house, appointment).await, released);
    house.is_sound().await;
}

#[tokio::test]
async fn what_is_being_paid_for_a_voided_charge_comes_back() {
    let (house, patient) = paid_house().await;
    house.ledger.mute_payments.store(true, Ordering::SeqCst);
    let appointment = ask(&house, patient, 15_000).await;
    house.ledger.mute_payments.store(false, Ordering::SeqCst);
    let charge = charged(&house, appointment, patient).await;
    done(void(&house, &charge).await, 200);
    house.pass(31).await;
    house.job("billing.prepayments").await;
    let released = ("RELEASED".to_owned(), 0);
    assert_eq!(stands(&house, appointment).await, released);
    assert_eq!(wallet(&house, patient), 15_000);
    house.is_sound().await;
}

#[tokio::test]
async fn voiding_and_invoicing_share_the_money_with_nobody() {
    let (house, patient) = paid_house().await;
    let (mut voided, mut applied) = (0, 0);
    for round in 0..12 {
        let before = wallet(&house, patient);
        let appointment = ask(&house, patient, 1_000).await;
        let charge = charged(&house, appointment, patient).await;
        let invoiced = async {
            let body = json!({ "patientId": patient, "chargeIds": [charge] });
            let draft = house.clerk().post("/invoices", body).await;
            if draft.status != 201 {
                return None;
            }
            let id = text(&draft.body, "id");
            let issue = format!("/invoices/{id}/issue");
            done(house.clerk().post(&issue, Value::Null).await, 200);
            Some(id)
        };
        let voiding = async {
            // The charge is on its way to an invoice, or not yet.
            for _ in 0..round {
                tokio::task::yield_now().await;
            }
            void(&house, &charge).await
        };
        let (invoice, reply) = tokio::join!(invoiced, voiding);
        match (invoice, reply.status.as_u16()) {
            (None, 200) => {
                voided += 1;
                let released = ("RELEASED".to_owned(), 0);
                assert_eq!(stands(&house, appointment).await, released);
                assert_eq!(wallet(&house, patient), before);
            }
            (Some(id), 409) => {
                applied += 1;
                assert_eq!(reply.code(), Some("CHARGE_INVOICED"));
                let used = ("APPLIED".to_owned(), 0);
                assert_eq!(stands(&house, appointment).await, used);
                assert_eq!(house.invoice(&id).await["paid"], eur("10.00"));
            }
            other => panic!("both or none: {other:?} {}", reply.body),
        }
    }
    assert_eq!(voided + applied, 12);
    house.is_sound().await;
}

#[tokio::test]
async fn a_question_that_is_heard_after_the_invoice_or_the_voiding_holds_nothing_for_ever() {
    let (house, patient) = paid_house().await;
    let (billed, voided, ahead) = (house.clock.uuid(), house.clock.uuid(), house.clock.uuid());
    let invoice = house.issued_for(billed, patient, false).await;
    let charge = charged(&house, voided, patient).await;
    done(void(&house, &charge).await, 200);
    for appointment in [billed, voided, ahead] {
        let asked = question(appointment, patient, 5_000, None);
        house.scheduling_tells(&asked).await;
    }
    house.job("billing.prepayments").await;
    assert_eq!(wallet(&house, patient), 0);
    assert_eq!(house.job("billing.prepayments-left").await, 2);
    assert_eq!(house.job("billing.prepayments-left").await, 0);
    assert_eq!(stands(&house, billed).await, ("APPLIED".to_owned(), 0));
    assert_eq!(stands(&house, voided).await, ("RELEASED".to_owned(), 0));
    assert_eq!(stands(&house, ahead).await, ("HELD".to_owned(), 5_000));
    assert_eq!(house.invoice(&invoice).await["paid"], eur("50.00"));
    assert_eq!(wallet(&house, patient), 5_000);
    house.is_sound().await;
}

#[tokio::test]
async fn money_that_turns_up_after_its_invoice_was_credited_comes_back() {
    let (house, patient) = paid_house().await;
    house.ledger.mute_payments.store(true, Ordering::SeqCst);
    let appointment = ask(&house, patient, 15_000).await;
    let id = house.issued_for(appointment, patient, false).await;
    let path = format!("/invoices/{id}/credit-note");
    let all = json!({ "amount": eur("150.00"), "reason": "zq" });
    done(house.clerk().key("a").post(&path, all).await, 200);
    assert_eq!(house.invoice(&id).await["status"], "CANCELLED");
    house.ledger.mute_payments.store(false, Ordering::SeqCst);
    house.pass(6).await;
    house.job("billing.prepayments").await;
    let released = ("RELEASED".to_owned(), 0);
    assert_eq!(stands(&house, appointment).await, released);
    assert_eq!(wallet(&house, patient), 15_000);
    house.is_sound().await;
}

/// What billing says that an appointment costs, when it is asked once more.
async fn quoted(house: &House, patient: PatientId, insured: bool) -> AppointmentQuoted {
    let mode = if insured {
        scheduling::PaymentMode::Insurance
    } else {
        scheduling::PaymentMode::SelfPay
    };
    let appointment = house.clock.uuid();
    let asked = scheduling::QuoteRequested {
        appointment_id: appointment.to_string(),
        process_id: Uuid::new_v5(&appointment, b"process").to_string(),
        command_id: Uuid::new_v5(&appointment, b"command").to_string(),
        patient_id: patient.to_string(),
        start: Some(to_wire(start())),
        service_type: scheduling::ServiceType::Consultation.into(),
        payment_mode: mode.into(),
    };
    house.scheduling_tells(&asked).await;
    let pool = sqlx::PgPool::connect_with(house.database.admin()).await;
    let told: Vec<Vec<u8>> = sqlx::query_scalar(
        "select data from events.event where key = $1 and type = 'galen.billing.appointment-quoted.v1'",
    )
    .bind(appointment.to_string())
    .fetch_all(&pool.expect("the superuser logs in"))
    .await
    .expect("the log is read");
    assert_eq!(told.len(), 1);
    let told = AppointmentQuoted::decode(told[0].as_slice()).expect("an answer");
    assert_eq!(
        (&told.process_id, &told.command_id),
        (&asked.process_id, &asked.command_id)
    );
    told
}

#[tokio::test]
async fn an_appointment_that_was_booked_without_a_price_gets_the_one_of_its_day() {
    let house = House::with(&[("billing.prepayment", "share")]).await;
    let (patient, stranger) = (house.patient(), house.patient());
    let estimate = async |patient, insured| {
        let told = quoted(&house, patient, insured).await;
        told.estimate.expect("an estimate")
    };
    assert!(estimate(patient, false).await.unpriced);
    house.price("CONSULTATION", 15_000).await;
    house.insure(patient).await;
    let alone = estimate(patient, false).await;
    assert_eq!(
        (alone.price, alone.patient, alone.prepayment),
        (15_000, 15_000, 15_000)
    );
    // A deductible of fifty, and twenty percent of the rest.
    let insured = estimate(patient, true).await;
    let shares = (insured.patient, insured.insurer, insured.prepayment);
    assert_eq!(shares, (7_000, 8_000, 7_000));
    assert_eq!((insured.available, insured.unpriced), (None, false));
    house.forget(stranger);
    let nobody = estimate(stranger, true).await;
    assert!(nobody.unpriced, "who is not there waits for no price");
}
