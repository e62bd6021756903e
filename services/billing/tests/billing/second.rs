//! Several payers: what one leaves over, those after it are asked for before the patient is.

use std::collections::BTreeMap;

use galen_contracts::ids::PatientId;
use galen_service::testing::Reply;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::hospital::{Hospital, created, eur, text};
use crate::insured::{billing, entered, id, is_sound, pass, read, settle, submit};

/// A patient with several policies, and an issued invoice of 150.00.
struct Policies {
    hospital: Hospital,
    payers: Vec<String>,
    invoice: String,
}

/// What plans are called, in the order of paying.
const PLANS: [&str; 3] = ["first", "second", "third"];

impl Policies {
    /// By the steps of all plans.
    async fn open(steps: &[Value]) -> Self {
        let hospital = Hospital::open().await;
        let deductible =
            json!([{ "id": "ded", "kind": "DEDUCTIBLE", "period": "YEAR", "individual": 1_000 }]);
        hospital.price("CONSULTATION", None, "150.00").await;
        let patient: PatientId = hospital.patient();
        let mut payers = Vec::new();
        for ((plan, contract), steps) in PLANS.into_iter().zip('a'..).zip(steps) {
            let counted = deductible.clone();
            payers.push(hospital.plan(plan, counted, steps.clone()).await);
            hospital.insure(patient, plan, contract);
        }
        let charge = json!({
            "patientId": patient, "serviceCode": "CONSULTATION", "paymentMode": "INSURANCE", "reason": "seen",
        });
        let clerk = billing(&hospital);
        let charge = created(clerk.post("/charges", charge).await);
        let draft = json!({ "patientId": patient, "chargeIds": [charge["id"]] });
        let invoice = text(&created(clerk.post("/invoices", draft).await), "id");
        let issue = format!("/invoices/{invoice}/issue");
        let issued = clerk.post(&issue, Value::Null).await;
        assert_eq!(issued.status, 200, "{}", issued.body);
        Self {
            hospital,
            payers,
            invoice,
        }
    }

    /// Those that are neither replaced nor withdrawn, in the order of paying.
    async fn claims(&self) -> Vec<Value> {
        let path = format!("/claims?invoiceId={}", self.invoice);
        let found = billing(&self.hospital).get(&path).await.body;
        let mut claims = found["items"].as_array().expect("items").clone();
        claims.retain(|claim| claim["status"] != "REPLACED" && claim["status"] != "VOIDED");
        claims.sort_by_key(|claim| claim["ordinal"].as_i64());
        claims
    }

    /// The claim to a payer, by its place.
    async fn claim(&self, place: usize) -> Value {
        let ordinal = json!(place + 1);
        let claims = self.claims().await;
        let claim = claims.into_iter().find(|claim| claim["ordinal"] == ordinal);
        claim.expect("a claim to the payer")
    }

    /// The first claim is submitted, and its payer says what it pays and what it leaves.
    async fn first_pays(&self, paid: &str, adjustments: &[(&str, &str, &str)]) {
        self.pays(0, "CHECK-1", paid, adjustments).await;
    }

    /// The claim to a payer is submitted, and it says what it pays and what it leaves.
    async fn pays(
        &self,
        place: usize,
        trace: &str,
        paid: &str,
        adjustments: &[(&str, &str, &str)],
    ) {
        let claim = id(&self.claim(place).await);
        submit(&self.hospital, claim).await;
        pass(&self.hospital, 0).await;
        let adjustments: Vec<Value> = adjustments
            .iter()
            .map(|(group, reason, amount)| json!({ "group": group, "reason": reason, "amount": eur(amount) }))
            .collect();
        let line = json!({ "sequence": 1, "paid": eur(paid), "adjustments": adjustments });
        let body = json!({
            "payerId": self.payers[place], "trace": trace, "paidOn": "2026-03-02", "amount": eur(paid),
            "claims": [{ "claimId": claim, "lines": [line] }],
        });
        let clerk = billing(&self.hospital);
        created(clerk.post("/remittances", body.clone()).await);
        created(clerk.post("/remittances", body).await);
    }

