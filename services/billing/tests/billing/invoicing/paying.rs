//! Paying an invoice: money moves once, or not at all, whatever breaks.

use std::sync::atomic::Ordering;

use galen_contracts::securepay::v1::{AccountKind, Money, PaymentCaptured, PaymentFacts};
use serde_json::json;

use super::house::{House, done, eur, text};

#[tokio::test]
async fn a_patient_pays_in_parts_until_nothing_is_due() {
    let house = House::open().await;
    house.price("CONSULTATION", 15000).await;
    let patient = house.patient();
    let id = house.issued(patient, false).await;
    let wallet = house.ledger.wallet(&patient.to_string(), 20000);
    let own = house.api.as_patient(patient);
    let target = (id.as_str(), wallet.as_str());
    let paid = house.pay(&own, "one", target, Some("100.00")).await;
    assert_eq!(
        (paid.status.as_u16(), &paid.body["status"]),
        (201, &json!("CAPTURED")),
        "{}",
        paid.body
    );
    let replay = house.pay(&own, "one", target, Some("100.00")).await;
    assert_eq!(replay.body, paid.body);
    assert_eq!(replay.header("idempotency-replayed"), Some("true"));
    assert_eq!(
        house.pay(&own, "one", target, Some("1.00")).await.status,
        422
    );
    let half = house.invoice(&id).await;
    assert_eq!(
        (&half["status"], &half["due"]),
        (&json!("PARTIALLY_PAID"), &eur("50.00"))
    );
    let more = house.pay(&own, "two", target, Some("50.01")).await;
    assert_eq!(more.code(), Some("MORE_THAN_DUE"));
    assert_eq!(house.pay(&own, "three", target, None).await.status, 201);
    let all = house.invoice(&id).await;
    assert_eq!(
        (&all["status"], &all["due"], &all["paid"]),
        (&json!("BALANCED"), &eur("0.00"), &eur("150.00"))
    );
    assert_eq!(
        house.pay(&own, "four", target, None).await.code(),
        Some("NOTHING_DUE")
    );
    assert_eq!(
        house
            .ledger
            .balance(AccountKind::Wallet, &patient.to_string()),
        5000
    );
    assert_eq!(house.ledger.balance(AccountKind::Receivable, &id), 0);
    house.is_sound().await;
}

#[tokio::test]
async fn twenty_who_pay_one_invoice_at_once_never_pay_too_much() {
    let house = House::open().await;
    house.price("CONSULTATION", 15000).await;
    let patient = house.patient();
    let id = house.issued(patient, false).await;
    let wallet = house.ledger.wallet(&patient.to_string(), 1_000_000);
    let house_ref = &house;
    let (id_ref, wallet_ref) = (id.as_str(), wallet.as_str());
    let own = house.api.as_patient(patient);
    let own = &own;
    let payments = (0..20).map(|n| async move {
        let key = format!("key-{n}");
        let amount = Some("20.00");
        house_ref.pay(own, &key, (id_ref, wallet_ref), amount).await
    });
    let answers = futures::future::join_all(payments).await;
    let paid = answers.iter().filter(|reply| reply.status == 201).count();
    assert_eq!(paid, 7, "of 150.00, seven times 20.00");
    for refused in answers.iter().filter(|reply| reply.status != 201) {
        assert_eq!(refused.code(), Some("MORE_THAN_DUE"), "{}", refused.body);
    }
    assert_eq!(house.invoice(&id).await["due"], eur("10.00"));
    assert_eq!(house.ledger.balance(AccountKind::Receivable, &id), -1000);
    house.is_sound().await;
}

