//! What a visit costs, from its price to the last cent: played once through the public
//! API, and told.
//!
//! Somebody whose insurance pays 80 percent is seen and treated. They pay their share
//! from their wallet; the insurer denies what lacks a diagnosis, is told it, and pays.

use std::fmt;
use std::time::{Duration, Instant};

use galen_client::{Client, ClientError};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use super::day::Staff;
use super::missing;

/// The plans that come with Galen.
const PLANS: [&str; 4] = [
    include_str!("../../../services/billing/plans/all.json"),
    include_str!("../../../services/billing/plans/eighty-percent.json"),
    include_str!("../../../services/billing/plans/fixed-discount.json"),
    include_str!("../../../services/billing/plans/nothing.json"),
];

/// What appointments and a dressing are called and cost.
const PRICES: [(&str, &str, &str); 6] = [
    ("CONSULTATION", "Consultation with a physician", "120.00"),
    ("FOLLOW_UP", "Follow-up consultation", "60.00"),
    ("VACCINATION", "Vaccination, with the vaccine", "45.50"),
    ("PROCEDURE", "Procedure in the treatment room", "480.00"),
    (
        "SURGERY",
        "Operation, with theatre and anaesthesia",
        "2400.00",
    ),
    ("DRESSING", "Dressing of a wound", "19.99"),
];

/// How long anything may take that happens by itself: the simulated provider and the
/// simulated payer take their time.
const PATIENCE: Duration = Duration::from_secs(90);

/// What the journey came to: the lines of a story.
#[derive(Debug, Default)]
pub(crate) struct Story(Vec<String>);

/// Fills the catalogue and plays the journey.
///
/// # Errors
/// The first refusal, or what did not happen in time.
pub(crate) async fn play(admin: &Client, staff: &Staff) -> Result<Story, ClientError> {
    let billing = super::day::account(admin, "billing", "BILLING").await?;
    catalogue(&billing).await?;
    let mut journey = Journey {
        staff,
        billing,
        story: Story::default(),
    };
    journey.play().await?;
    Ok(journey.story)
}

/// Payers, plans and prices, as far as they are not there yet.
async fn catalogue(billing: &Client) -> Result<(), ClientError> {
    for file in PLANS {
        let file: Value = serde_json::from_str(file).expect("the plans are valid JSON");
        let id = text(&file["plan"]["id"]);
        let known = billing.get(&format!("/api/v1/plans/{id}")).await?;
        if known.status.is_success() {
            continue;
        }
        let payer: Value = billing
            .post("/api/v1/payers", &file["payer"])
            .await?
            .success()?;
        let plan = json!({ "id": id, "payerId": payer["id"], "name": file["name"] });
        billing.post("/api/v1/plans", &plan).await?.check()?;
        let version = json!({
            "plan": file["plan"], "validFrom": file["validFrom"], "vectors": file["vectors"],
        });
        billing
            .post(&format!("/api/v1/plans/{id}/versions"), &version)
            .await?
            .check()?;
    }
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    for (code, name, price) in PRICES {
        let known: Value = billing
            .get(&format!("/api/v1/tariffs?serviceCode={code}"))
            .await?
            .success()?;
        if known["items"].as_array().is_some_and(|all| !all.is_empty()) {
            continue;
        }
        let tariff = json!({
            "serviceCode": code, "name": name, "price": euros(price), "validFrom": today.yesterday().unwrap_or(today),
        });
        billing.post("/api/v1/tariffs", &tariff).await?.check()?;
    }
    Ok(())
}

struct Journey<'a> {
    staff: &'a Staff,
    billing: Client,
    story: Story,
}

