//! A person is erased by two administrators. Unique words are put into everything that
//! is about them; afterwards neither the API nor a dump of the database has any, no key
//! of theirs is left, and everybody else is as before.

use galen_client::Client;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::canaries::{book, dump, tables, told};
use crate::hospital::Hospital;
use crate::world::{booking, doctor, eventually, expect_status, text, tomorrow, user};

/// A word that nobody else has, of letters.
fn word(words: &mut Vec<String>) -> String {
    let word: String = Uuid::new_v4()
        .simple()
        .to_string()
        .chars()
        .map(|c| char::from(b'a' + c.to_digit(16).map_or(0, |d| d as u8)))
        .take(20)
        .collect();
    words.push(word.clone());
    word
}

async fn post(client: &Client, path: &str, body: &Value, status: u16) -> Value {
    let reply = client.post(path, body).await.expect("an answer");
    expect_status(&reply, status)
}

async fn get(client: &Client, path: &str) -> (u16, Value) {
    let reply = client.get(path).await.expect("an answer");
    (reply.status.as_u16(), reply.json().expect("JSON"))
}

/// Somebody of whom everything that is said is a word of their own.
async fn somebody(admin: &Client, practitioner: &str, hour: i64) -> (String, Vec<String>) {
    let mut words = Vec::new();
    let mut word = || word(&mut words);
    let desk = user(admin, &["RECEPTIONIST"], None).await;
    let nurse = user(admin, &["NURSE"], None).await;
    let body = json!({
        "givenName": word(),
        "familyName": word(),
        "birthDate": "1944-04-04",
        "sex": "FEMALE",
        "email": format!("{}@example.com", word()),
        "address": { "line": format!("{} 1", word()), "city": word() },
        "nationalId": word(),
        "identifiers": [{ "system": "https://elsewhere.example/numbers", "value": word() }],
        "coverages": [{ "planId": "90001", "policyNumber": word(), "payerName": word(), "validFrom": "2026-01-01", "priority": 1 }],
    });
    let path = "/api/v1/patients?acknowledgeDuplicates=true";
    let id = text(&post(&desk, path, &body, 201).await, "id");
    let code = |display: String| json!({ "system": "http://snomed.info/sct", "code": "91936005", "display": display });
    let of = |part: &str| format!("/api/v1/patients/{id}/{part}");
    let condition = json!({ "code": code(word()), "clinicalStatus": "ACTIVE", "identifier": { "system": "s", "value": word() } });
    post(&nurse, &of("conditions"), &condition, 201).await;
    let allergy = json!({ "code": code(word()), "clinicalStatus": "ACTIVE", "reaction": word() });
    post(&nurse, &of("allergies"), &allergy, 201).await;
    let note = json!({ "title": word(), "text": word() });
    post(&nurse, &of("notes"), &note, 201).await;
    let mut wish = booking(&id, practitioner, tomorrow(60 * hour), 20);
    wish["reason"] = word().into();
    let appointment = book(&desk, &wish).await;
    told(admin, &id, &appointment).await;
    (id, words)
}

/// The words that are in a dump, but in answers that are kept for a day in case their
/// request is repeated.
fn found<'a>(dump: &str, words: &'a [String]) -> Vec<(&'a str, String)> {
    let mut found = Vec::new();
    for (table, rows) in tables(dump) {
        if table.ends_with(".idempotency") {
            continue;
        }
        for word in words {
            if rows.contains(word.as_str()) || rows.contains(&hex(word)) {
                found.push((word.as_str(), table.to_owned()));
            }
        }
    }
    found
}

fn hex(word: &str) -> String {
    word.bytes().map(|b| format!("{b:02x}")).collect()
}

/// The mails in the data directory that have one of the words.
fn mails(hospital: &Hospital, words: &[String]) -> usize {
    std::fs::read_dir(hospital.dir().join("notifications/mail"))
        .expect("the directory of mails")
        .filter(|entry| {
            let path = entry.as_ref().expect("a file").path();
            let mail = std::fs::read_to_string(path).unwrap_or_default();
            words.iter().any(|word| mail.contains(word.as_str()))
        })
        .count()
}

