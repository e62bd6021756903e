//! Documents on paper, read back as anybody would.

use axum::http::header;
use galen_access::Role;
use galen_contracts::ids::PatientId;
use galen_service::testing::{Reply, TestCaller};
use lopdf::Document;
use serde_json::{Value, json};

use super::house::{House, done, eur, text};

/// Asks for a document as a browser does.
async fn pdf(caller: &TestCaller, path: &str) -> Reply {
    let caller = caller.with_header(header::ACCEPT, "application/pdf");
    caller.get(path).await
}

/// The text of a document, page by page, with single spaces.
fn pages(reply: &Reply) -> Vec<String> {
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(reply.header("content-type"), Some("application/pdf"));
    let document = Document::load_mem(&reply.bytes).expect("a PDF");
    document
        .get_pages()
        .keys()
        .map(|page| {
            let text = document.extract_text(&[*page]).expect("text");
            text.split_whitespace().collect::<Vec<_>>().join(" ")
        })
        .collect()
}

#[track_caller]
fn says(page: &str, wanted: &[&str]) {
    for wanted in wanted {
        assert!(page.contains(wanted), "{wanted:?} is not in {page:?}");
    }
}

#[tokio::test]
async fn an_invoice_is_printed_with_everything_that_is_asked_for() {
    let house = House::open().await;
    house.price("CONSULTATION", 123_450).await;
    let patient = house.patient();
    house.insure(patient).await;
    let id = house.issued(patient, true).await;
    let path = format!("/invoices/{id}");
    let reply = pdf(&house.api.as_patient(patient), &path).await;
    let printed = pages(&reply);
    assert_eq!(printed.len(), 1);
    says(
        &printed[0],
        &[
            "Galen Hospital",
            "Zeynep Yılmaz",
            "Atatürk Caddesi 1",
            "06100 Ankara",
            "MRN-0000042",
            "Invoice INV-00000001",
            "2 March 2026",
            "1 April 2026",
            "CONSULTATION",
            "1,234.50",
            "Deductible 50.00; your share (coinsurance) 236.90",
            "Asked of Payer -947.60",
            "Share of the patient 286.90",
            "Please pay EUR 286.90 by 1 April 2026",
            "Page 1 of 1",
        ],
    );
    let again = pdf(&house.clerk(), &path).await;
    assert_eq!(again.bytes, reply.bytes, "the same invoice, the same bytes");
    assert_eq!(
        reply.header("content-disposition"),
        Some("inline; filename=\"INV-00000001.pdf\"")
    );
    assert_eq!(reply.header("vary"), Some("accept"));
    let file = Document::load_mem(&reply.bytes).expect("a PDF");
    assert!(
        String::from_utf8_lossy(&reply.bytes).contains("<pdfaid:part>2</pdfaid:part>"),
        "it says that it can be kept"
    );
    assert!(file.trailer.get(b"ID").is_ok());
}

#[tokio::test]
async fn what_is_sent_is_what_the_client_wants_most() {
    let house = House::open().await;
    house.price("CONSULTATION", 15000).await;
    let patient = house.patient();
    let id = house.issued(patient, false).await;
    let path = format!("/invoices/{id}");
    for (accept, status, sent) in [
        (
            "application/pdf;q=0.9, application/json",
            200,
            "application/json",
        ),
        (
            "application/pdf, application/json;q=0.9",
            200,
            "application/pdf",
        ),
        ("text/html, */*;q=0.1", 200, "application/json"),
        ("application/json;q=0, */*", 200, "application/pdf"),
        ("text/html", 406, "application/problem+json"),
        ("nonsense", 406, "application/problem+json"),
        (
            "application/pdf;q=0, application/json;q=0",
            406,
            "application/problem+json",
        ),
    ] {
        let caller = house.clerk().with_header(header::ACCEPT, accept);
        let reply = caller.get(&path).await;
        assert_eq!(
            (reply.status.as_u16(), reply.header("content-type")),
            (status, Some(sent)),
            "{accept}"
        );
        if status == 406 {
            assert_eq!(reply.code(), Some("NOT_ACCEPTABLE"));
        }
    }
}

