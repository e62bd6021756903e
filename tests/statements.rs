//! Paper and the books say the same.

use galen_client::Client;
use http::{HeaderMap, Method};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::hospital::Hospital;
use crate::world::{eventually, expect_status, patient, text, user};

/// A statement of account ends with what the ledger says the patient owes, whatever was
/// invoiced, credited and given up; and the invoice comes on paper.
pub(crate) async fn a_statement_is_what_the_ledger_says(hospital: &Hospital) {
    let admin = hospital.admin().await;
    let (clerk, other) = (
        user(&admin, &["BILLING"], None).await,
        user(&admin, &["BILLING"], None).await,
    );
    let code = format!("S-{}", Uuid::new_v4().simple());
    let tariff = json!({
        "serviceCode": code, "name": "Dressing, large", "price": euros("40.00"),
        "validFrom": Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date().yesterday().expect("a day"),
    });
    post(&admin, "/tariffs", &tariff, 201).await;
    let owner = patient(&admin).await;
    let mut invoices = Vec::new();
    for quantity in [1, 3] {
        let charge = json!({ "patientId": owner, "serviceCode": code, "quantity": quantity, "reason": "by hand" });
        let charge = post(&clerk, "/charges", &charge, 201).await;
        let draft = json!({ "patientId": owner, "chargeIds": [charge["id"]] });
        let draft = post(&clerk, "/invoices", &draft, 201).await;
        let id = text(&draft, "id");
        post(&clerk, &format!("/invoices/{id}/issue"), &Value::Null, 200).await;
        invoices.push(id);
    }
    let credit = json!({ "amount": euros("15.00"), "reason": "too much" });
    let path = format!("/invoices/{}/credit-note", invoices[0]);
    post(&clerk, &path, &credit, 200).await;
    let write_off = json!({ "amount": euros("20.00"), "reason": "small" });
    let path = format!("/invoices/{}/write-off", invoices[1]);
    let asked = post(&clerk, &path, &write_off, 201).await;
    let path = format!(
        "/invoices/{}/adjustments/{}/approve",
        invoices[1],
        text(&asked, "id")
    );
    post(&other, &path, &Value::Null, 200).await;

    let path = format!("/api/v1/accounts/{owner}/statement");
    let statement = expect_status(&clerk.get(&path).await.expect("an answer"), 200);
    let account = &statement["accounts"][0];
    assert_eq!(account["closing"], euros("125.00"), "{statement}");
    assert_eq!(account["ageing"]["current"], euros("125.00"));
    let owed: Vec<Uuid> = invoices
        .iter()
        .map(|id| id.parse().expect("an id"))
        .collect();
    let books = hospital.superuser().await;
    eventually("the ledger says the same", || async {
        let minor: i64 = sqlx::query_scalar(
            "select coalesce(sum(a.debits_posted - a.credits_posted), 0)::bigint
             from securepay.account a
             join securepay.account_info i on i.id = a.id
             where i.kind = 'RECEIVABLE' and i.owner_id = any($1)",
        )
        .bind(&owed)
        .fetch_one(&books)
        .await
        .map_err(|error| error.to_string())?;
        if minor == 12_500 {
            Ok(json!(minor))
        } else {
            Err(minor.to_string())
        }
    })
    .await;

    let mut headers = HeaderMap::new();
    let token = clerk.token().await.expect("logged in");
    headers.insert(
        "authorization",
        format!("Bearer {token}").parse().expect("ASCII"),
    );
    headers.insert("accept", "application/pdf".parse().expect("ASCII"));
    let printed = [path, format!("/api/v1/invoices/{}", invoices[0])];
    for path in printed {
        let body = None::<&Value>;
        let reply = clerk.send(Method::GET, &path, body, headers.clone()).await;
        let reply = reply.expect("an answer");
        assert_eq!(
            (reply.status.as_u16(), reply.header("content-type")),
            (200, Some("application/pdf")),
            "{path}"
        );
        assert!(reply.body.starts_with(b"%PDF-1."), "{path}");
    }
}

fn euros(amount: &str) -> Value {
    json!({ "amount": amount, "currency": "EUR" })
}

async fn post(client: &Client, path: &str, body: &Value, status: u16) -> Value {
    let path = format!("/api/v1{path}");
    let reply = client.post(&path, body).await;
    expect_status(&reply.expect("an answer"), status)
}
