//! Wallets over the API: whose they are, what is in them, whether they take part.

use galen_access::Role;
use galen_contracts::patients::v1::{PatientStatus, PatientsMerged, PatientsUnmerged};
use galen_kernel::Clock;
use jiff::SignedDuration;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::house::{House, text};

#[tokio::test]
async fn patients_open_their_own_wallet_once_and_nobody_elses() {
    let house = House::open().await;
    let (id, patient, wallet) = house.patient_with(0).await;
    let wish = json!({ "ownerId": id, "currency": "EUR", "kind": "PATIENT" });
    let again = patient.post("/wallets", wish.clone()).await;
    assert_eq!(
        (again.status.as_u16(), text(&again, "id")),
        (200, wallet.clone())
    );
    let by_desk = house.clerk().post("/wallets", wish.clone()).await;
    assert_eq!(
        (by_desk.status.as_u16(), text(&by_desk, "id")),
        (200, wallet)
    );

    let stranger = Uuid::now_v7();
    house.patients.set(stranger, PatientStatus::Active);
    let theirs = json!({ "ownerId": stranger, "currency": "EUR", "kind": "PATIENT" });
    assert_eq!(patient.post("/wallets", theirs.clone()).await.status, 404);
    let hospital = json!({ "currency": "EUR", "kind": "HOSPITAL" });
    assert_eq!(patient.post("/wallets", hospital.clone()).await.status, 404);
    let reader = house.api.as_role(Role::Auditor);
    assert_eq!(reader.post("/wallets", theirs).await.status, 403);
    assert_eq!(house.clerk().post("/wallets", hospital).await.status, 201);
    let payer = Uuid::now_v7();
    let insurer = json!({ "ownerId": payer, "currency": "EUR", "kind": "INSURER" });
    let unknown = house.clerk().post("/wallets", insurer.clone()).await;
    assert_eq!(
        (unknown.status.as_u16(), unknown.pointers()),
        (400, vec!["/ownerId"]),
        "nobody knows such a payer"
    );
    house.payers.set(payer, false);
    let inactive = house.clerk().post("/wallets", insurer.clone()).await;
    assert_eq!(inactive.code(), Some("PAYER_INACTIVE"));
    house.payers.set(payer, true);
    assert_eq!(house.clerk().post("/wallets", insurer).await.status, 201);

    let opened = house.published().await;
    let opened = opened.iter().filter(|(name, _)| name == "wallet-opened");
    assert_eq!(opened.count(), 3);
}

#[tokio::test]
async fn a_wallet_is_not_opened_for_nobody_or_in_no_currency() {
    let house = House::open().await;
    let clerk = house.clerk();
    let closed = Uuid::now_v7();
    house.patients.set(closed, PatientStatus::Deceased);
    for (wish, status, code, pointers) in [
        (
            json!({ "ownerId": Uuid::now_v7(), "currency": "EUR", "kind": "PATIENT" }),
            400,
            "VALIDATION_FAILED",
            vec!["/ownerId"],
        ),
        (
            json!({ "ownerId": closed, "currency": "EUR", "kind": "PATIENT" }),
            409,
            "PATIENT_INACTIVE",
            vec![],
        ),
        (
            json!({ "currency": "eur", "kind": "PATIENT" }),
            400,
            "VALIDATION_FAILED",
            vec!["/currency", "/ownerId"],
        ),
        (
            json!({ "ownerId": closed, "currency": "XXX", "kind": "HOSPITAL" }),
            400,
            "VALIDATION_FAILED",
            vec!["/currency", "/ownerId"],
        ),
    ] {
        let reply = clerk.post("/wallets", wish.clone()).await;
        assert_eq!(reply.status.as_u16(), status, "{wish}");
        assert_eq!(reply.code(), Some(code), "{wish}");
        assert_eq!(reply.pointers(), pointers, "{wish}");
    }
    assert_eq!(house.number("select count(*) from account").await, 0);
}