#[tokio::test]
async fn printing_reaches_as_far_as_reading_and_is_written_down() {
    let house = House::open().await;
    house.price("CONSULTATION", 15000).await;
    let (patient, other) = (house.patient(), house.patient());
    let id = house.issued(patient, false).await;
    let path = format!("/invoices/{id}");
    let stranger = pdf(&house.api.as_patient(other), &path).await;
    assert_eq!(stranger.status, 404, "404, not 406 or 403");
    let doctor = pdf(&house.api.as_role(Role::Doctor), &path).await;
    assert_eq!(doctor.status, 403);
    assert_eq!(pdf(&house.api.anonymous(), &path).await.status, 401);
    assert_eq!(pdf(&house.clerk(), &path).await.status, 200);
    let statement = format!("/accounts/{patient}/statement");
    assert_eq!(pdf(&house.clerk(), &statement).await.status, 200);
    assert_eq!(
        pdf(&house.api.as_patient(other), &statement).await.status,
        404
    );
    let seen = house.api.audited();
    for route in ["/invoices/{id}", "/accounts/{patientId}/statement"] {
        let shown = seen
            .iter()
            .any(|entry| entry.action.contains(route) && entry.patients.contains(&patient.uuid()));
        assert!(shown, "{route}");
    }
}

#[tokio::test]
async fn a_long_invoice_goes_on_and_a_draft_says_that_it_is_one() {
    let house = House::open().await;
    house.price("CONSULTATION", 15000).await;
    let patient = house.patient();
    let mut charges = Vec::new();
    for _ in 0..200 {
        house.fulfilled(patient, false, 1).await;
    }
    let page = done(
        house
            .clerk()
            .get(&format!("/charges?patientId={patient}&limit=200"))
            .await,
        200,
    );
    for charge in page["items"].as_array().expect("items") {
        charges.push(charge["id"].clone());
    }
    assert_eq!(charges.len(), 200);
    let body = json!({ "patientId": patient, "chargeIds": charges });
    let draft = done(house.clerk().post("/invoices", body).await, 201);
    let path = format!("/invoices/{}", text(&draft, "id"));
    let printed = pages(&pdf(&house.clerk(), &path).await);
    let whole = printed.join(" ");
    says(
        &whole,
        &["Draft of an invoice", "This is a draft.", "30,000.00"],
    );
    assert!(!whole.contains("INV-"), "a draft has no number");
    assert!((6..=14).contains(&printed.len()), "{} pages", printed.len());
    for (page, number) in printed.iter().zip(1..) {
        says(page, &[&format!("Page {number} of {}", printed.len())]);
        if page.contains("CONSULTATION") {
            says(page, &["Unit price"]);
        }
    }
    let rows = printed
        .iter()
        .map(|page| page.matches("CONSULTATION").count());
    assert_eq!(rows.sum::<usize>(), 200, "every line, once");
    done(
        house
            .clerk()
            .post(&format!("{path}/issue"), Value::Null)
            .await,
        200,
    );
    let issued = pages(&pdf(&house.clerk(), &path).await).join(" ");
    says(
        &issued,
        &["Invoice INV-00000001", "Please pay EUR 30,000.00"],
    );
}

