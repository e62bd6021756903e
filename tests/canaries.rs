//! What is said about a person stays where it belongs. Unique words are put into every
//! field, a whole journey is made (with a delivery that fails), and then everything the
//! system keeps or says is searched for them.

mod sink;
mod words;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};

use futures::StreamExt as _;
use galen_client::{Client, Reply};
use http::{HeaderMap, Method};
use serde_json::{Value, json};

use self::sink::Sink;
use self::words::{Canaries, Canary};
use crate::hospital::{ADMIN_PASSWORD, Hospital, galen};
use crate::journeys::credential_token;
use crate::poison::publish_as_patients;
use crate::world::{booking, doctor, eventually, expect_status, patient, text, tomorrow, user};

/// Where each kind of word may be in the clear. Nowhere else: no other table, no event, no
/// dead letter, no timer, no log, no metric, no trace. Who somebody is, their record,
/// why they come or cancel, and the stored answers to requests are sealed.
const PLACES: &[(&str, &[&str])] = &[
    ("demographics", &[]),
    ("record", &[]),
    ("reason", &["patients.merge_event", "patients.duplicate"]),
    ("complaint", &[]),
    // What nobody should ever have stored.
    ("secret", &[]),
];

/// Searches everything after a journey with words in every field.
pub(crate) async fn words_about_people_stay_where_they_belong() {
    let sink = Sink::listen().await;
    let mut hospital =
        Hospital::logging(&[("GALEN_LOG", "debug"), ("GALEN_OTLP_ENDPOINT", sink.url())]);
    let mut canaries = Canaries::default();
    let heard = follow(&hospital).await;
    let mut journey = Journey {
        said: Vec::new(),
        hospital: &hospital,
        canaries: &mut canaries,
    };
    let (anna, bela) = journey.run().await;
    let answers = journey.said;

    let metrics = metrics(&hospital).await;
    assert!(
        metrics.contains("galen_http_request_seconds"),
        "metrics were read"
    );
    let dump = dump(&hospital);
    assert!(hospital.stop(), "a clean stop flushes the traces");
    let traces = sink.received();
    assert!(
        traces.len() > 1000,
        "traces were exported: {} bytes",
        traces.len()
    );
    let log = hospital.log();
    assert!(log.contains(" DEBUG "), "the log has debug lines");

    let mut leaks: BTreeSet<String> = BTreeSet::new();
    let mut search = |place: &str, text: &[u8], allowed: &dyn Fn(&Canary) -> bool| {
        for found in canaries
            .in_text(text)
            .into_iter()
            .filter(|canary| !allowed(canary))
        {
            leaks.insert(format!("{} of {} in {place}", found.field, found.owner));
        }
    };
    let mut places = BTreeSet::new();
    for (table, rows) in tables(&dump) {
        let may = |canary: &Canary| {
            PLACES
                .iter()
                .any(|(kind, tables)| *kind == canary.kind && tables.contains(&table))
        };
        search(table, rows.as_bytes(), &may);
        let here = canaries.in_text(rows.as_bytes());
        places.extend(here.iter().map(|canary| (table, canary.field)));
    }
    search("the log", log.as_bytes(), &|_| false);
    search("/metrics", metrics.as_bytes(), &|_| false);
    search("the traces", &traces, &|_| false);
    search(
        "the live stream",
        heard.lock().expect("not poisoned").as_slice(),
        &|_| false,
    );
    for (what, answer) in &answers {
        search(what, answer.as_bytes(), &|_| false);
    }
    for (path, content) in files(hospital.dir()) {
        let name = path
            .strip_prefix(hospital.dir())
            .unwrap_or(&path)
            .display()
            .to_string();
        search("the name of a file", name.as_bytes(), &|_| false);
        let addressee = [&anna, &bela].into_iter().find(|owner| {
            canaries
                .all
                .iter()
                .any(|c| c.owner == **owner && c.field == "email" && c.is_in(&content))
        });
        let is_mail = name.ends_with(".eml");
        search(&name, &content, &|canary| {
            // A mail holds its addressee's name and address, and no more of them.
            is_mail
                && Some(&canary.owner) == addressee
                && ["givenName", "familyName", "email"].contains(&canary.field)
        });
    }
    assert!(
        leaks.is_empty(),
        "leaks:\n{}",
        Vec::from_iter(leaks).join("\n")
    );
    // The search finds what is there to be found.
    let wanted = ("patients.merge_event", "mergeReason");
    assert!(
        places.contains(&wanted),
        "{wanted:?} is not found: {places:?}"
    );
}