    /// Somebody gives up what was denied.
    async fn gives_up(&self, resolution: &str) {
        let clerk = billing(&self.hospital);
        let denials = clerk.get("/denials?status=OPEN").await.body;
        let path = format!("/denials/{}/resolve", text(&denials["items"][0], "id"));
        let upheld = clerk.post(&path, json!({ "resolution": resolution })).await;
        assert_eq!(upheld.status, 200, "{}", upheld.body);
    }

    /// Nothing that `galen verify` looks for is there, every cent is somebody's, and the
    /// receivables are what is owed.
    async fn is_exact(&self) {
        is_sound(&self.hospital).await;
        let owed: Vec<(Uuid, i64)> = sqlx::query_as(
            "select root_id, outstanding from claim c
             where not exists (select from claim n where n.root_id = c.root_id and n.take > c.take)
             union all
             select id, billed - settled from invoice",
        )
        .fetch_all(self.hospital.db.pool())
        .await
        .expect("the database answers");
        let booked: Vec<(Uuid, i64)> = sqlx::query_as(
            "select owner, sum(minor)::bigint
             from (select debit_owner as owner, minor from journal_entry where debit_kind = 'RECEIVABLE'
                   union all
                   select credit_owner, -minor from journal_entry where credit_kind = 'RECEIVABLE') e
             group by owner",
        )
        .fetch_all(self.hospital.db.pool())
        .await
        .expect("the database answers");
        let booked: BTreeMap<Uuid, i64> = booked.into_iter().collect();
        for (owner, owed) in &owed {
            assert_eq!(booked.get(owner).copied().unwrap_or(0), *owed, "{owner}");
        }
        let open: i64 = owed.iter().map(|(_, owed)| owed).sum();
        let received = entered(&self.hospital, "BANK", "RECEIVABLE").await;
        let given_up = entered(&self.hospital, "WRITE_OFF", "RECEIVABLE").await;
        assert_eq!(open + received + given_up, 15_000);
    }

    /// What the patient owes, and what is asked of the second payer.
    async fn owed(&self) -> (String, Option<String>) {
        let path = format!("/invoices/{}", self.invoice);
        let invoice = billing(&self.hospital).get(&path).await.body;
        let second = self.claims().await.into_iter().nth(1);
        let amount = |money: &Value| text(money, "amount");
        (
            amount(&invoice["totals"]["patient"]),
            second.map(|claim| amount(&claim["outstanding"])),
        )
    }

    /// Minor units that are counted as the second plan's deductible.
    async fn counted(&self) -> i64 {
        sqlx::query_scalar(
            "select coalesce(sum(e.delta), 0)::bigint from posting p join accumulator_entry e on e.posting_id = p.id
             where p.plan_id = 'second' and p.reversed_at is null",
        )
        .fetch_one(self.hospital.db.pool())
        .await
        .expect("the database answers")
    }

    /// A payer pays all that it is asked for.
    async fn pays_all(&self, place: usize) {
        let claim = id(&self.claim(place).await);
        submit(&self.hospital, claim).await;
        settle(&self.hospital).await;
        assert_eq!(read(&self.hospital, claim).await["status"], "CLOSED");
    }
}