#[tokio::test]
async fn who_has_not_as_much_hears_so_and_owes_as_before() {
    let house = House::open().await;
    house.price("CONSULTATION", 15000).await;
    let patient = house.patient();
    let id = house.issued(patient, false).await;
    let wallet = house.ledger.wallet(&patient.to_string(), 14999);
    let own = house.api.as_patient(patient);
    let target = (id.as_str(), wallet.as_str());
    let refused = house.pay(&own, "one", target, None).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code()),
        (409, Some("INSUFFICIENT_FUNDS"))
    );
    let again = house.pay(&own, "one", target, None).await;
    assert_eq!(
        again.body["paymentId"], refused.body["paymentId"],
        "the same payment"
    );
    let invoice = house.invoice(&id).await;
    assert_eq!(
        (&invoice["status"], &invoice["due"], &invoice["pending"]),
        (&json!("ISSUED"), &eur("150.00"), &eur("0.00"))
    );
    let payments = invoice["payments"].as_array().expect("payments");
    assert_eq!(payments.len(), 1);
    assert_eq!(
        (&payments[0]["status"], &payments[0]["reason"]),
        (&json!("REFUSED"), &json!("INSUFFICIENT_FUNDS"))
    );
    house.ledger.wallet(&patient.to_string(), 1);
    assert_eq!(house.pay(&own, "two", target, None).await.status, 201);
    house.is_sound().await;
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_and_money_moves_once() {
    let house = House::open().await;
    house.price("CONSULTATION", 15000).await;
    let patient = house.patient();
    let id = house.issued(patient, false).await;
    house.job("billing.journal").await;
    let wallet = house.ledger.wallet(&patient.to_string(), 20000);
    let own = house.api.as_patient(patient);
    house.ledger.mute.store(true, Ordering::SeqCst);
    let target = (id.as_str(), wallet.as_str());
    // Nobody knows where its account is either, the first time.
    let unknown = house.pay(&own, "one", target, None).await;
    assert_eq!(
        (unknown.status.as_u16(), &unknown.body["status"]),
        (202, &json!("PENDING")),
        "{}",
        unknown.body
    );
    assert_eq!(house.invoice(&id).await["pending"], eur("150.00"));
    assert_eq!(
        house.pay(&own, "two", target, None).await.code(),
        Some("PAYMENT_UNDER_WAY")
    );
    house.pass(6).await;
    assert_eq!(
        house.job("billing.payments").await,
        0,
        "it still does not hear"
    );
    house.ledger.mute.store(false, Ordering::SeqCst);
    house.pass(6).await;
    assert_eq!(house.job("billing.payments").await, 1);
    let invoice = house.invoice(&id).await;
    assert_eq!(
        (&invoice["status"], &invoice["due"]),
        (&json!("BALANCED"), &eur("0.00"))
    );
    assert_eq!(
        house
            .ledger
            .balance(AccountKind::Wallet, &patient.to_string()),
        5000,
        "once"
    );
    assert_eq!(house.ledger.books().payments.len(), 1);
    house.is_sound().await;
}

#[tokio::test]
async fn what_securepay_tells_itself_completes_a_payment_and_telling_it_again_does_nothing() {
    let house = House::open().await;
    house.price("CONSULTATION", 15000).await;
    let patient = house.patient();
    let id = house.issued(patient, false).await;
    house.job("billing.journal").await;
    let wallet = house.ledger.wallet(&patient.to_string(), 20000);
    house.ledger.mute.store(true, Ordering::SeqCst);
    let own = house.api.as_patient(patient);
    let unknown = house.pay(&own, "one", (&id, &wallet), None).await;
    let payment = text(&unknown.body, "id");
    let captured = PaymentCaptured {
        payment: Some(PaymentFacts {
            payment_id: payment.clone(),
            reference_id: id.clone(),
            ..PaymentFacts::default()
        }),
        captured: Some(Money {
            minor: 15000,
            currency: "EUR".to_owned(),
        }),
    };
    house.securepay_tells(&captured).await;
    house.securepay_tells(&captured).await;
    for reference_id in [String::new(), house.clock.uuid().to_string()] {
        let others = PaymentCaptured {
            payment: Some(PaymentFacts {
                payment_id: house.clock.uuid().to_string(),
                reference_id,
                ..PaymentFacts::default()
            }),
            captured: None,
        };
        house.securepay_tells(&others).await;
    }
    house.ledger.mute.store(false, Ordering::SeqCst);
    let invoice = house.invoice(&id).await;
    assert_eq!(
        (&invoice["status"], &invoice["paid"]),
        (&json!("BALANCED"), &eur("150.00"))
    );
    house.pass(10).await;
    assert_eq!(
        house.job("billing.payments").await,
        0,
        "nothing is left to ask"
    );
    assert_eq!(house.told(&id).await, ["invoice-issued", "invoice-changed"]);
    house.is_sound().await;
}

