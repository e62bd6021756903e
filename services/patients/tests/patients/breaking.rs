//! Breaking the glass: who may, for how long, who is told, and who judges it.

use futures::future::join_all;
use galen_access::{Principal, Role};
use galen_service::audit::Actor;
use galen_service::testing::TestCaller;
use http::StatusCode;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::hospital::{Doctor, Hospital, column, id};

fn emergency() -> Value {
    json!({ "reason": "Unconscious in the emergency room", "minutes": 30 })
}

async fn review(caller: &TestCaller, glass: &Value, outcome: &str) -> (StatusCode, Value) {
    let reply = caller
        .post(
            &format!("/break-glass/{}/review", id(glass)),
            json!({ "outcome": outcome, "comment": "looked into it" }),
        )
        .await;
    (reply.status, reply.body)
}

#[tokio::test]
async fn the_number_on_a_wristband_is_enough() {
    let hospital = Hospital::open().await;
    let patient = hospital.somebody("Anna", "Schmidt", "1985-03-12").await;
    let twin = hospital.somebody("Karl", "Kowalski", "1970-01-01").await;
    let number = hospital.read(&patient).await["mrn"].clone();
    let retired = hospital.read(&twin).await["mrn"].clone();
    let merged = hospital.merge(&twin, &patient).await;
    assert_eq!(merged.status, StatusCode::OK, "{}", merged.body);

    for known in [number, retired] {
        let doctor = hospital.doctor();
        let mut wish = emergency();
        wish["mrn"] = known;
        let glass = doctor.caller.post("/break-glass", wish).await;
        assert_eq!(glass.status, StatusCode::CREATED, "{}", glass.body);
        assert_eq!(glass.body["patientId"], json!(patient));
        assert_eq!(doctor.sees(&patient).await, StatusCode::OK);
        let user = Actor::User(doctor.caller.principal().user_id.uuid());
        let audited = hospital.api.audited();
        let opened = audited
            .iter()
            .find(|entry| entry.actor == user && entry.action == "POST /break-glass")
            .expect("it is written down");
        assert_eq!(opened.reason.as_deref(), Some("BREAK_GLASS"));
        assert_eq!(
            opened.patients,
            [patient.parse::<uuid::Uuid>().expect("an id")]
        );
    }
}

#[tokio::test]
async fn a_number_that_is_none_opens_nothing() {
    let hospital = Hospital::open().await;
    let doctor = hospital.doctor();
    for (mrn, status, pointer) in [
        ("G-0000123-59", 400, "/mrn"),
        ("nobody", 400, "/mrn"),
        ("G-0000123-58", 404, ""),
    ] {
        let mut wish = emergency();
        wish["mrn"] = json!(mrn);
        let reply = doctor.caller.post("/break-glass", wish).await;
        assert_eq!(reply.status.as_u16(), status, "{mrn}: {}", reply.body);
        let named = reply.body["errors"][0]["pointer"].as_str().unwrap_or("");
        assert_eq!(named, pointer, "{mrn}: {}", reply.body);
    }
}