/// The search itself, on words written in every way.
pub(crate) async fn every_spelling_of_a_word_is_found() {
    words::every_spelling_is_found();
}

/// Two people, and all that is said about them.
struct Journey<'a> {
    hospital: &'a Hospital,
    canaries: &'a mut Canaries,
    /// Answers that must not repeat what was said, by what they answer.
    said: Vec<(String, String)>,
}

impl Journey<'_> {
    /// Returns the two owners of words.
    async fn run(&mut self) -> (String, String) {
        let admin = self.hospital.admin().await;
        let desk = user(&admin, &["RECEPTIONIST"], None).await;
        let practitioner = doctor(&admin, 3).await;
        let physician = user(&admin, &["DOCTOR"], Some(&practitioner)).await;
        let (anna, anna_body) = self.register(&desk, "Anna").await;
        let (bela, bela_body) = self.register(&desk, "Bela").await;
        self.searches(&desk, &anna_body).await;
        self.secrets(&desk, &anna).await;
        self.refusals(&desk, &anna, &anna_body, &bela, &bela_body)
            .await;

        let mut body = booking(&anna, &practitioner, tomorrow(600), 20);
        body["reason"] = self.word("Anna", "complaint", "reason").into();
        let appointment = book(&desk, &body).await;
        told(&admin, &anna, &appointment).await;
        self.record(&physician, &anna).await;
        let again = book(&desk, &{
            let mut body = booking(&bela, &practitioner, tomorrow(660), 20);
            body["reason"] = self.word("Bela", "complaint", "reason").into();
            body
        })
        .await;
        let cancel = json!({ "reasonCode": "PATIENT_REQUEST", "reason": self.word("Bela", "complaint", "cancelReason") });
        done(
            desk.post(&format!("/api/v1/appointments/{again}/cancel"), &cancel)
                .await,
        );
        self.break_the_glass(&admin, &anna).await;
        self.merge_and_part(&desk).await;
        self.dead_letter(&admin, &bela).await;
        ("Anna".to_owned(), "Bela".to_owned())
    }

    fn word(&mut self, owner: &str, kind: &'static str, field: &'static str) -> String {
        self.canaries.word(owner, kind, field)
    }

    /// Registers somebody of whom every field is a word of their own.
    async fn register(&mut self, desk: &Client, owner: &str) -> (String, Value) {
        let phone = self.canaries.digits(owner, "demographics", "phone");
        // The only people of this hospital who were born in those years.
        let birth_date = if owner == "Anna" {
            "1931-03-17"
        } else {
            "1932-11-23"
        };
        self.canaries
            .known(owner, "demographics", "birthDate", birth_date);
        let mut word = |field| self.canaries.word(owner, "demographics", field);
        let body = json!({
            "givenName": word("givenName"),
            "familyName": word("familyName"),
            "birthDate": birth_date,
            "sex": "FEMALE",
            "email": format!("{}@example.com", word("email")),
            "phone": format!("+49{phone}"),
            "address": { "line": format!("{} 1", word("line")), "city": word("city"), "postalCode": word("postalCode") },
            "nationalId": word("nationalId"),
            "language": "en",
            "identifiers": [{ "system": "https://elsewhere.example/numbers", "value": word("identifier") }],
            "coverages": [{ "planId": "90001", "policyNumber": word("policyNumber"), "payerName": word("payerName"), "validFrom": "2026-01-01", "priority": 1 }],
        });
        let reply = desk
            .post("/api/v1/patients?acknowledgeDuplicates=true", &body)
            .await
            .expect("an answer");
        (text(&expect_status(&reply, 201), "id"), body)
    }

    /// Words in queries, which logs and traces must not repeat.
    async fn searches(&mut self, desk: &Client, body: &Value) {
        let identifier = &body["identifiers"][0];
        for query in [
            format!("query={}", text(body, "familyName")),
            format!("email={}", text(body, "email").replace('@', "%40")),
            format!("phone={}", text(body, "phone").replace('+', "%2B")),
            format!(
                "identifier={}%7C{}",
                text(identifier, "system"),
                text(identifier, "value")
            ),
            format!("birthDate={}", text(body, "birthDate")),
        ] {
            let reply = desk
                .get(&format!("/api/v1/patients?{query}"))
                .await
                .expect("an answer");
            let found = expect_status(&reply, 200);
            assert_eq!(
                found["items"].as_array().map(Vec::len).map(|n| n > 0),
                Some(true),
                "{query}: {found}"
            );
        }
    }

    /// What is typed in secret: a password, a link, tokens, a password in the wrong field.
    async fn secrets(&mut self, desk: &Client, anna: &str) {
        let link = credential_token(self.hospital.dir(), desk, anna).await;
        let password = format!("{} and more", self.word("Anna", "secret", "password"));
        let anonymous = self.hospital.anonymous();
        let set = json!({ "token": link, "newPassword": password });
        done(send(&anonymous, "/api/v1/auth/password/set", &set).await);
        let path = format!("/api/v1/patients/{anna}");
        let mrn = text(
            &expect_status(&desk.get(&path).await.expect("an answer"), 200),
            "mrn",
        );
        let login = json!({ "username": mrn, "password": password });
        let reply = send(&anonymous, "/api/v1/auth/login", &login)
            .await
            .expect("an answer");
        let tokens = expect_status(&reply, 200);
        let refresh = json!({ "refreshToken": text(&tokens, "refreshToken") });
        done(send(&anonymous, "/api/v1/auth/refresh", &refresh).await);
        self.canaries.known(
            "Anna",
            "secret",
            "refreshToken",
            &text(&tokens, "refreshToken"),
        );
        self.canaries.known(
            "Anna",
            "secret",
            "accessToken",
            text(&tokens, "accessToken")
                .rsplit('.')
                .next()
                .unwrap_or_default(),
        );
        self.canaries
            .known("admin", "secret", "adminPassword", ADMIN_PASSWORD);

        let typed = self.word("Anna", "secret", "passwordAsUsername");
        let wrong =
            json!({ "username": typed, "password": self.word("Anna", "secret", "wrongPassword") });
        let reply = send(&anonymous, "/api/v1/auth/login", &wrong)
            .await
            .expect("an answer");
        assert_eq!(reply.status.as_u16(), 401);
        self.keep("a refused login", &reply);
    }

    /// Refusals tell what is wrong, not what else was said or what others have said.
    async fn refusals(
        &mut self,
        desk: &Client,
        anna: &str,
        anna_body: &Value,
        bela: &str,
        bela_body: &Value,
    ) {
        let mut twin = bela_body.clone();
        twin["nationalId"] = anna_body["nationalId"].clone();
        let reply = desk
            .post("/api/v1/patients?acknowledgeDuplicates=true", &twin)
            .await
            .expect("an answer");
        assert_eq!(
            reply.status.as_u16(),
            409,
            "{}",
            String::from_utf8_lossy(&reply.body)
        );
        self.keep("a registration with somebody's national id", &reply);
        let mut wrong = anna_body.clone();
        wrong["birthDate"] = "1931-02-30".into();
        wrong["address"]["country"] = "Germany".into();
        let reply = desk
            .post("/api/v1/patients", &wrong)
            .await
            .expect("an answer");
        assert_eq!(reply.status.as_u16(), 400);
        self.keep("a registration with wrong fields", &reply);
        let taken = json!({ "nationalId": anna_body["nationalId"] });
        let reply = desk
            .request(
                Method::PATCH,
                &format!("/api/v1/patients/{bela}"),
                Some(&taken),
                HeaderMap::new(),
            )
            .await
            .expect("an answer");
        assert_eq!(
            reply.status.as_u16(),
            409,
            "{}",
            String::from_utf8_lossy(&reply.body)
        );
        self.keep("a change to somebody's national id", &reply);
        let nobody = user(&self.hospital.admin().await, &["PATIENT"], None).await;
        for path in [
            format!("/api/v1/patients/{anna}"),
            format!("/api/v1/patients/{anna}/notes"),
            format!("/api/v1/patients/{anna}/timeline"),
        ] {
            let reply = nobody.get(&path).await.expect("an answer");
            assert!(reply.status.is_client_error(), "{path}: {}", reply.status);
            self.keep("an answer to a stranger", &reply);
        }
        for path in [
            format!("/api/v1/patients/{}", text(anna_body, "familyName")),
            format!("/api/v1/{}", text(anna_body, "familyName")),
        ] {
            let reply = desk.get(&path).await.expect("an answer");
            assert_eq!(reply.status.as_u16(), 404, "{path}");
            self.keep("an answer to a path of words", &reply);
        }
    }

    /// The clinical record, by who treats the patient.
    async fn record(&mut self, physician: &Client, anna: &str) {
        let mut word = |field| self.canaries.word("Anna", "record", field);
        let coding = |display: String| json!({ "system": "http://snomed.info/sct", "code": "91936005", "display": display });
        let at = |what: &str| format!("/api/v1/patients/{anna}/{what}");
        eventually("the physician cares for Anna", || async {
            let reply = physician
                .get(&at("timeline"))
                .await
                .map_err(|error| error.to_string())?;
            if reply.status.as_u16() == 200 {
                Ok(Value::Null)
            } else {
                Err(reply.status.to_string())
            }
        })
        .await;
        let condition = json!({ "code": coding(word("diagnosis")), "clinicalStatus": "ACTIVE", "onset": "2020-01-01" });
        done(physician.post(&at("conditions"), &condition).await);
        let allergy = json!({ "code": coding(word("allergy")), "clinicalStatus": "ACTIVE", "category": "MEDICATION", "reaction": word("reaction") });
        done(physician.post(&at("allergies"), &allergy).await);
        let note = json!({ "title": word("noteTitle"), "text": format!("She says: {}", word("noteText")) });
        let reply = physician
            .post(&at("notes"), &note)
            .await
            .expect("an answer");
        let note = text(&expect_status(&reply, 201), "id");
        let error = json!({ "reason": word("errorReason") });
        done(
            physician
                .post(&at(&format!("notes/{note}/entered-in-error")), &error)
                .await,
        );
        let reply = physician.get(&at("timeline")).await.expect("an answer");
        expect_status(&reply, 200);
    }

    /// Reasons of somebody who does not treat the patient and has to see the record, and
    /// of who judges that.
    async fn break_the_glass(&mut self, admin: &Client, anna: &str) {
        let practitioner = doctor(admin, 1).await;
        let stranger = user(admin, &["DOCTOR"], Some(&practitioner)).await;
        let reason = json!({ "reason": self.word("Anna", "reason", "emergency"), "minutes": 30 });
        let path = format!("/api/v1/patients/{anna}/break-glass");
        let reply = stranger.post(&path, &reason).await.expect("an answer");
        let broken = text(&expect_status(&reply, 201), "id");
        let read = stranger
            .get(&format!("/api/v1/patients/{anna}/notes"))
            .await;
        done(read);
        let review =
            json!({ "outcome": "JUSTIFIED", "comment": self.word("Anna", "reason", "judgement") });
        let path = format!("/api/v1/break-glass/{broken}/review");
        done(admin.post(&path, &review).await);
    }

    /// Reasons of merging and of parting.
    async fn merge_and_part(&mut self, desk: &Client) {
        let (retired, survivor) = (patient(desk).await, patient(desk).await);
        let merge =
            json!({ "intoId": survivor, "reason": self.word("somebody", "reason", "mergeReason") });
        done(
            desk.post(&format!("/api/v1/patients/{retired}/merge"), &merge)
                .await,
        );
        let part = json!({ "reason": self.word("somebody", "reason", "unmergeReason") });
        done(
            desk.post(&format!("/api/v1/patients/{retired}/unmerge"), &part)
                .await,
        );
    }

    /// An event that cannot be read, and one of the same patient behind it.
    async fn dead_letter(&mut self, admin: &Client, bela: &str) {
        let pool = self.hospital.superuser().await;
        publish_as_patients(&pool, bela, b"\xff\xff\xff").await;
        let reason = json!({ "reason": self.word("Bela", "reason", "deactivationReason") });
        done(
            admin
                .post(&format!("/api/v1/patients/{bela}/deactivate"), &reason)
                .await,
        );
        let letters = eventually("the dead letter is there", || async {
            let page: Value = admin
                .get("/api/v1/ops/dead-letters?limit=200")
                .await
                .map_err(|e| e.to_string())?
                .json()
                .map_err(|e| e.to_string())?;
            let dead = page["items"]
                .as_array()
                .into_iter()
                .flatten()
                .any(|l| l["key"] == bela && l["state"] == "dead" && l["blockedBehind"] == 1);
            if dead {
                Ok(page)
            } else {
                Err(page.to_string())
            }
        })
        .await;
        self.said
            .push(("the dead letters".to_owned(), letters.to_string()));
        let ids: Vec<String> = letters["items"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|letter| letter["id"].to_string())
            .collect();
        for path in ids
            .iter()
            .map(|id| format!("/api/v1/ops/dead-letters/{id}"))
            .chain(
                [
                    "/api/v1/ops/overview",
                    "/api/v1/ops/sagas?limit=200",
                    "/api/v1/ops/jobs",
                    "/api/v1/notifications?limit=200",
                ]
                .map(str::to_owned),
            )
        {
            let reply = admin.get(&path).await.expect("an answer");
            assert_eq!(reply.status.as_u16(), 200, "{path}");
            self.keep(&path, &reply);
        }
    }

    fn keep(&mut self, what: &str, reply: &Reply) {
        self.said.push((
            what.to_owned(),
            String::from_utf8_lossy(&reply.body).into_owned(),
        ));
    }
}