#[tokio::test]
async fn a_settled_payment_has_a_receipt() {
    let house = House::open().await;
    house.price("CONSULTATION", 15000).await;
    let (patient, other) = (house.patient(), house.patient());
    let id = house.issued(patient, false).await;
    let wallet = house.ledger.wallet(&patient.to_string(), 10000);
    let own = house.api.as_patient(patient);
    let target = (id.as_str(), wallet.as_str());
    let refused = house.pay(&own, "zero", target, Some("150.00")).await;
    let refused = text(&refused.body, "paymentId");
    let paid = done(house.pay(&own, "one", target, Some("60.00")).await, 201);
    let first = format!("/invoices/{id}/payments/{}/receipt", text(&paid, "id"));
    let reply = pdf(&own, &first).await;
    let printed = pages(&reply).join(" ");
    says(
        &printed,
        &[
            "Receipt INV-00000001-R2",
            "Received EUR 60.00",
            "Still to be paid then EUR 90.00",
            "Zeynep Yılmaz",
            &text(&paid, "id"),
        ],
    );
    done(house.pay(&own, "two", target, Some("40.00")).await, 201);
    assert_eq!(
        pdf(&own, &first).await.bytes,
        reply.bytes,
        "later payments do not change a receipt"
    );
    let invoice = pages(&pdf(&own, &format!("/invoices/{id}")).await).join(" ");
    says(
        &invoice,
        &[
            "INV-00000001-R2",
            "INV-00000001-R3",
            "To be paid in EUR 50.00",
        ],
    );
    assert!(
        !invoice.contains("INV-00000001-R1"),
        "what was refused is no payment"
    );

    let receipt = |payment: &str| format!("/invoices/{id}/payments/{payment}/receipt");
    let none = pdf(&own, &receipt(&refused)).await;
    assert_eq!(
        (none.status.as_u16(), none.code()),
        (409, Some("PAYMENT_NOT_SETTLED"))
    );
    let unknown = receipt(&house.clock.uuid().to_string());
    assert_eq!(pdf(&own, &unknown).await.status, 404);
    assert_eq!(pdf(&house.api.as_patient(other), &first).await.status, 404);
    let json = own.with_header(header::ACCEPT, "application/json");
    assert_eq!(json.get(&first).await.status, 406);
}

#[tokio::test]
async fn a_credit_note_is_printed_with_its_reason() {
    let house = House::open().await;
    house.price("CONSULTATION", 15000).await;
    let patient = house.patient();
    let id = house.issued(patient, false).await;
    let body = json!({ "amount": eur("30.00"), "reason": "Charged too much" });
    let path = format!("/invoices/{id}/credit-note");
    let credited = done(house.clerk().key("credit").post(&path, body).await, 200);
    let note = text(&credited["adjustments"][0], "id");
    let path = format!("/invoices/{id}/adjustments/{note}/credit-note");
    let printed = pages(&pdf(&house.api.as_patient(patient), &path).await).join(" ");
    says(
        &printed,
        &[
            "Credit note INV-00000001-C1",
            "For invoice INV-00000001",
            "Reason: Charged too much",
            "CONSULTATION 30.00",
            "Credited in EUR 30.00",
        ],
    );
    let body = json!({ "amount": eur("1.00"), "reason": "small" });
    let path = format!("/invoices/{id}/write-off");
    let asked = done(house.clerk().post(&path, body).await, 201);
    let none = format!(
        "/invoices/{id}/adjustments/{}/credit-note",
        text(&asked, "id")
    );
    assert_eq!(pdf(&house.clerk(), &none).await.status, 404);
}

#[tokio::test]
async fn services_are_called_by_their_names_and_the_erased_by_none() {
    let house = House::open().await;
    let tariff = json!({
        "serviceCode": "CONSULTATION", "name": "Consultation, 20 minutes",
        "price": eur("150.00"), "validFrom": "2026-01-01",
    });
    let admin = house.api.as_role(Role::Admin);
    let set = done(admin.post("/tariffs", tariff).await, 201);
    assert_eq!(set["name"], "Consultation, 20 minutes");
    let patient = house.patient();
    let id = house.issued(patient, false).await;
    let path = format!("/invoices/{id}");
    let printed = pages(&pdf(&house.clerk(), &path).await).join(" ");
    says(&printed, &["Consultation, 20 minutes (CONSULTATION)"]);
    house.forget(patient);
    let erased = pages(&pdf(&house.clerk(), &path).await).join(" ");
    says(&erased, &["Data erased", "150.00"]);
    assert!(!erased.contains("Yılmaz"));
}

