//! What patients pay before appointments.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use galen_billing::Billing;
use galen_contracts::convert::to_wire;
use galen_contracts::ids::PatientId;
use galen_contracts::scheduling::v1 as scheduling;
use galen_contracts::securepay::v1::{AccountKind, Money, PaymentCaptured, PaymentFacts};
use galen_kernel::Timestamp;
use galen_service::Service as _;
use jiff::SignedDuration;
use serde_json::{Value, json};
use uuid::Uuid;

use super::house::{House, eur, text};

const FEES: &[(&str, &str)] = &[
    ("billing.late-cancellation-fee", "50"),
    ("billing.no-show-fee", "100"),
];
const DAY: i64 = 24 * 60 * 60;

/// Three days ahead.
pub(super) fn start() -> Timestamp {
    let monday: Timestamp = super::house::MONDAY.parse().expect("an instant");
    monday + SignedDuration::from_hours(72)
}

pub(super) fn facts(appointment: Uuid, patient: PatientId) -> Option<scheduling::Appointment> {
    Some(scheduling::Appointment {
        appointment_id: appointment.to_string(),
        patient_id: patient.to_string(),
        practitioner_id: Uuid::nil().to_string(),
        start: Some(to_wire(start())),
        end: Some(to_wire(start())),
        service_type: scheduling::ServiceType::Consultation.into(),
        payment_mode: scheduling::PaymentMode::SelfPay.into(),
        version: 1,
    })
}

pub(super) fn question(
    appointment: Uuid,
    patient: PatientId,
    minor: i64,
    replaces: Option<Uuid>,
) -> scheduling::PrepaymentRequested {
    scheduling::PrepaymentRequested {
        appointment_id: appointment.to_string(),
        process_id: Uuid::new_v5(&appointment, b"process").to_string(),
        command_id: Uuid::new_v5(&appointment, b"command").to_string(),
        patient_id: patient.to_string(),
        amount: Some(Money {
            minor,
            currency: "EUR".to_owned(),
        }),
        start: Some(to_wire(start())),
        end: Some(to_wire(start())),
        replaces_id: replaces.map(|id| id.to_string()).unwrap_or_default(),
    }
}

/// The booking process asks, and billing asks SecurePay.
pub(super) async fn ask(house: &House, patient: PatientId, minor: i64) -> Uuid {
    let appointment = house.clock.uuid();
    let asked = question(appointment, patient, minor, None);
    house.scheduling_tells(&asked).await;
    house.job("billing.prepayments").await;
    appointment
}

async fn cancel(house: &House, appointment: Uuid, patient: PatientId, by: &str, reason: &str) {
    let event = scheduling::AppointmentCancelled {
        appointment: facts(appointment, patient),
        reason_code: reason.to_owned(),
        cancelled_by: by.to_owned(),
    };
    house.scheduling_tells(&event).await;
}

async fn reschedule(house: &House, old: Uuid, new: Uuid, patient: PatientId) {
    let event = scheduling::AppointmentRescheduled {
        appointment: facts(old, patient),
        replaced_by_id: new.to_string(),
    };
    house.scheduling_tells(&event).await;
}

/// Where it stands and what is held, after everything was posted.
pub(super) async fn stands(house: &House, appointment: Uuid) -> (String, i64) {
    house.job("billing.journal").await;
    let found: (String, i64) =
        sqlx::query_as("select status, held from prepayment where appointment_id = $1")
            .bind(appointment)
            .fetch_one(house.platform.db.pool())
            .await
            .expect("a prepayment");
    let booked = house
        .ledger
        .balance(AccountKind::Deposit, &appointment.to_string());
    assert_eq!(booked, found.1, "the ledger holds what billing says");
    found
}

pub(super) fn wallet(house: &House, patient: PatientId) -> i64 {
    house
        .ledger
        .balance(AccountKind::Wallet, &patient.to_string())
}

fn revenue(house: &House) -> i64 {
    house.ledger.balance(AccountKind::Revenue, "")
}

pub(super) async fn told(house: &House, appointment: Uuid) -> Vec<String> {
    let mut told = house.told(&appointment.to_string()).await;
    told.retain(|name| name.starts_with("prepayment-"));
    told
}