async fn send(
    client: &Client,
    path: &str,
    body: &Value,
) -> Result<Reply, galen_client::ClientError> {
    client
        .send(Method::POST, path, Some(body), HeaderMap::new())
        .await
}

#[track_caller]
fn done(reply: Result<Reply, galen_client::ClientError>) {
    let reply = reply.expect("an answer");
    assert!(
        reply.status.is_success(),
        "{} {}",
        reply.status,
        String::from_utf8_lossy(&reply.body)
    );
}

pub(crate) async fn book(desk: &Client, body: &Value) -> String {
    let booked = eventually("a booking", || async {
        let reply = desk
            .post("/api/v1/appointments", body)
            .await
            .map_err(|e| e.to_string())?;
        if reply.status.as_u16() == 201 {
            reply.json().map_err(|e| e.to_string())
        } else {
            Err(String::from_utf8_lossy(&reply.body).into_owned())
        }
    })
    .await;
    text(&booked, "id")
}

/// Waits until the patient has got the confirmation.
pub(crate) async fn told(admin: &Client, patient: &str, appointment: &str) {
    eventually("the confirmation is sent", || async {
        let path = format!("/api/v1/notifications?recipientId={patient}&limit=200");
        let page: Value = admin
            .get(&path)
            .await
            .map_err(|e| e.to_string())?
            .json()
            .map_err(|e| e.to_string())?;
        let sent = page["items"]
            .as_array()
            .into_iter()
            .flatten()
            .any(|m| m["aboutId"] == appointment && m["status"] == "SENT");
        if sent {
            Ok(Value::Null)
        } else {
            Err(page.to_string())
        }
    })
    .await;
}