#[tokio::test]
async fn a_statement_agrees_with_the_ledger() {
    let house = House::open().await;
    house.price("CONSULTATION", 15000).await;
    let patient = house.patient();
    let path = format!("/accounts/{patient}/statement");
    let own = house.api.as_patient(patient);
    let empty = done(own.get(&path).await, 200);
    assert_eq!(empty["accounts"], json!([]));
    says(
        &pages(&pdf(&own, &path).await).join(" "),
        &[
            "Statement of account",
            "Until then you were not asked for anything.",
        ],
    );

    let wallet = house.ledger.wallet(&patient.to_string(), 50000);
    let first = house.issued(patient, false).await;
    let paid = done(
        house
            .pay(&own, "one", (&first, &wallet), Some("100.00"))
            .await,
        201,
    );
    house.pass(40 * 86_400).await;
    let second = house.issued(patient, false).await;
    house.pass(60).await;
    let clerk = house.clerk();
    let credit = json!({ "amount": eur("120.00"), "reason": "wrong" });
    let credit_path = format!("/invoices/{first}/credit-note");
    done(clerk.key("credit").post(&credit_path, credit).await, 200);
    let refund = json!({ "paymentId": paid["id"], "amount": eur("20.00"), "reason": "kind" });
    let asked = done(
        clerk
            .post(&format!("/invoices/{first}/refund"), refund)
            .await,
        201,
    );
    let approve = format!(
        "/invoices/{first}/adjustments/{}/approve",
        text(&asked, "id")
    );
    done(house.other_clerk().post(&approve, Value::Null).await, 200);
    house.job("billing.payments").await;
    let give_up = json!({ "amount": eur("5.00"), "reason": "small" });
    let asked = done(
        clerk
            .post(&format!("/invoices/{second}/write-off"), give_up)
            .await,
        201,
    );
    let approve = format!(
        "/invoices/{second}/adjustments/{}/approve",
        text(&asked, "id")
    );
    done(house.other_clerk().post(&approve, Value::Null).await, 200);
    house.is_sound().await;

    let own = house.api.as_patient(patient);
    let statement = done(own.get(&path).await, 200);
    let account = &statement["accounts"][0];
    let moved: Vec<(String, String)> = account["entries"]
        .as_array()
        .expect("entries")
        .iter()
        .map(|entry| (text(entry, "kind"), text(&entry["amount"], "amount")))
        .collect();
    let expected = [
        ("INVOICE", "150.00"),
        ("PAYMENT", "-100.00"),
        ("INVOICE", "150.00"),
        ("CREDIT_NOTE", "-120.00"),
        ("CREDIT_RETURNED", "70.00"),
        ("REFUND", "20.00"),
        ("WRITE_OFF", "-5.00"),
    ];
    let expected: Vec<(String, String)> = expected
        .iter()
        .map(|(kind, amount)| ((*kind).to_owned(), (*amount).to_owned()))
        .collect();
    assert_eq!(moved, expected);
    let receivable = |id: &str| {
        let kind = galen_contracts::securepay::v1::AccountKind::Receivable;
        -house.ledger.balance(kind, id)
    };
    assert_eq!(receivable(&first) + receivable(&second), 16_500);
    assert_eq!(account["closing"], eur("165.00"));
    assert_eq!(account["opening"], eur("0.00"));
    assert_eq!(
        account["ageing"]["current"],
        eur("165.00"),
        "owed since lately"
    );

    let later = done(own.get(&format!("{path}?from=2026-04-01")).await, 200);
    assert_eq!(later["accounts"][0]["opening"], eur("50.00"));
    assert_eq!(
        later["accounts"][0]["entries"].as_array().map(Vec::len),
        Some(5)
    );
    let earlier = done(own.get(&format!("{path}?to=2026-04-10")).await, 200);
    let earlier = &earlier["accounts"][0];
    assert_eq!(earlier["closing"], eur("50.00"));
    assert_eq!(
        earlier["ageing"]["days1To30"],
        eur("50.00"),
        "due since the first"
    );
    let printed = pages(&pdf(&own, &format!("{path}?from=2026-04-01")).await).join(" ");
    says(
        &printed,
        &[
            "Statement of account",
            "Brought forward 50.00",
            "Credit put into wallet",
            "in EUR 165.00",
            "Not due yet",
        ],
    );
    let nonsense = own
        .get(&format!("{path}?from=2026-13-01&to=9999-12-31"))
        .await;
    assert_eq!(
        (nonsense.status.as_u16(), nonsense.pointers()),
        (400, vec!["?from", "?to"])
    );
    let other: PatientId = house.patient();
    assert_eq!(house.api.as_patient(other).get(&path).await.status, 404);
}