#[tokio::test]
async fn a_wallet_is_shown_to_whom_it_belongs_and_to_those_who_keep_the_books() {
    let house = House::open().await;
    let (id, patient, wallet) = house.patient_with(5_000).await;
    let (_, stranger, theirs) = house.patient_with(0).await;
    for path in ["", "/balance", "/entries"] {
        let path = format!("/wallets/{wallet}{path}");
        assert_eq!(patient.get(&path).await.status, 200, "{path}");
        assert_eq!(house.clerk().get(&path).await.status, 200, "{path}");
        assert_eq!(stranger.get(&path).await.status, 404, "{path}");
    }
    let shown = patient.get(&format!("/wallets/{wallet}")).await;
    assert_eq!(shown.header("etag"), Some("\"1\""));
    assert_eq!(shown.body["standing"], "OPEN");
    let ids = |reply: &galen_service::testing::Reply| -> Vec<String> {
        let items = reply.body["items"].as_array().expect("a page");
        items
            .iter()
            .map(|item| item["id"].as_str().expect("an id").to_owned())
            .collect()
    };
    assert_eq!(ids(&patient.get("/wallets").await), [wallet.as_str()]);
    let all = house.clerk().get("/wallets").await;
    assert_eq!(ids(&all), [wallet.as_str(), theirs.as_str()]);
    let first = house.clerk().get("/wallets?limit=1").await;
    assert_eq!(ids(&first), [wallet.as_str()]);
    let cursor = text(&first, "nextCursor");
    let second = house
        .clerk()
        .get(&format!("/wallets?cursor={cursor}"))
        .await;
    assert_eq!(ids(&second), [theirs.as_str()]);
    let of_one = format!("/wallets?ownerId={id}&currency=EUR");
    assert_eq!(ids(&house.clerk().get(&of_one).await), [wallet.as_str()]);
    assert_eq!(stranger.get(&of_one).await.status, 404);
    let yen = house.clerk().get("/wallets?currency=JPY").await;
    assert_eq!(yen.body["items"], json!([]));
}

#[tokio::test]
async fn whoever_is_one_person_with_somebody_reaches_their_wallets_while_that_holds() {
    let house = House::open().await;
    let (survivor, patient, own) = house.patient_with(0).await;
    let (retired, _, old) = house.patient_with(7_000).await;
    assert_eq!(patient.get(&format!("/wallets/{old}")).await.status, 404);
    let (survivor, retired) = (survivor.to_string(), retired.to_string());
    let merge_id = Uuid::now_v7().to_string();
    let merged = PatientsMerged {
        survivor_id: survivor.clone(),
        retired_id: retired.clone(),
        merge_id: merge_id.clone(),
    };
    house.hears(&merged).await;
    assert_eq!(patient.get(&format!("/wallets/{old}")).await.status, 200);
    let listed = patient.get("/wallets").await;
    assert_eq!(listed.body["items"].as_array().map(Vec::len), Some(2));
    let wish = json!({
        "fromWalletId": old, "toWalletId": own,
        "amount": { "amount": "70.00", "currency": "EUR" },
    });
    let moved = patient.key("move").post("/payments", wish).await;
    assert_eq!(moved.status, 201, "{}", moved.body);
    let unmerged = PatientsUnmerged {
        survivor_id: survivor,
        restored_id: retired,
        merge_id,
    };
    house.hears(&unmerged).await;
    assert_eq!(patient.get(&format!("/wallets/{old}")).await.status, 404);
}