/// Collects what the live stream tells the administrator.
async fn follow(hospital: &Hospital) -> Arc<Mutex<Vec<u8>>> {
    let token = hospital.admin().await.token().await.expect("logged in");
    let response = reqwest::Client::new()
        .get(format!("{}/api/v1/stream", hospital.base()))
        .bearer_auth(token)
        .send()
        .await
        .expect("an answer");
    assert_eq!(response.status().as_u16(), 200);
    let heard = Arc::new(Mutex::new(Vec::new()));
    let ear = Arc::clone(&heard);
    tokio::spawn(async move {
        let mut events = response.bytes_stream();
        while let Some(Ok(bytes)) = events.next().await {
            ear.lock().expect("not poisoned").extend_from_slice(&bytes);
        }
    });
    heard
}

/// What Prometheus would read.
async fn metrics(hospital: &Hospital) -> String {
    let log = hospital.log();
    let address = log
        .split_once(" ops=")
        .and_then(|(_, rest)| rest.split_whitespace().next())
        .expect("the log says where operators look");
    let response = reqwest::get(format!("http://{address}/metrics"))
        .await
        .expect("an answer");
    response.text().await.expect("text")
}

/// Every row of every schema, as the operator would dump it.
pub(crate) fn dump(hospital: &Hospital) -> String {
    let output = galen()
        .args(["psql", "--tool", "pg_dump", "--data-dir"])
        .arg(hospital.dir())
        .args(["--", "--data-only"])
        .output()
        .expect("pg_dump runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "pg_dump: {said}");
    String::from_utf8(output.stdout).expect("a dump in UTF-8")
}

/// The tables of a dump with their rows.
pub(crate) fn tables(dump: &str) -> impl Iterator<Item = (&str, &str)> {
    dump.split("\nCOPY ").skip(1).filter_map(|section| {
        let (head, rows) = section.split_once('\n')?;
        let table = head.split(' ').next()?;
        Some((table, rows.split("\n\\.\n").next().unwrap_or(rows)))
    })
}

/// Every file of the data directory but those of the database itself.
fn files(dir: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.ends_with("postgres/data") || path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            found.extend(files(&path));
        } else if let Ok(content) = std::fs::read(&path) {
            found.push((path, content));
        }
    }
    found
}