#[tokio::test]
async fn the_glass_opens_one_record_to_one_account_for_its_minutes() {
    let hospital = Hospital::open().await;
    let patient = hospital.somebody("Anna", "Schmidt", "1985-03-12").await;
    let other = hospital.somebody("Karl", "Kowalski", "1970-01-01").await;
    let doctor = hospital.doctor();
    let colleague = Doctor {
        practitioner: doctor.practitioner,
        caller: hospital
            .api
            .as_practitioner(Role::Doctor, doctor.practitioner),
    };
    assert_eq!(doctor.sees(&patient).await, StatusCode::NOT_FOUND);

    let glass = doctor.breaks_the_glass(&patient, "Unconscious", 30).await;
    assert_eq!(glass["patientId"], json!(patient));
    assert_eq!(glass["userId"], json!(doctor.caller.principal().user_id));
    assert_eq!(glass["practitionerId"], json!(doctor.practitioner));
    assert_eq!(glass["reason"], "Unconscious");
    assert_eq!(glass["openedAt"], "2026-06-01T12:00:00Z");
    assert_eq!(glass["until"], "2026-06-01T12:30:00Z");
    assert_eq!(
        (&glass["status"], &glass["review"]),
        (&json!("OPEN"), &Value::Null)
    );

    assert_eq!(doctor.sees(&patient).await, StatusCode::OK);
    assert_eq!(doctor.sees(&other).await, StatusCode::NOT_FOUND);
    assert_eq!(colleague.sees(&patient).await, StatusCode::NOT_FOUND);
    let note = doctor
        .caller
        .post(
            &format!("/patients/{patient}/notes"),
            json!({ "text": "stable" }),
        )
        .await;
    assert_eq!(note.status, StatusCode::CREATED);
    let found = doctor.caller.get("/patients").await.body;
    assert_eq!(column(&found, "id"), [patient.as_str()]);
    // The audit log knows why: opening, reading and writing.
    let user = Actor::User(doctor.caller.principal().user_id.uuid());
    let audited = hospital.api.audited();
    let because: Vec<&str> = audited
        .iter()
        .filter(|entry| entry.actor == user && entry.reason.as_deref() == Some("BREAK_GLASS"))
        .map(|entry| entry.action.as_str())
        .collect();
    assert_eq!(
        because,
        [
            "POST /patients/{id}/break-glass",
            "GET /patients/{id}",
            "POST /patients/{id}/notes"
        ]
    );

    hospital
        .clock
        .advance(SignedDuration::from_secs(30 * 60 - 1));
    let doctor = Doctor {
        caller: hospital.again(&doctor.caller),
        ..doctor
    };
    assert_eq!(doctor.sees(&patient).await, StatusCode::OK);
    hospital.clock.advance(SignedDuration::from_secs(1));
    assert_eq!(doctor.sees(&patient).await, StatusCode::NOT_FOUND);
    let found = doctor.caller.get("/patients").await.body;
    assert_eq!(column(&found, "id"), Vec::<String>::new());
    hospital.is_sound().await;
}

#[tokio::test]
async fn the_glass_is_broken_by_those_who_treat_and_see_only_whom_they_care_for() {
    let hospital = Hospital::open().await;
    let patient = hospital.somebody("Anna", "Schmidt", "1985-03-12").await;
    let path = format!("/patients/{patient}/break-glass");
    for role in Role::ALL {
        let reply = hospital.api.as_role(*role).post(&path, emergency()).await;
        assert_eq!(reply.status, StatusCode::FORBIDDEN, "{role}");
    }
    let nobody = hospital.api.anonymous().post(&path, emergency()).await;
    assert_eq!(nobody.status, StatusCode::UNAUTHORIZED);
    let doctor = hospital.doctor();
    let missing = format!("/patients/{}/break-glass", hospital.clock.uuid());
    let reply = doctor.caller.post(&missing, emergency()).await;
    assert_eq!(reply.status, StatusCode::NOT_FOUND);
    assert_eq!(
        doctor.caller.post(&path, emergency()).await.status,
        StatusCode::CREATED
    );
}

#[tokio::test]
async fn the_glass_takes_a_reason_and_an_end() {
    let hospital = Hospital::open().await;
    let patient = hospital.somebody("Anna", "Schmidt", "1985-03-12").await;
    let path = format!("/patients/{patient}/break-glass");
    let doctor = hospital.doctor().caller;
    for (body, pointer) in [
        (json!({ "reason": "", "minutes": 5 }), "/reason"),
        (json!({ "reason": " \u{2003}", "minutes": 5 }), "/reason"),
        (json!({ "reason": "a\u{0}b", "minutes": 5 }), "/reason"),
        (
            json!({ "reason": "x".repeat(501), "minutes": 5 }),
            "/reason",
        ),
        (json!({ "reason": "x", "minutes": 0 }), "/minutes"),
        (json!({ "reason": "x", "minutes": 481 }), "/minutes"),
        (json!({ "reason": "x", "minutes": -1 }), "/minutes"),
        (json!({ "reason": "x", "minutes": 1e9 }), "/minutes"),
    ] {
        let reply = doctor.post(&path, body.clone()).await;
        assert_eq!(
            (reply.status, reply.pointers()),
            (StatusCode::BAD_REQUEST, vec![pointer]),
            "{body}"
        );
    }
    for body in [json!({ "reason": "x" }), json!({ "minutes": 5 })] {
        let reply = doctor.post(&path, body.clone()).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{body}");
    }
    assert!(hospital.published("break-glass-opened").await.is_empty());
}