#[tokio::test]
async fn after_the_deadline_it_is_given_up_only_when_there_is_no_such_payment() {
    let house = House::open().await;
    house.price("CONSULTATION", 15000).await;
    let patient = house.patient();
    let id = house.issued(patient, false).await;
    house.job("billing.journal").await;
    let wallet = house.ledger.wallet(&patient.to_string(), 20000);
    let own = house.api.as_patient(patient);
    // The wallet is looked at before; only the payment does not arrive.
    let path = format!("/invoices/{id}/pay");
    house.ledger.mute.store(true, Ordering::SeqCst);
    let begun = own
        .key("one")
        .post(
            &path,
            json!({ "fromWalletId": wallet, "amount": eur("100.00") }),
        )
        .await;
    let payment = text(&done(begun, 202), "id");
    // As if it had never arrived.
    house.ledger.books().payments.clear();
    house.ledger.wallet(&patient.to_string(), 10000);
    house.ledger.mute.store(false, Ordering::SeqCst);
    let asked = house.ledger.asked.load(Ordering::SeqCst);
    house.pass(301).await;
    assert_eq!(
        house.job("billing.payments").await,
        0,
        "an answer may be on its way"
    );
    house.pass(31).await;
    assert_eq!(house.job("billing.payments").await, 1);
    assert_eq!(
        house.ledger.asked.load(Ordering::SeqCst),
        asked,
        "it is not paid any more"
    );
    let invoice = house.invoice(&id).await;
    assert_eq!(
        (&invoice["due"], &invoice["pending"]),
        (&eur("150.00"), &eur("0.00"))
    );
    assert_eq!(invoice["payments"][0]["reason"], "TIMED_OUT");
    let late = own
        .key("one")
        .post(
            &path,
            json!({ "fromWalletId": wallet, "amount": eur("100.00") }),
        )
        .await;
    assert_eq!(
        late.header("idempotency-replayed"),
        Some("true"),
        "{}",
        late.body
    );

    // It turns up after all: nobody waits for it any more, so it goes back.
    let receivable = house
        .ledger
        .account(AccountKind::Receivable, &id, "EUR")
        .account_id;
    house.ledger.books().payments.insert(
        payment.clone(),
        galen_contracts::securepay::v1::Payment {
            payment_id: payment.clone(),
            from_account_id: wallet.clone(),
            to_account_id: receivable,
            ..galen_contracts::securepay::v1::Payment::default()
        },
    );
    let captured = PaymentCaptured {
        payment: Some(PaymentFacts {
            payment_id: payment,
            reference_id: id.clone(),
            ..PaymentFacts::default()
        }),
        captured: None,
    };
    house.securepay_tells(&captured).await;
    assert_eq!(house.job("billing.payments").await, 1);
    assert_eq!(
        house
            .ledger
            .balance(AccountKind::Wallet, &patient.to_string()),
        30000
    );
    house.pass(10).await;
    assert_eq!(house.job("billing.payments").await, 0);
    house.is_sound().await;
}

#[tokio::test]
async fn patients_pay_their_own_invoices_from_their_own_wallets() {
    let house = House::open().await;
    house.price("CONSULTATION", 15000).await;
    let (patient, other) = (house.patient(), house.patient());
    let id = house.issued(patient, false).await;
    let theirs = house.ledger.wallet(&other.to_string(), 20000);
    let own = house.api.as_patient(patient);
    let refused = house.pay(&own, "one", (&id, &theirs), None).await;
    assert_eq!(
        (refused.status.as_u16(), refused.pointers()),
        (400, vec!["/fromWalletId"])
    );
    let stranger = house.api.as_patient(other);
    assert_eq!(
        house
            .pay(&stranger, "one", (&id, &theirs), None)
            .await
            .status,
        404
    );
    let path = format!("/invoices/{id}/pay");
    let keyless = own.post(&path, json!({ "fromWalletId": theirs })).await;
    assert_eq!(keyless.code(), Some("IDEMPOTENCY_KEY_REQUIRED"));
    for amount in [
        json!({ "amount": "0", "currency": "EUR" }),
        json!({ "amount": "1.001", "currency": "EUR" }),
        json!({ "amount": "1", "currency": "XXX" }),
    ] {
        let body = json!({ "fromWalletId": theirs, "amount": amount });
        assert_eq!(own.key("k").post(&path, body).await.status, 400, "{amount}");
    }
    let revenue = house
        .ledger
        .account(AccountKind::Revenue, "", "EUR")
        .account_id;
    let refused = house
        .pay(&house.clerk(), "two", (&id, &revenue), None)
        .await;
    assert_eq!(refused.pointers(), ["/fromWalletId"], "no wallet");
    // A relative pays at the desk.
    assert_eq!(
        house
            .pay(&house.clerk(), "three", (&id, &theirs), None)
            .await
            .status,
        201
    );
    house.is_sound().await;
}

#[tokio::test]
async fn what_is_entered_while_the_ledger_is_away_is_posted_when_it_is_back() {
    let house = House::open().await;
    house.price("CONSULTATION", 15000).await;
    let patient = house.patient();
    house.ledger.away.store(true, Ordering::SeqCst);
    let id = house.issued(patient, false).await;
    let jobs = galen_service::Service::jobs(&house.billing);
    let job = jobs
        .iter()
        .find(|job| job.name() == "billing.journal")
        .expect("a job");
    assert_eq!(
        job.run_once().await.map_err(|problem| problem.status),
        Err(503)
    );
    house.ledger.away.store(false, Ordering::SeqCst);
    // The answer to the first is lost: the same transfer is sent again, and moves nothing.
    house.ledger.account(AccountKind::Revenue, "", "EUR");
    assert_eq!(house.job("billing.journal").await, 1);
    assert_eq!(house.job("billing.journal").await, 0);
    assert_eq!(house.ledger.balance(AccountKind::Receivable, &id), -15000);
    house.is_sound().await;
}