fn coinsurance(percent: &str) -> Value {
    json!([{ "op": "COINSURANCE", "patient": percent }])
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_first_leaves_the_second_pays_as_far_as_its_plan_does() {
    // After its deductible of 10.00 the second pays half of 140.00: 70.00 at most.
    let steps = json!([
        { "op": "DEDUCTIBLE", "accumulator": "ded" },
        { "op": "COINSURANCE", "patient": "50" },
    ]);
    let twice = Policies::open(&[coinsurance("20"), steps]).await;
    assert_eq!(twice.owed().await, ("0.00".into(), Some("30.00".into())));
    let counted = twice.counted().await;
    // It pays 50.00 less than was expected.
    twice.first_pays("70.00", &[("PR", "2", "80.00")]).await;
    assert_eq!(twice.owed().await, ("10.00".into(), Some("70.00".into())));
    assert_eq!(twice.counted().await, counted, "counted once");
    let claim = &twice.claims().await[1];
    assert_eq!(claim["status"], "READY");
    twice.is_exact().await;
    // 40.00 went from claim to claim, 10.00 to the patient.
    assert_eq!(
        entered(&twice.hospital, "RECEIVABLE", "RECEIVABLE").await,
        5_000
    );
    twice.pays_all(1).await;
    assert_eq!(entered(&twice.hospital, "BANK", "RECEIVABLE").await, 14_000);
    assert_eq!(twice.owed().await, ("10.00".into(), Some("0.00".into())));
    twice.is_exact().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payer_of_whom_nothing_was_expected_is_asked_when_the_first_leaves_something() {
    let twice = Policies::open(&[json!([]), json!([])]).await;
    assert_eq!(twice.owed().await, ("0.00".into(), None));
    twice.first_pays("100.00", &[("PR", "1", "50.00")]).await;
    assert_eq!(twice.owed().await, ("0.00".into(), Some("50.00".into())));
    let second = &twice.claims().await[1];
    assert_eq!(second["payerId"], json!(twice.payers[1]));
    twice.is_exact().await;
    twice.pays_all(1).await;
    twice.is_exact().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_first_denied_the_second_is_asked_for_when_nobody_insists() {
    let twice = Policies::open(&[coinsurance("20"), json!([])]).await;
    let denied = [("CO", "16", "120.00"), ("PR", "2", "30.00")];
    twice.first_pays("0.00", &denied).await;
    assert_eq!(twice.owed().await, ("0.00".into(), Some("30.00".into())));
    twice.gives_up("PATIENT").await;
    assert_eq!(twice.owed().await, ("0.00".into(), Some("150.00".into())));
    twice.is_exact().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_payer_that_has_paid_already_is_asked_for_the_rest_by_another_claim() {
    let twice = Policies::open(&[coinsurance("20"), json!([])]).await;
    let denied = [("CO", "16", "120.00"), ("PR", "2", "30.00")];
    twice.first_pays("0.00", &denied).await;
    twice.pays_all(1).await;
    let paid = text(&twice.claim(1).await, "id");
    twice.gives_up("PATIENT").await;
    assert_eq!(twice.owed().await, ("0.00".into(), Some("120.00".into())));
    let second = twice.claim(1).await;
    assert_eq!(second["status"], "READY");
    let second = read(&twice.hospital, id(&second)).await;
    assert_eq!(
        (&second["replacesId"], &second["frequency"]),
        (&json!(paid), &json!(7))
    );
    twice.is_exact().await;
    twice.pays_all(1).await;
    assert_eq!(entered(&twice.hospital, "BANK", "RECEIVABLE").await, 15_000);
    assert_eq!(twice.owed().await, ("0.00".into(), Some("0.00".into())));
    twice.is_exact().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_payer_that_is_deciding_hears_of_the_rest_when_it_has_answered() {
    let twice = Policies::open(&[coinsurance("20"), json!([])]).await;
    let denied = [("CO", "16", "120.00"), ("PR", "2", "30.00")];
    twice.first_pays("0.00", &denied).await;
    let second = id(&twice.claim(1).await);
    submit(&twice.hospital, second).await;
    pass(&twice.hospital, 0).await;
    twice.gives_up("PATIENT").await;
    // It decides about what it had heard of, and is not disturbed.
    assert_eq!(twice.owed().await, ("0.00".into(), Some("150.00".into())));
    let waits = read(&twice.hospital, second).await;
    assert_eq!(
        (&waits["status"], &waits["outstanding"]),
        (&json!("SUBMITTED"), &eur("150.00"))
    );
    twice.is_exact().await;
    settle(&twice.hospital).await;
    assert_eq!(read(&twice.hospital, second).await["status"], "REPLACED");
    let again = read(&twice.hospital, id(&twice.claim(1).await)).await;
    assert_eq!(
        (&again["status"], &again["received"], &again["outstanding"]),
        (&json!("READY"), &eur("30.00"), &eur("120.00"))
    );
    twice.is_exact().await;
    twice.pays_all(1).await;
    assert_eq!(entered(&twice.hospital, "BANK", "RECEIVABLE").await, 15_000);
    twice.is_exact().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_second_does_not_pay_the_third_is_asked_for_before_the_patient() {
    let steps = [coinsurance("20"), coinsurance("50"), json!([])];
    let thrice = Policies::open(&steps).await;
    assert_eq!(thrice.owed().await, ("0.00".into(), Some("30.00".into())));
    // 70.00 more are left; the second pays half of all at most: 45.00 more.
    thrice.first_pays("50.00", &[("PR", "2", "100.00")]).await;
    let asked = |claim: &Value| text(&claim["outstanding"], "amount");
    assert_eq!(asked(&thrice.claim(1).await), "75.00");
    let third = thrice.claim(2).await;
    assert_eq!(
        (asked(&third).as_str(), &third["status"]),
        ("25.00", &json!("DRAFT"))
    );
    assert_eq!(thrice.owed().await.0, "0.00");
    thrice.is_exact().await;
    // The second pays less than it is asked for.
    let adjustments = [("OA", "23", "50.00"), ("PR", "2", "40.00")];
    thrice.pays(1, "CHECK-2", "60.00", &adjustments).await;
    let third = thrice.claim(2).await;
    assert_eq!(
        (asked(&third).as_str(), &third["status"]),
        ("40.00", &json!("READY"))
    );
    thrice.is_exact().await;
    thrice.pays_all(2).await;
    assert_eq!(
        entered(&thrice.hospital, "BANK", "RECEIVABLE").await,
        15_000
    );
    assert_eq!(thrice.owed().await.0, "0.00");
    thrice.is_exact().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_third_waits_for_the_second_however_often_the_first_answers() {
    let steps = [coinsurance("60"), coinsurance("50"), json!([])];
    let thrice = Policies::open(&steps).await;
    let denied = [("CO", "16", "60.00"), ("PR", "2", "90.00")];
    thrice.first_pays("0.00", &denied).await;
    assert_eq!(thrice.claim(1).await["status"], "READY");
    assert_eq!(thrice.claim(2).await["status"], "DRAFT");
    thrice.gives_up("WRITE_OFF").await;
    assert_eq!(thrice.claim(0).await["status"], "CLOSED");
    assert_eq!(
        thrice.claim(2).await["status"],
        "DRAFT",
        "the second has not answered"
    );
    thrice.pays_all(1).await;
    assert_eq!(thrice.claim(2).await["status"], "READY");
    thrice.pays_all(2).await;
    assert_eq!(entered(&thrice.hospital, "BANK", "RECEIVABLE").await, 9_000);
    thrice.is_exact().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_given_up_with_a_second_withdrawal_is_not_claimed_again() {
    let twice = Policies::open(&[coinsurance("20"), json!([])]).await;
    let clerk = billing(&twice.hospital);
    let withdraw = async |body: Value| {
        let path = format!("/claims/{}/void", text(&twice.claim(0).await, "id"));
        let voided = clerk.post(&path, body).await;
        assert_eq!(voided.status, 200, "{}", voided.body);
    };
    let again = json!({ "invoiceId": twice.invoice, "payerId": twice.payers[0] });
    withdraw(json!({})).await;
    created(clerk.post("/claims", again.clone()).await);
    withdraw(json!({ "resolution": "PATIENT" })).await;
    twice.is_exact().await;
    let refused = clerk.post("/claims", again).await;
    assert_eq!(refused.code(), Some("NOTHING_TO_CLAIM"));
    assert_eq!(
        twice.owed().await.0,
        "0.00",
        "the second is asked for all of it"
    );
    twice.is_exact().await;
}

/// Numbers that look like chance and are the same every time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: i64) -> i64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        i64::try_from(self.0 >> 33).expect("31 bits") % end.max(1)
    }
}

fn cents(money: &Value) -> i64 {
    let amount = text(money, "amount").replace('.', "");
    amount.parse().expect("an amount")
}

fn money(cents: i64) -> Value {
    eur(&format!("{}.{:02}", cents / 100, cents % 100))
}

/// A payer that has heard of a line pays a part, leaves a part, and denies a part.
fn any_answer(line: &Value, chance: &mut Chance) -> (i64, Value) {
    let of = |place: &str| cents(&line[place]);
    let mut open = of("outstanding");
    let mut some = |chance: &mut Chance| {
        let part =
            [0, open, chance.below(open + 1)][usize::try_from(chance.below(3)).expect("few")];
        open -= part;
        part
    };
    let (paid, left) = (some(chance), some(chance));
    let parts = [
        ("OA", "23", of("prior")),
        ("OA", "B13", of("received")),
        ("CO", "45", of("writtenOff")),
        ("PR", "2", of("leftOver") + left),
        ("CO", "16", open),
    ];
    let adjustments: Vec<Value> = parts
        .into_iter()
        .filter(|(_, _, amount)| *amount > 0)
        .map(|(group, reason, amount)| json!({ "group": group, "reason": reason, "amount": money(amount) }))
        .collect();
    let answer = json!({ "sequence": 1, "paid": money(paid), "adjustments": adjustments });
    (paid, answer)
}

/// Of claims that somebody can do something about.
const MOVING: [&str; 4] = ["READY", "SUBMITTED", "APPEALED", "POSTED"];

/// Whatever payers answer and people do, in any order, nobody is asked twice for a cent.
#[tokio::test(flavor = "multi_thread")]
async fn three_payers_are_never_asked_for_more_than_was_charged() {
    let mut answers = 0;
    for seed in 1..9 {
        let chance = &mut Chance(seed << 32);
        let plans = [
            json!([]),
            coinsurance("20"),
            coinsurance("50"),
            coinsurance("70"),
        ];
        let mut plan = || plans[usize::try_from(chance.below(4)).expect("few")].clone();
        let steps = [plan(), plan(), plan()];
        let thrice = Policies::open(&steps).await;
        let clerk = billing(&thrice.hospital);
        let mut heard: BTreeMap<String, Value> = BTreeMap::new();
        for step in 0..25 {
            let mut claims = thrice.claims().await;
            claims.retain(|claim| MOVING.contains(&text(claim, "status").as_str()));
            let count = i64::try_from(claims.len()).expect("few");
            let at = usize::try_from(chance.below(count)).expect("few");
            let Some(claim) = claims.get(at) else {
                break;
            };
            let (claim, status) = (text(claim, "id"), text(claim, "status"));
            let line = clerk.get(&format!("/claims/{claim}")).await.body["lines"][0].clone();
            let post = async |path: &str, body: Value| -> Reply {
                clerk.post(&format!("/claims/{claim}/{path}"), body).await
            };
            let correct = json!({ "lines": [{ "sequence": 1, "diagnosisCode": "J45.9" }] });
            let reply = match (status.as_str(), chance.below(6)) {
                ("READY", 0) => post("void", json!({})).await,
                ("READY", 1) => post("void", json!({ "resolution": "PATIENT" })).await,
                ("READY", _) | ("POSTED", 0) => {
                    let reply = post("resubmit", correct).await;
                    let sent = &reply.body;
                    heard.insert(text(sent, "id"), sent["lines"][0].clone());
                    reply
                }
                ("POSTED", 1) => {
                    heard.insert(claim.clone(), line);
                    post("appeal", Value::Null).await
                }
                ("POSTED", what) => {
                    let path = format!("/denials?claimId={claim}");
                    let denials = clerk.get(&path).await.body;
                    let path = format!("/denials/{}/resolve", text(&denials["items"][0], "id"));
                    let resolution = if what < 5 { "PATIENT" } else { "WRITE_OFF" };
                    clerk.post(&path, json!({ "resolution": resolution })).await
                }
                ("SUBMITTED" | "APPEALED", _) => {
                    answers += 1;
                    let (paid, answer) = any_answer(&heard[&claim], chance);
                    let body = json!({
                        "payerId": line_payer(&claims, &claim), "trace": format!("CHECK-{answers}"),
                        "paidOn": "2026-03-02", "amount": money(paid),
                        "claims": [{ "claimId": claim, "lines": [answer] }],
                    });
                    clerk.post("/remittances", body).await
                }
                (status, _) => panic!("nothing is to be done about a claim that is {status}"),
            };
            assert!(reply.status.is_success(), "{seed}.{step}: {}", reply.body);
            thrice.is_exact().await;
            for payer in &thrice.payers {
                let again = json!({ "invoiceId": thrice.invoice, "payerId": payer });
                let again = clerk.post("/claims", again).await;
                let nothing = again.code() == Some("NOTHING_TO_CLAIM");
                assert!(
                    nothing || again.status == 201,
                    "{seed}.{step}: {}",
                    again.body
                );
            }
        }
    }
    assert!(answers > 20, "something happened: {answers}");
}

fn line_payer(claims: &[Value], id: &str) -> Value {
    let mut claims = claims.iter();
    claims.find(|claim| claim["id"] == id).expect("one of them")["payerId"].clone()
}