#[tokio::test]
async fn the_patient_is_told_who_and_why() {
    let hospital = Hospital::open().await;
    let patient = hospital.somebody("Anna", "Schmidt", "1985-03-12").await;
    let other = hospital.somebody("Karl", "Kowalski", "1970-01-01").await;
    let doctor = hospital.doctor();
    let first = doctor.breaks_the_glass(&patient, "Unconscious", 30).await;
    hospital.clock.advance(SignedDuration::from_mins(2));
    let second = doctor.breaks_the_glass(&patient, "Again", 5).await;
    let (status, _) = review(&hospital.auditor(), &first, "UNJUSTIFIED").await;
    assert_eq!(status, StatusCode::OK);

    let anna = hospital.api.as_patient(patient.parse().expect("an id"));
    let path = format!("/patients/{patient}/access-log");
    let log = anna.get(&path).await.body;
    let shown = |glass: &Value, outcome: Value| {
        json!({
            "id": glass["id"], "kind": "BREAK_GLASS", "patientId": patient, "at": glass["openedAt"], "until": glass["until"],
            "userId": glass["userId"], "practitionerId": glass["practitionerId"], "reason": glass["reason"], "outcome": outcome,
        })
    };
    assert_eq!(
        log["items"],
        json!([
            shown(&second, Value::Null),
            shown(&first, json!("UNJUSTIFIED"))
        ])
    );
    // Page by page it is the same.
    let page = anna.get(&format!("{path}?limit=1")).await.body;
    let cursor = page["nextCursor"].as_str().expect("there is more");
    let rest = anna.get(&format!("{path}?limit=1&cursor={cursor}")).await;
    assert_eq!(column(&rest.body, "id"), [id(&first)]);

    for (caller, status) in [
        (hospital.auditor(), StatusCode::OK),
        (hospital.api.as_role(Role::Admin), StatusCode::OK),
        (hospital.desk(), StatusCode::FORBIDDEN),
        (hospital.nurse(), StatusCode::FORBIDDEN),
        (doctor.caller.clone(), StatusCode::FORBIDDEN),
        (
            hospital.api.as_patient(other.parse().expect("an id")),
            StatusCode::NOT_FOUND,
        ),
    ] {
        assert_eq!(caller.get(&path).await.status, status);
    }

    // Others hear of it without a word of what it was about.
    let told = hospital.published("break-glass-opened").await;
    assert_eq!(
        told[0],
        json!({
            "patientId": patient, "breakGlassId": first["id"], "userId": first["userId"], "practitionerId": first["practitionerId"],
            "openedAt": first["openedAt"], "until": first["until"],
        })
    );
    assert_eq!(told.len(), 2);
    assert_eq!(
        hospital.published("break-glass-reviewed").await,
        [json!({ "patientId": patient, "breakGlassId": first["id"], "outcome": "UNJUSTIFIED" })]
    );
}

#[tokio::test]
async fn the_glass_opens_the_person_and_the_log_is_the_persons() {
    let hospital = Hospital::open().await;
    let retired = hospital.somebody("Anna", "Schmidt", "1985-03-12").await;
    let survivor = hospital.somebody("Ana", "Schmidt", "1985-03-12").await;
    let merged = hospital.merge(&retired, &survivor).await;
    assert_eq!(merged.status, StatusCode::OK);
    let doctor = hospital.doctor();
    let glass = doctor
        .breaks_the_glass(&retired, "The card has the old number", 30)
        .await;
    for record in [&retired, &survivor] {
        assert_eq!(doctor.sees(record).await, StatusCode::OK);
        let log = hospital
            .auditor()
            .get(&format!("/patients/{record}/access-log"))
            .await
            .body;
        assert_eq!(column(&log, "id"), [id(&glass)]);
    }
}