#[tokio::test]
async fn what_was_in_a_wallet_at_an_instant_is_what_its_entries_say() {
    let clock = Clock::manual("2026-03-02T08:00:00Z".parse().expect("an instant"));
    let house = House::with(clock.clone(), &[]).await;
    let opened = clock.now();
    let (_, patient, wallet) = house.patient_with(0).await;
    let till = house.till().await;
    let hour = SignedDuration::from_hours(1);
    clock.advance(hour);
    house.fund(&wallet, 10_000).await;
    clock.advance(hour);
    let wish = |capture: &str, amount: &str| {
        json!({
            "fromWalletId": wallet, "toWalletId": till, "capture": capture,
            "amount": { "amount": amount, "currency": "EUR" },
        })
    };
    // Tokens of before are over.
    let patient = house.api.as_principal(patient.principal().clone());
    let paid = patient
        .key("1")
        .post("/payments", wish("AUTOMATIC", "30.00"))
        .await;
    assert_eq!(paid.status, 201, "{}", paid.body);
    clock.advance(hour);
    let patient = house.api.as_principal(patient.principal().clone());
    let held = patient
        .key("2")
        .post("/payments", wish("MANUAL", "20.00"))
        .await;
    assert_eq!(held.status, 201, "{}", held.body);
    clock.advance(hour);

    let path = format!("/wallets/{wallet}/balance");
    for (hours, expected) in [
        (0, ["0.00", "0.00", "0.00"]),
        (1, ["100.00", "0.00", "100.00"]),
        (2, ["70.00", "0.00", "70.00"]),
        (3, ["70.00", "-20.00", "50.00"]),
    ] {
        let minutes = SignedDuration::from_mins(60 * hours + 30);
        let at = opened.checked_add(minutes).expect("in range");
        let reply = house.clerk().get(&format!("{path}?at={at}")).await;
        let found = ["posted", "pending", "available"].map(|n| reply.body[n]["amount"].clone());
        assert_eq!(found, expected.map(Value::from), "after {hours} hours");
    }
    assert_eq!(house.balance(&wallet).await, ["70.00", "-20.00", "50.00"]);
    assert_eq!(house.balance(&till).await, ["30.00", "20.00", "30.00"]);
    let future = house
        .clerk()
        .get(&format!("{path}?at=2026-03-02T12:00:01Z"))
        .await;
    assert_eq!(future.pointers(), ["?at"]);

    let patient = house.api.as_principal(patient.principal().clone());
    let path = format!("/wallets/{wallet}/entries");
    let mut seen = Vec::new();
    let mut next = Some(format!("{path}?limit=2"));
    while let Some(at) = next {
        let page = patient.get(&at).await;
        assert_eq!(page.status, 200, "{}", page.body);
        seen.extend(page.body["items"].as_array().expect("a page").clone());
        let cursor = page.body["nextCursor"].as_str();
        next = cursor.map(|cursor| format!("{path}?limit=2&cursor={cursor}"));
    }
    let said: Vec<_> = seen
        .iter()
        .map(|e| {
            let field = |name: &str| e[name].as_str().unwrap_or_default().to_owned();
            let balance = e["balance"]["amount"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            (field("kind"), field("direction"), balance)
        })
        .collect();
    let entry =
        |kind: &str, way: &str, after: &str| (kind.to_owned(), way.to_owned(), after.to_owned());
    assert_eq!(
        said,
        [
            entry("HOLD", "OUT", "70.00"),
            entry("TRANSFER", "OUT", "70.00"),
            entry("TRANSFER", "IN", "100.00"),
        ]
    );
    // The hospital's wallet is not theirs to see; those who keep the books see both.
    assert_eq!(seen[0].get("counterpartyWalletId"), None);
    let all = house.clerk().get(&path).await;
    assert_eq!(all.body["items"][0]["counterpartyWalletId"], json!(till));
    assert_eq!(all.body["items"][0]["referenceId"], held.body["id"]);
}

#[tokio::test]
async fn a_frozen_wallet_takes_part_in_nothing_new_and_an_empty_one_is_closed_for_good() {
    let house = House::open().await;
    let (_, patient, wallet) = house.patient_with(1_000).await;
    let till = house.till().await;
    let clerk = house.clerk();
    let stand = |what: &'static str| {
        let (clerk, path) = (clerk.clone(), format!("/wallets/{wallet}/{what}"));
        async move { clerk.post(&path, Value::Null).await }
    };
    let pay = |key: &'static str| {
        let wish = json!({
            "fromWalletId": wallet, "toWalletId": till,
            "amount": { "amount": "10.00", "currency": "EUR" },
        });
        let patient = patient.key(key);
        async move { patient.post("/payments", wish).await }
    };
    let freeze = format!("/wallets/{wallet}/freeze");
    let stale = clerk.if_match(9).post(&freeze, Value::Null).await;
    assert_eq!(stale.status, 412);
    let frozen = stand("freeze").await;
    assert_eq!(frozen.body["standing"], "FROZEN");
    assert_eq!(frozen.header("etag"), Some("\"2\""));
    assert_eq!(stand("freeze").await.header("etag"), Some("\"2\""));
    assert_eq!(pay("1").await.code(), Some("ACCOUNT_FROZEN"));
    assert_eq!(stand("close").await.code(), Some("WALLET_NOT_EMPTY"));
    assert_eq!(stand("unfreeze").await.body["standing"], "OPEN");
    assert_eq!(pay("2").await.status, 201);
    assert_eq!(stand("close").await.body["standing"], "CLOSED");
    assert_eq!(stand("unfreeze").await.code(), Some("ACCOUNT_CLOSED"));
    assert_eq!(pay("3").await.status, 409);
    let from_till = json!({
        "fromWalletId": till, "toWalletId": wallet,
        "amount": { "amount": "10.00", "currency": "EUR" },
    });
    let into_it = clerk.key("4").post("/payments", from_till).await;
    assert_eq!(into_it.code(), Some("ACCOUNT_CLOSED"));
    let by_patient = patient.post(&freeze, Value::Null).await;
    assert_eq!(by_patient.status, 403);
    let changes: Vec<_> = house
        .published()
        .await
        .into_iter()
        .filter(|(name, _)| name == "wallet-standing-changed")
        .map(|(_, data)| data["standing"].clone())
        .collect();
    assert_eq!(changes, ["FROZEN", "OPEN", "CLOSED"]);
    house.is_sound().await;
}