/// Erases somebody, and waits until everybody who heard it is done.
async fn erase(hospital: &Hospital, patient: &str, words: &[String]) {
    let (one, two) = (
        hospital.admin().await,
        user(&hospital.admin().await, &["ADMIN"], None).await,
    );
    let why = json!({ "reason": "asked for it in writing" });
    let path = format!("/api/v1/patients/{patient}/erase");
    let erasure = text(&post(&one, &path, &why, 201).await, "id");
    let approve = format!("/api/v1/erasures/{erasure}/approve");
    let alone = post(&one, &approve, &Value::Null, 409).await;
    assert_eq!(alone["code"], "OWN_ERASURE_REQUEST");
    post(&two, &approve, &Value::Null, 200).await;
    eventually("the keys are erased", || async {
        let (_, done) = get(&one, "/api/v1/erasures?status=DONE").await;
        match done["items"].as_array().map(Vec::len) {
            Some(1) => Ok(done),
            _ => Err(done.to_string()),
        }
    })
    .await;
    eventually("everybody has heard of it", || async {
        let (_, page) = get(&one, &format!("/api/v1/appointments?patientId={patient}")).await;
        let (_, accounts) = get(&one, "/api/v1/users?username=erased-").await;
        let reasons = page["items"]
            .as_array()
            .is_none_or(|items| items.iter().any(|item| item["reason"].is_string()));
        let accounts = accounts["items"].as_array().map_or(0, Vec::len);
        if reasons || accounts != 1 || mails(hospital, words) > 0 {
            Err(format!("{page} {accounts}"))
        } else {
            Ok(page)
        }
    })
    .await;
}

/// What is asked for, of one who goes and one who stays.
pub(crate) async fn nothing_of_an_erased_person_is_left_to_read() {
    let hospital = Hospital::fresh();
    let admin = hospital.admin().await;
    let practitioner = doctor(&admin, 3).await;
    let (gone, words) = somebody(&admin, &practitioner, 10).await;
    let (stays, others) = somebody(&admin, &practitioner, 12).await;
    assert!(mails(&hospital, &words) > 0, "mails are found");
    let nurse = user(&admin, &["NURSE"], None).await;
    let record = |id: &str| format!("/api/v1/patients/{id}/timeline");
    let before = get(&nurse, &record(&stays)).await;

    erase(&hospital, &gone, &words).await;

    for path in [
        format!("/api/v1/patients/{gone}"),
        format!("/api/v1/patients/{gone}/notes"),
        format!("/api/v1/patients/{gone}/coverages"),
        record(&gone),
    ] {
        let (status, problem) = get(&nurse, &path).await;
        assert_eq!(
            (status, &problem["code"]),
            (404, &json!("PATIENT_ERASED")),
            "{path}"
        );
    }
    let (_, page) = get(&nurse, &format!("/api/v1/patients?query={}", words[1])).await;
    assert_eq!(page["items"], json!([]));
    let (_, page) = get(&nurse, &format!("/api/v1/patients?query={}", others[1])).await;
    assert_eq!(page["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(get(&nurse, &record(&stays)).await, before);
    assert!(mails(&hospital, &others) > 0, "those of others stay");
    let (_, appointments) = get(&admin, &format!("/api/v1/appointments?patientId={gone}")).await;
    assert_eq!(
        appointments["items"].as_array().map(Vec::len),
        Some(1),
        "that it was stays"
    );

    let dump = dump(&hospital);
    assert_eq!(found(&dump, &words), []);
    let keys = tables(&dump)
        .find_map(|(table, rows)| (table == "patients.data_key").then_some(rows))
        .expect("the keys are in the dump");
    let theirs: Vec<&str> = keys.lines().filter(|row| row.contains(&gone)).collect();
    assert!(
        !theirs.is_empty(),
        "what is left says that they were erased"
    );
    for key in theirs {
        assert!(!key.contains("\\\\x"), "a key of theirs: {key}");
    }
    assert!(
        keys.lines()
            .any(|row| row.contains(&stays) && row.contains("\\\\x")),
        "the keys of others stay"
    );
    let (holds, report) = hospital.verify();
    assert!(holds, "{report}");
}