#[tokio::test]
async fn each_is_judged_once_by_somebody_else() {
    let hospital = Hospital::open().await;
    let patient = hospital.somebody("Anna", "Schmidt", "1985-03-12").await;
    let doctor = hospital.doctor();
    let glass = doctor.breaks_the_glass(&patient, "Unconscious", 30).await;

    let both = hospital.api.as_principal(Principal {
        roles: vec![Role::Doctor, Role::Auditor],
        ..doctor.caller.principal().clone()
    });
    assert_eq!(
        review(&both, &glass, "JUSTIFIED").await.0,
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        review(&doctor.caller, &glass, "JUSTIFIED").await.0,
        StatusCode::FORBIDDEN
    );
    let auditor = hospital.auditor();
    assert_eq!(
        review(&auditor.if_match(2), &glass, "JUSTIFIED").await.0,
        StatusCode::PRECONDITION_FAILED
    );
    let unknown = json!({ "id": hospital.clock.uuid() });
    assert_eq!(
        review(&auditor, &unknown, "JUSTIFIED").await.0,
        StatusCode::NOT_FOUND
    );

    let auditors: Vec<TestCaller> = (0..6).map(|_| hospital.auditor()).collect();
    let answers = join_all(
        auditors
            .iter()
            .map(|auditor| review(auditor, &glass, "JUSTIFIED")),
    )
    .await;
    let judged: Vec<&Value> = answers
        .iter()
        .filter(|(status, _)| *status == StatusCode::OK)
        .map(|(_, body)| body)
        .collect();
    assert_eq!(judged.len(), 1);
    assert_eq!(judged[0]["status"], "REVIEWED");
    assert_eq!(judged[0]["review"]["outcome"], "JUSTIFIED");
    assert_eq!(judged[0]["review"]["comment"], "looked into it");
    assert_eq!(judged[0]["version"], 2);
    let late = answers
        .iter()
        .filter(|(status, body)| {
            *status == StatusCode::CONFLICT && body["code"] == "ALREADY_REVIEWED"
        })
        .count();
    assert_eq!(late, 5);
    assert_eq!(hospital.published("break-glass-reviewed").await.len(), 1);
    hospital.is_sound().await;
}

#[tokio::test]
async fn the_queue_holds_what_nobody_has_judged() {
    let hospital = Hospital::open().await;
    let patient = hospital.somebody("Anna", "Schmidt", "1985-03-12").await;
    let doctor = hospital.doctor();
    let mut glasses = Vec::new();
    for n in 0..5 {
        hospital.clock.advance(SignedDuration::from_secs(n % 2));
        glasses.push(
            doctor
                .breaks_the_glass(&patient, "Unconscious", 1 + u16::try_from(n).unwrap_or(0))
                .await,
        );
    }
    let auditor = hospital.auditor();
    let pages = async |status: &str| {
        let (mut seen, mut next) = (Vec::new(), String::new());
        loop {
            let path = format!("/break-glass?limit=2{status}{next}");
            let page = auditor.get(&path).await;
            assert_eq!(page.status, StatusCode::OK, "{}", page.body);
            seen.extend(column(&page.body, "id"));
            match page.body["nextCursor"].as_str() {
                Some(cursor) => next = format!("&cursor={cursor}"),
                None => return seen,
            }
        }
    };
    // Ids are in the order of time, and those of one millisecond in any order.
    glasses.sort_by_key(id);
    let ids: Vec<String> = glasses.iter().map(id).collect();
    assert_eq!(pages("").await, ids);
    for judged in [&glasses[3], &glasses[1]] {
        let (status, _) = review(&auditor, judged, "UNJUSTIFIED").await;
        assert_eq!(status, StatusCode::OK);
    }
    let at = |places: &[usize]| -> Vec<String> { places.iter().map(|n| ids[*n].clone()).collect() };
    assert_eq!(pages("&status=OPEN").await, at(&[0, 2, 4]));
    assert_eq!(pages("&status=REVIEWED").await, at(&[1, 3]));
    for caller in [hospital.desk(), hospital.nurse(), doctor.caller] {
        assert_eq!(
            caller.get("/break-glass").await.status,
            StatusCode::FORBIDDEN
        );
    }
    for query in ["status=GONE", "limit=0", "cursor=x", "x=1"] {
        assert_eq!(
            auditor.get(&format!("/break-glass?{query}")).await.status,
            StatusCode::BAD_REQUEST,
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_repeated_request_breaks_the_glass_once() {
    let hospital = Hospital::open().await;
    let patient = hospital.somebody("Anna", "Schmidt", "1985-03-12").await;
    let path = format!("/patients/{patient}/break-glass");
    let doctor = hospital.doctor().caller.key("again");
    let replies = join_all((0..4).map(|_| doctor.post(&path, emergency()))).await;
    let made = replies
        .iter()
        .filter(|reply| reply.status == StatusCode::CREATED)
        .map(|reply| id(&reply.body))
        .collect::<std::collections::BTreeSet<_>>();
    assert_eq!(made.len(), 1);
    assert_eq!(hospital.published("break-glass-opened").await.len(), 1);
}