impl Journey<'_> {
    async fn play(&mut self) -> Result<(), ClientError> {
        let patient = self.insured().await?;
        let wallet = self.wallet(&patient).await?;
        let appointment = self.seen(&patient).await?;
        let invoice = self.invoiced(&patient, &appointment).await?;
        self.paid(&invoice, &wallet).await?;
        self.claimed(&invoice).await?;
        self.explained(&invoice).await?;
        self.balanced().await
    }

    fn told(&mut self, line: String) {
        self.story.0.push(line);
    }

    /// Somebody whom an insurance covers.
    async fn insured(&mut self) -> Result<String, ClientError> {
        let patient = super::day::newcomer(self.staff.reception()).await?;
        let year = Timestamp::now().to_zoned(TimeZone::UTC).year();
        let coverage = json!({
            "planId": "eighty-percent", "policyNumber": format!("DEMO-{}", Uuid::new_v4().simple()),
            "validFrom": format!("{year}-01-01"), "priority": 1,
        });
        self.staff
            .reception()
            .post(&format!("/api/v1/patients/{patient}/coverages"), &coverage)
            .await?
            .check()?;
        Ok(patient)
    }

    /// A wallet with money in it.
    async fn wallet(&mut self, patient: &str) -> Result<String, ClientError> {
        let wallet = json!({ "ownerId": patient, "currency": "EUR", "kind": "PATIENT" });
        let wallet: Value = self
            .billing
            .post("/api/v1/wallets", &wallet)
            .await?
            .success()?;
        let wallet = text(&wallet["id"]);
        let order = json!({ "walletId": wallet, "amount": euros("100.00") });
        let order: Value = self
            .billing
            .post("/api/v1/top-ups", &order)
            .await?
            .success()?;
        let path = format!("/api/v1/top-ups/{}", text(&order["id"]));
        self.until(&path, |order| order["status"] == "CAPTURED")
            .await?;
        self.told("100.00 EUR came into the wallet through the payment provider".to_owned());
        Ok(wallet)
    }

    /// An appointment that is kept.
    async fn seen(&mut self, patient: &str) -> Result<String, ClientError> {
        let booked = self.booked(patient).await?;
        let appointment = text(&booked["id"]);
        self.told(format!(
            "the consultation costs {}, of which the patient would pay {} and the insurer {}",
            amount(&booked["price"]),
            amount(&booked["estimate"]["patient"]),
            amount(&booked["estimate"]["insurer"]),
        ));
        for (who, step) in [
            (self.staff.reception(), "confirm"),
            (self.staff.reception(), "check-in"),
            (self.staff.physician(), "start"),
            (self.staff.physician(), "complete"),
        ] {
            who.post(
                &format!("/api/v1/appointments/{appointment}/{step}"),
                &json!({}),
            )
            .await?
            .check()?;
        }
        Ok(appointment)
    }

    async fn booked(&self, patient: &str) -> Result<Value, ClientError> {
        let from = Timestamp::now() + SignedDuration::from_mins(15);
        let to = from + SignedDuration::from_hours(6);
        let mut last = None;
        for specialty in ["General%20Practice", "Internal%20Medicine"] {
            let path = format!(
                "/api/v1/slots?specialty={specialty}&from={from}&to={to}&serviceType=CONSULTATION&limit=50"
            );
            let page: Value = self.staff.reception().get(&path).await?.success()?;
            for slot in page["items"].as_array().into_iter().flatten() {
                let body = json!({
                    "patientId": patient, "practitionerId": slot["practitionerId"],
                    "start": slot["start"], "end": slot["end"],
                    "serviceType": "CONSULTATION", "paymentMode": "INSURANCE",
                });
                let reply = self
                    .staff
                    .reception()
                    .post("/api/v1/appointments", &body)
                    .await?;
                if reply.status.as_u16() != 409 {
                    return reply.success();
                }
                last = Some(reply);
            }
        }
        match last {
            Some(reply) => reply.success(),
            None => Err(missing("no slot is free", &Value::Null)),
        }
    }

    /// What was done is charged by itself; a dressing is added by hand.
    async fn invoiced(&mut self, patient: &str, visit: &str) -> Result<String, ClientError> {
        let dressing = json!({
            "patientId": patient, "serviceCode": "DRESSING", "paymentMode": "INSURANCE",
            "reason": "The nurse wrote it down later",
        });
        self.billing
            .post("/api/v1/charges", &dressing)
            .await?
            .check()?;
        let path = format!("/api/v1/charges?patientId={patient}&status=PRICED");
        let charges = self
            .until(&path, |page| {
                page["items"].as_array().is_some_and(|all| all.len() == 2)
            })
            .await?;
        let mut charges: Vec<&Value> = charges["items"].as_array().into_iter().flatten().collect();
        charges.sort_by_key(|charge| charge["appointmentId"] != visit);
        let ids: Vec<&Value> = charges.iter().map(|charge| &charge["id"]).collect();
        let draft = json!({ "patientId": patient, "chargeIds": ids });
        let draft: Value = self
            .billing
            .post("/api/v1/invoices", &draft)
            .await?
            .success()?;
        let id = text(&draft["id"]);
        let issued: Value = self
            .billing
            .post(&format!("/api/v1/invoices/{id}/issue"), &json!({}))
            .await?
            .success()?;
        self.told(format!(
            "{} is issued over {}: the patient owes {}, the insurer is asked for {}",
            text(&issued["number"]),
            amount(&issued["totals"]["gross"]),
            amount(&issued["due"]),
            amount(&issued["totals"]["insurer"]),
        ));
        Ok(id)
    }

    async fn paid(&mut self, invoice: &str, wallet: &str) -> Result<(), ClientError> {
        let body = json!({ "fromWalletId": wallet });
        self.billing
            .post(&format!("/api/v1/invoices/{invoice}/pay"), &body)
            .await?
            .check()?;
        let path = format!("/api/v1/invoices/{invoice}");
        let paid = self
            .until(&path, |invoice| amount(&invoice["due"]) == "0.00 EUR")
            .await?;
        let balance: Value = self
            .billing
            .get(&format!("/api/v1/wallets/{wallet}/balance"))
            .await?
            .success()?;
        self.told(format!(
            "the patient paid {} and has {} left",
            amount(&paid["paid"]),
            amount(&balance["available"]),
        ));
        Ok(())
    }

    /// The insurer denies the line without a diagnosis, is told it, and pays.
    async fn claimed(&mut self, invoice: &str) -> Result<(), ClientError> {
        let page: Value = self
            .billing
            .get(&format!("/api/v1/claims?invoiceId={invoice}"))
            .await?
            .success()?;
        let claim = text(&page["items"][0]["id"]);
        let first = json!({ "lines": [{ "sequence": 1, "diagnosisCode": "S61.0" }] });
        self.billing
            .post(&format!("/api/v1/claims/{claim}/resubmit"), &first)
            .await?
            .check()?;
        let path = format!("/api/v1/claims/{claim}");
        let posted = self
            .until(&path, |claim| claim["status"] == "POSTED")
            .await?;
        self.told(format!(
            "the claim was {}: {} of {} paid",
            text(&posted["outcome"]),
            amount(&posted["received"]),
            amount(&posted["charged"]),
        ));
        let second = json!({ "lines": [{ "sequence": 2, "diagnosisCode": "S61.0" }] });
        let corrected: Value = self
            .billing
            .post(&format!("/api/v1/claims/{claim}/resubmit"), &second)
            .await?
            .success()?;
        let path = format!("/api/v1/claims/{}", text(&corrected["id"]));
        let closed = self
            .until(&path, |claim| claim["status"] == "CLOSED")
            .await?;
        self.told(format!(
            "corrected, it was {}: {} paid altogether",
            text(&closed["outcome"]),
            amount(&closed["received"]),
        ));
        Ok(())
    }

    /// Who owed what, and why.
    async fn explained(&mut self, invoice: &str) -> Result<(), ClientError> {
        let invoice: Value = self
            .billing
            .get(&format!("/api/v1/invoices/{invoice}"))
            .await?
            .success()?;
        if invoice["status"] != "BALANCED" {
            return Err(missing("the invoice is not balanced", &invoice));
        }
        for line in invoice["lines"].as_array().into_iter().flatten() {
            self.told(format!(
                "  {:<13} {:>11}: patient {}, insurer {}",
                text(&line["serviceCode"]),
                amount(&line["gross"]),
                amount(&line["patient"]),
                amount(&line["payers"][0]["amount"]),
            ));
            for step in line["trace"].as_array().into_iter().flatten() {
                self.told(format!(
                    "    {} by {}: {} of {}",
                    text(&step["stage"]),
                    text(&step["rule"]),
                    amount(&step["amount"]),
                    amount(&step["basis"]),
                ));
            }
        }
        Ok(())
    }

    /// Every cent is in the books, on both sides.
    async fn balanced(&mut self) -> Result<(), ClientError> {
        let balance: Value = self
            .billing
            .get("/api/v1/ledger/trial-balance")
            .await?
            .success()?;
        for ledger in balance["currencies"].as_array().into_iter().flatten() {
            if ledger["balanced"] != true {
                return Err(missing("the ledger does not balance", &balance));
            }
            for kind in ledger["kinds"].as_array().into_iter().flatten() {
                self.told(format!(
                    "  {:<11} {:>12} debited, {:>12} credited",
                    text(&kind["kind"]),
                    amount(&kind["debits"]),
                    amount(&kind["credits"]),
                ));
            }
            self.told(format!(
                "the books balance: {} on both sides",
                amount(&ledger["debits"]),
            ));
        }
        Ok(())
    }

    /// Asks again until it is so.
    async fn until(
        &self,
        path: &str,
        is_so: impl Fn(&Value) -> bool,
    ) -> Result<Value, ClientError> {
        let began = Instant::now();
        loop {
            let view: Value = self.billing.get(path).await?.success()?;
            if is_so(&view) {
                return Ok(view);
            }
            if began.elapsed() > PATIENCE {
                return Err(missing(&format!("{path} after {PATIENCE:?}"), &view));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

fn euros(amount: &str) -> Value {
    json!({ "amount": amount, "currency": "EUR" })
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn amount(money: &Value) -> String {
    format!("{} {}", text(&money["amount"]), text(&money["currency"]))
}

/// A line per step.
impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.0 {
            writeln!(f, "  {line}")?;
        }
        Ok(())
    }
}