#[tokio::test]
async fn of_a_hundred_bookings_as_many_are_paid_as_there_is_money_for() {
    let house = House::open().await;
    let patient = house.patient();
    house
        .ledger
        .wallet(&patient.to_string(), 37 * 3_000 + 2_999);
    let appointments: Vec<Uuid> = (0..100).map(|_| house.clock.uuid()).collect();
    let questions: Vec<_> = appointments
        .iter()
        .map(|id| question(*id, patient, 3_000, None))
        .collect();
    futures::future::join_all(questions.iter().map(|asked| house.scheduling_tells(asked))).await;
    house.job("billing.prepayments").await;
    let (mut held, mut refused) = (0, 0);
    for appointment in appointments {
        match stands(&house, appointment).await {
            (status, 3_000) if status == "HELD" => {
                held += 1;
                assert_eq!(told(&house, appointment).await, ["prepayment-held"]);
            }
            (status, 0) if status == "REFUSED" => {
                refused += 1;
                assert_eq!(told(&house, appointment).await, ["prepayment-refused"]);
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((held, refused, wallet(&house, patient)), (37, 63, 2_999));
    house.is_sound().await;
}

#[tokio::test]
async fn whoever_has_no_wallet_cannot_pay_before() {
    let house = House::open().await;
    let appointment = ask(&house, house.patient(), 3_000).await;
    assert_eq!(stands(&house, appointment).await, ("REFUSED".to_owned(), 0));
    let why: String = sqlx::query_scalar("select refusal from prepayment")
        .fetch_one(house.platform.db.pool())
        .await
        .expect("a reason");
    assert_eq!(why, "NO_WALLET");
    assert_eq!(house.ledger.asked.load(Ordering::SeqCst), 0);
    house.is_sound().await;
}

#[tokio::test]
async fn a_repeated_question_is_answered_again_and_paid_once() {
    let house = House::open().await;
    let patient = house.patient();
    house.ledger.wallet(&patient.to_string(), 10_000);
    let appointment = ask(&house, patient, 3_000).await;
    let again = question(appointment, patient, 3_000, None);
    house.scheduling_tells(&again).await;
    house.job("billing.prepayments").await;
    assert_eq!(
        stands(&house, appointment).await,
        ("HELD".to_owned(), 3_000)
    );
    assert_eq!(told(&house, appointment).await, ["prepayment-held"; 2]);
    assert_eq!(wallet(&house, patient), 7_000);
    house.is_sound().await;
}

#[tokio::test]
async fn an_answer_that_is_lost_is_asked_for_again_also_by_another_instance() {
    let house = House::open().await;
    let patient = house.patient();
    house.ledger.wallet(&patient.to_string(), 10_000);
    // Nothing reaches SecurePay; then it chooses the wallet, pays, and nobody hears of it.
    house.ledger.away.store(true, Ordering::SeqCst);
    let appointment = ask(&house, patient, 3_000).await;
    assert_eq!(told(&house, appointment).await, Vec::<String>::new());
    house.ledger.away.store(false, Ordering::SeqCst);
    house.pass(6).await;
    // The account of the appointment is known, so that the payment is all that is lost.
    house
        .ledger
        .account(AccountKind::Deposit, &appointment.to_string(), "EUR");
    let paid = async {
        house.job("billing.prepayments").await;
    };
    house.ledger.mute_payments.store(true, Ordering::SeqCst);
    paid.await;
    assert_eq!(told(&house, appointment).await, Vec::<String>::new());
    assert_eq!(wallet(&house, patient), 7_000, "it was paid");
    house.ledger.mute_payments.store(false, Ordering::SeqCst);
    house.clock.advance(SignedDuration::from_secs(6));
    let other = Billing::start(house.platform.clone()).await;
    let other = Arc::new(other.expect("another instance starts"));
    let jobs = other.jobs();
    let job = jobs.iter().find(|job| job.name() == "billing.prepayments");
    job.expect("a job").run_once().await.expect("it runs");
    assert_eq!(
        stands(&house, appointment).await,
        ("HELD".to_owned(), 3_000)
    );
    assert_eq!(wallet(&house, patient), 7_000, "once");
    house.is_sound().await;
}

#[tokio::test]
async fn what_nobody_answers_until_the_deadline_is_looked_for_before_it_is_given_up() {
    let house = House::open().await;
    let patient = house.patient();
    house.ledger.wallet(&patient.to_string(), 10_000);
    house.ledger.mute_payments.store(true, Ordering::SeqCst);
    let paid = ask(&house, patient, 3_000).await;
    house.ledger.mute_payments.store(false, Ordering::SeqCst);
    house.ledger.away.store(true, Ordering::SeqCst);
    let unpaid = ask(&house, patient, 3_000).await;
    house.pass(3_600).await;
    house.job("billing.prepayments").await;
    assert_eq!(told(&house, unpaid).await, ["prepayment-refused"]);
    assert_eq!(
        told(&house, paid).await,
        Vec::<String>::new(),
        "it may be paid"
    );
    house.ledger.away.store(false, Ordering::SeqCst);
    house.pass(40).await;
    house.job("billing.prepayments").await;
    assert_eq!(stands(&house, paid).await, ("HELD".to_owned(), 3_000));
    assert_eq!(stands(&house, unpaid).await, ("EXPIRED".to_owned(), 0));
    assert_eq!(wallet(&house, patient), 7_000);
    house.is_sound().await;
}

#[tokio::test]
async fn what_is_cancelled_goes_back_but_for_the_fee_of_who_is_late() {
    let house = House::with(FEES).await;
    let patient = house.patient();
    house.ledger.wallet(&patient.to_string(), 20_000);
    let mut appointments = Vec::new();
    for _ in 0..4 {
        appointments.push(ask(&house, patient, 3_001).await);
    }
    cancel(
        &house,
        appointments[0],
        patient,
        "PATIENT",
        "PATIENT_REQUEST",
    )
    .await;
    house.pass(2 * DAY + 3_600).await;
    cancel(
        &house,
        appointments[1],
        patient,
        "SYSTEM",
        "PRACTITIONER_UNAVAILABLE",
    )
    .await;
    cancel(
        &house,
        appointments[2],
        patient,
        "PATIENT",
        "PATIENT_REQUEST",
    )
    .await;
    cancel(&house, appointments[3], patient, "STAFF", "PATIENT_REQUEST").await;
    let mut found = Vec::new();
    for appointment in &appointments {
        found.push(stands(&house, *appointment).await);
        assert_eq!(
            told(&house, *appointment).await,
            ["prepayment-held", "prepayment-ended"]
        );
    }
    let outcomes: Vec<&str> = found.iter().map(|(status, _)| status.as_str()).collect();
    assert_eq!(outcomes, ["RELEASED", "RELEASED", "FORFEITED", "FORFEITED"]);
    // Half of 30.01 is 15.00: what cannot be divided is the patient's.
    assert_eq!((wallet(&house, patient), revenue(&house)), (17_000, 3_000));
    house.is_sound().await;
}

#[tokio::test]
async fn what_is_called_off_while_it_is_being_paid_comes_back() {
    let house = House::open().await;
    let patient = house.patient();
    house.ledger.wallet(&patient.to_string(), 3_000);
    house.ledger.mute_payments.store(true, Ordering::SeqCst);
    let appointment = ask(&house, patient, 3_000).await;
    house.ledger.mute_payments.store(false, Ordering::SeqCst);
    cancel(&house, appointment, patient, "SYSTEM", "PATIENT_ERASED").await;
    assert_eq!(told(&house, appointment).await, Vec::<String>::new());
    house.pass(31).await;
    house.job("billing.prepayments").await;
    assert_eq!(
        stands(&house, appointment).await,
        ("RELEASED".to_owned(), 0)
    );
    assert_eq!(wallet(&house, patient), 3_000);
    assert_eq!(told(&house, appointment).await, ["prepayment-ended"]);
    house.is_sound().await;
}

#[tokio::test]
async fn the_ledgers_own_word_is_as_good_as_an_answer_and_counts_once() {
    let house = House::open().await;
    let patient = house.patient();
    house.ledger.wallet(&patient.to_string(), 3_000);
    house.ledger.mute_payments.store(true, Ordering::SeqCst);
    let appointment = ask(&house, patient, 3_000).await;
    let id: Uuid = sqlx::query_scalar("select id from prepayment")
        .fetch_one(house.platform.db.pool())
        .await
        .expect("a prepayment");
    let event = PaymentCaptured {
        payment: Some(PaymentFacts {
            payment_id: id.to_string(),
            reference_id: appointment.to_string(),
            ..PaymentFacts::default()
        }),
        captured: None,
    };
    for _ in 0..2 {
        house.securepay_tells(&event).await;
    }
    assert_eq!(
        stands(&house, appointment).await,
        ("HELD".to_owned(), 3_000)
    );
    assert_eq!(told(&house, appointment).await, ["prepayment-held"]);
    house.is_sound().await;
}

#[tokio::test]
async fn who_does_not_come_pays_the_fee_unless_that_was_a_mistake() {
    let house = House::with(FEES).await;
    let patient = house.patient();
    house.ledger.wallet(&patient.to_string(), 9_000);
    let (absent, early, late) = (
        ask(&house, patient, 3_000).await,
        ask(&house, patient, 3_000).await,
        ask(&house, patient, 3_000).await,
    );
    house.pass(3 * DAY).await;
    for id in [absent, early, late] {
        let appointment = facts(id, patient);
        let missed = scheduling::AppointmentMissed { appointment };
        house.scheduling_tells(&missed).await;
    }
    assert_eq!(stands(&house, early).await, ("MISSED".to_owned(), 3_000));
    let came = |id| scheduling::NoShowReverted {
        appointment: facts(id, patient),
    };
    house.scheduling_tells(&came(early)).await;
    house.pass(DAY).await;
    house.job("billing.prepayments").await;
    assert_eq!(stands(&house, absent).await, ("FORFEITED".to_owned(), 0));
    assert_eq!(stands(&house, early).await, ("HELD".to_owned(), 3_000));
    assert_eq!(stands(&house, late).await, ("FORFEITED".to_owned(), 0));
    assert_eq!(revenue(&house), 6_000);
    house.scheduling_tells(&came(late)).await;
    assert_eq!(stands(&house, late).await, ("HELD".to_owned(), 3_000));
    assert_eq!((revenue(&house), wallet(&house, patient)), (3_000, 0));
    house.is_sound().await;
}

#[tokio::test]
async fn it_follows_the_appointment_and_the_difference_is_paid_or_comes_back() {
    let house = House::open().await;
    let patient = house.patient();
    house.ledger.wallet(&patient.to_string(), 10_000);
    for told_first in [false, true] {
        let old = ask(&house, patient, 3_000).await;
        let (dearer, cheaper) = (house.clock.uuid(), house.clock.uuid());
        for (from, to, minor) in [(old, dearer, 5_000), (dearer, cheaper, 1_000)] {
            if told_first {
                reschedule(&house, from, to, patient).await;
            }
            let asked = question(to, patient, minor, Some(from));
            house.scheduling_tells(&asked).await;
            reschedule(&house, from, to, patient).await;
            house.job("billing.prepayments").await;
            assert_eq!(stands(&house, from).await, ("MOVED".to_owned(), 0));
            assert_eq!(stands(&house, to).await, ("HELD".to_owned(), minor));
        }
        cancel(&house, cheaper, patient, "STAFF", "ADMINISTRATIVE").await;
        assert_eq!(stands(&house, cheaper).await, ("RELEASED".to_owned(), 0));
        assert_eq!(wallet(&house, patient), 10_000);
    }
    // Without another question it follows as it is.
    let old = ask(&house, patient, 3_000).await;
    let new = house.clock.uuid();
    reschedule(&house, old, new, patient).await;
    assert_eq!(stands(&house, new).await, ("HELD".to_owned(), 3_000));
    // What cannot be paid in full is not kept in part.
    let dear = house.clock.uuid();
    let asked = question(dear, patient, 99_000, Some(new));
    house.scheduling_tells(&asked).await;
    house.job("billing.prepayments").await;
    assert_eq!(stands(&house, dear).await, ("REFUSED".to_owned(), 0));
    assert_eq!(wallet(&house, patient), 10_000);
    house.is_sound().await;
}

#[tokio::test]
async fn what_was_done_is_paid_with_it_and_the_rest_comes_back() {
    let house = House::open().await;
    let patient = house.patient();
    house.price("CONSULTATION", 15_000).await;
    house.ledger.wallet(&patient.to_string(), 40_000);
    for (minor, paid, due, rest) in [
        (3_000, "30.00", "120.00", 0),
        (20_000, "150.00", "0.00", 5_000),
    ] {
        let before = wallet(&house, patient);
        let appointment = ask(&house, patient, minor).await;
        let id = house.issued_for(appointment, patient, false).await;
        let invoice = house.invoice(&id).await;
        assert_eq!((&invoice["paid"], &invoice["due"]), (&eur(paid), &eur(due)));
        let payment = &invoice["payments"][0];
        assert_eq!(
            (&payment["method"], &payment["status"], &payment["amount"]),
            (&json!("PREPAYMENT"), &json!("CAPTURED"), &eur(paid))
        );
        assert_eq!(payment["fromWalletId"], Value::Null);
        assert_eq!(stands(&house, appointment).await, ("APPLIED".to_owned(), 0));
        assert_eq!(wallet(&house, patient), before - minor + rest);
        let owed = house.ledger.balance(AccountKind::Receivable, &id);
        assert_eq!(owed, if due == "0.00" { 0 } else { -12_000 });
    }
    assert_eq!(revenue(&house), 30_000);
    house.is_sound().await;
}

#[tokio::test]
async fn an_invoice_is_paid_when_the_money_turns_up_after_it_was_issued() {
    let house = House::open().await;
    let patient = house.patient();
    house.price("CONSULTATION", 15_000).await;
    house.ledger.wallet(&patient.to_string(), 15_000);
    house.ledger.mute_payments.store(true, Ordering::SeqCst);
    let appointment = ask(&house, patient, 15_000).await;
    let id = house.issued_for(appointment, patient, false).await;
    assert_eq!(house.invoice(&id).await["due"], eur("150.00"));
    house.ledger.mute_payments.store(false, Ordering::SeqCst);
    house.pass(6).await;
    house.job("billing.prepayments").await;
    let invoice = house.invoice(&id).await;
    assert_eq!(
        (text(&invoice, "status"), &invoice["due"]),
        ("BALANCED".to_owned(), &eur("0.00"))
    );
    assert_eq!(stands(&house, appointment).await, ("APPLIED".to_owned(), 0));
    house.is_sound().await;
}

#[tokio::test]
async fn an_invoice_being_issued_and_a_cancellation_share_the_money_with_nobody() {
    let house = House::open().await;
    let patient = house.patient();
    house.price("CONSULTATION", 15_000).await;
    house.ledger.wallet(&patient.to_string(), 15_000);
    let appointment = ask(&house, patient, 15_000).await;
    let (_, id) = tokio::join!(
        cancel(&house, appointment, patient, "STAFF", "ADMINISTRATIVE"),
        house.issued_for(appointment, patient, false)
    );
    let (status, held) = stands(&house, appointment).await;
    let paid = &house.invoice(&id).await["paid"];
    match status.as_str() {
        "APPLIED" => assert_eq!((paid, wallet(&house, patient)), (&eur("150.00"), 0)),
        "RELEASED" => assert_eq!((paid, wallet(&house, patient)), (&eur("0.00"), 15_000)),
        other => panic!("{other} {held}"),
    }
    house.is_sound().await;
}

#[tokio::test]
async fn a_look_before_booking_counts_the_wallet_and_what_was_paid_for_the_old_time() {
    let house = House::with(&[("billing.prepayment", "full")]).await;
    let patient = house.patient();
    house.price("CONSULTATION", 15_000).await;
    let estimate = async |replaces: Option<Uuid>| {
        use galen_contracts::billing::v1::pricing_server::Pricing as _;
        let asked = galen_contracts::billing::v1::EstimateAppointmentRequest {
            patient_id: patient.to_string(),
            service_type: "CONSULTATION".to_owned(),
            start: Some(to_wire(start())),
            payment_mode: "SELF_PAY".to_owned(),
            replaces_id: replaces.map(|id| id.to_string()).unwrap_or_default(),
        };
        let prices = galen_billing::cover::rpc::Prices(Arc::clone(&house.billing));
        let told = prices
            .estimate_appointment(tonic::Request::new(asked))
            .await;
        let told = told.expect("an answer").into_inner();
        (told.prepayment, told.available)
    };
    assert_eq!(estimate(None).await, (15_000, Some(0)));
    house.ledger.wallet(&patient.to_string(), 16_000);
    assert_eq!(estimate(None).await, (15_000, Some(16_000)));
    let old = ask(&house, patient, 15_000).await;
    assert_eq!(estimate(None).await, (15_000, Some(1_000)));
    assert_eq!(estimate(Some(old)).await, (15_000, Some(16_000)));
    house.ledger.away.store(true, Ordering::SeqCst);
    assert_eq!(estimate(None).await, (15_000, None), "nobody knows");
}
