//! Appointments that are paid before, from the outside: with and without money, cancelled
//! in time and late, missed, seen and invoiced, and with the hospital killed in between.

use std::time::Duration;

use galen_client::Client;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::hospital::Hospital;
use crate::payments::{SIMULATED, ledger, top_up, wallet};
use crate::world::{booking, doctor, eventually, expect_status, midnight, patient, text, user};

const TERMS: &[(&str, &str)] = &[
    ("GALEN_BILLING_PREPAYMENT", "share"),
    ("GALEN_BILLING_LATE_CANCELLATION_FEE", "50"),
    ("GALEN_BILLING_CANCELLATION_NOTICE", "24"),
    ("GALEN_BILLING_NO_SHOW_FEE", "100"),
    ("GALEN_BILLING_NO_SHOW_GRACE", "0"),
];

struct Desk {
    admin: Client,
    patient: String,
    doctor: String,
}

impl Desk {
    async fn book(&self, start: Timestamp) -> String {
        let wish = booking(&self.patient, &self.doctor, start, 5);
        let reply = self.admin.post("/api/v1/appointments", &wish).await;
        text(&expect_status(&reply.expect("an answer"), 201), "id")
    }

    async fn step(&self, id: &str, step: &str, body: Value) -> Value {
        let path = format!("/api/v1/appointments/{id}/{step}");
        let reply = self.admin.post(&path, &body).await;
        expect_status(&reply.expect("an answer"), 200)
    }

    async fn cancel(&self, id: &str) {
        let why = json!({ "reasonCode": "PATIENT_REQUEST" });
        self.step(id, "cancel", why).await;
    }

    /// Waits until the prepayment of an appointment stands so.
    async fn until(&self, id: &str, status: &str) -> Value {
        let path = format!("/api/v1/appointments/{id}");
        eventually(status, || async {
            let reply = self.admin.get(&path).await.map_err(|e| e.to_string())?;
            let seen: Value = reply.json().map_err(|e| e.to_string())?;
            if seen["prepayment"]["status"] == status {
                Ok(seen)
            } else {
                Err(seen.to_string())
            }
        })
        .await
    }

    /// Waits until a wallet has as much.
    async fn has(&self, wallet: &str, amount: &str) {
        let path = format!("/api/v1/wallets/{wallet}/balance");
        eventually(amount, || async {
            let reply = self.admin.get(&path).await.map_err(|e| e.to_string())?;
            let seen: Value = reply.json().map_err(|e| e.to_string())?;
            if seen["available"]["amount"] == amount {
                Ok(seen)
            } else {
                Err(seen.to_string())
            }
        })
        .await;
    }
}

/// What is paid before follows the appointment, to the cent.
pub(crate) async fn what_is_paid_before_follows_the_appointment() {
    let mut hospital = Hospital::with(&[SIMULATED, TERMS].concat());
    let admin = hospital.admin().await;
    let tariff = json!({
        "serviceCode": "CONSULTATION",
        "price": { "amount": "150.00", "currency": "EUR" },
        "validFrom": "2020-01-01",
    });
    let reply = admin.post("/api/v1/tariffs", &tariff).await;
    expect_status(&reply.expect("an answer"), 201);
    let mut desk = Desk {
        patient: patient(&admin).await,
        doctor: doctor(&admin, 4).await,
        admin,
    };
    let now = Timestamp::now();
    let in_time = midnight() + SignedDuration::from_hours(72);

    // Whoever has no money is told at once, and nothing is booked.
    let wish = booking(&desk.patient, &desk.doctor, in_time, 5);
    let reply = desk.admin.post("/api/v1/appointments", &wish).await;
    let refused = expect_status(&reply.expect("an answer"), 409);
    assert_eq!(refused["code"], "PREPAYMENT_REQUIRED");
    assert_eq!(refused["prepayment"]["amount"], "150.00");
    let wallet = wallet(&desk.admin, &desk.patient).await;
    top_up(&desk.admin, &wallet).await;

    // Cancelled in time, after the hospital was killed while it was being booked.
    let early = desk.book(in_time).await;
    hospital.kill();
    hospital.start();
    desk.admin = hospital.admin().await;
    let held = desk.until(&early, "HELD").await;
    assert_eq!(held["prepayment"]["amount"]["amount"], "150.00");
    desk.has(&wallet, "3890.00").await;
    desk.cancel(&early).await;
    hospital.kill();
    hospital.start();
    desk.admin = hospital.admin().await;
    desk.until(&early, "RELEASED").await;
    desk.has(&wallet, "4040.00").await;

    let late = desk.book(now + SignedDuration::from_hours(3)).await;
    desk.until(&late, "HELD").await;
    desk.cancel(&late).await;
    desk.until(&late, "FORFEITED").await;
    desk.has(&wallet, "3965.00").await;

    let begins = Timestamp::now() + SignedDuration::from_secs(15);
    let missed = desk.book(begins).await;
    desk.until(&missed, "HELD").await;
    while Timestamp::now() < begins {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    desk.step(&missed, "no-show", Value::Null).await;
    desk.until(&missed, "FORFEITED").await;

    let seen = desk.book(now + SignedDuration::from_hours(4)).await;
    desk.until(&seen, "HELD").await;
    desk.step(&seen, "check-in", Value::Null).await;
    let physician = user(&desk.admin, &["DOCTOR"], Some(&desk.doctor)).await;
    for step in ["start", "complete"] {
        let path = format!("/api/v1/appointments/{seen}/{step}");
        let reply = physician.post(&path, &Value::Null).await;
        expect_status(&reply.expect("an answer"), 200);
    }
    let wish = json!({ "patientId": desk.patient, "appointmentId": seen });
    let draft = eventually("it is charged", || async {
        let reply = desk.admin.post("/api/v1/invoices", &wish).await;
        let reply = reply.map_err(|e| e.to_string())?;
        let draft: Value = reply.json().map_err(|e| e.to_string())?;
        if reply.status == 201 {
            Ok(draft)
        } else {
            Err(draft.to_string())
        }
    })
    .await;
    let path = format!("/api/v1/invoices/{}/issue", text(&draft, "id"));
    let issued = desk.admin.post(&path, &Value::Null).await;
    let issued = expect_status(&issued.expect("an answer"), 200);
    assert_eq!(issued["status"], "BALANCED", "{issued}");
    assert_eq!(issued["payments"][0]["method"], "PREPAYMENT");
    assert_eq!(issued["payments"][0]["amount"]["amount"], "150.00");
    desk.until(&seen, "APPLIED").await;
    desk.has(&wallet, "3665.00").await;

    // 75.00 and 150.00 of fees, 150.00 of care; nothing is left in between.
    eventually("the books say so", || async {
        let (balanced, report) = ledger(&hospital, "trial-balance");
        let rows = report[0]["rows"].as_array();
        let balance = |kind: &str| {
            let mut rows = rows.into_iter().flatten();
            rows.find(|row| row["kind"] == kind)
                .map(|row| row["balance"].clone())
        };
        let said = [
            balance("DEPOSIT"),
            balance("RECEIVABLE"),
            balance("REVENUE"),
        ];
        let wanted = ["0.00", "0.00", "375.00"].map(|amount| Some(json!(amount)));
        if balanced && said == wanted {
            Ok(report)
        } else {
            Err(report.to_string())
        }
    })
    .await;
    let (holds, report) = hospital.verify();
    assert!(holds, "{report}");
}
