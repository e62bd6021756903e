//! Who may call what: every operation that is served, as every role, about what is
//! their own, what belongs to somebody they care for, and what belongs to neither.
//!
//! The expectation is `data/matrix.toml`; an operation without a row fails, and so
//! does a row without an operation. What is sent gets as far as the question whether
//! the caller may, and changes nothing: it names a version that nothing has.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt as _;
use galen_client::Client;
use jiff::{SignedDuration, Timestamp};
use prost::Message as _;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::hospital::Hospital;
use crate::world::{booking, doctor, eventually, expect_status, patient, text, tomorrow, user};

const ROLES: [&str; 10] = [
    "ADMIN",
    "RECEPTIONIST",
    "DOCTOR",
    "NURSE",
    "LAB_TECHNICIAN",
    "PHARMACIST",
    "BILLING",
    "OPERATOR",
    "AUDITOR",
    "PATIENT",
];

/// Requests under way at once.
const AT_ONCE: usize = 8;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    rest: BTreeMap<String, Row>,
    bodies: BTreeMap<String, String>,
    rpc: BTreeMap<String, String>,
}

/// What is expected of an operation.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Row {
    open: bool,
    anybody: bool,
    of: Option<String>,
    any: String,
    care: String,
    own: String,
    told: String,
}

/// Whose it is that is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Whose {
    Own,
    Related,
    Unrelated,
}

const WHOSE: [Whose; 3] = [Whose::Own, Whose::Related, Whose::Unrelated];

/// What the caller hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// Let in: whatever became of it then.
    Allowed,
    /// 401.
    Unauthenticated,
    /// 403.
    Forbidden,
    /// 404 for what is there.
    Unknown,
    /// 5xx, which nobody may hear.
    Broken,
}

impl Row {
    fn expected(&self, role: Option<&str>, whose: Whose) -> Answer {
        let among = |roles: &str| role.is_some_and(|role| roles.split(' ').any(|r| r == role));
        let when = |reached| {
            if reached {
                Answer::Allowed
            } else {
                Answer::Unknown
            }
        };
        if self.open {
            Answer::Allowed
        } else if role.is_none() {
            Answer::Unauthenticated
        } else if self.anybody || among(&self.any) {
            Answer::Allowed
        } else if among(&self.care) {
            when(whose == Whose::Related)
        } else if among(&self.own) {
            when(whose == Whose::Own)
        } else if among(&self.told) && whose != Whose::Own {
            Answer::Unknown
        } else {
            Answer::Forbidden
        }
    }

    fn heard(&self, status: u16) -> Answer {
        match status {
            401 => Answer::Unauthenticated,
            403 => Answer::Forbidden,
            // What nobody owns is asked for by a name that nothing has.
            404 if self.of.is_some() => Answer::Unknown,
            500.. => Answer::Broken,
            _ => Answer::Allowed,
        }
    }
}

fn table() -> Table {
    toml::from_str(include_str!("data/matrix.toml")).expect("the table can be read")
}

/// One set of things: what belongs to one patient, or to one practitioner.
type Things = BTreeMap<&'static str, BTreeMap<&'static str, String>>;

/// Everybody who asks, and everything that is asked about.
struct World {
    tokens: BTreeMap<&'static str, String>,
    things: BTreeMap<Whose, Things>,
    /// A nurse's own leave is another than a doctor's.
    of_nurse: Things,
    doctor: String,
    /// The hospital's wallet.
    till: String,
    start: Timestamp,
}

impl World {
    fn things(
        &self,
        role: Option<&str>,
        whose: Whose,
        of: &str,
    ) -> &BTreeMap<&'static str, String> {
        let set = if role == Some("NURSE") && whose == Whose::Own && of == "leave" {
            &self.of_nurse
        } else {
            &self.things[&whose]
        };
        set.get(of)
            .unwrap_or_else(|| panic!("the table names {of}, which the test does not make"))
    }

    /// The path, with what it names.
    fn path(&self, template: &str, things: Option<&BTreeMap<&'static str, String>>) -> String {
        let segments = template.split('/').map(|segment| {
            let name = segment.strip_prefix('{').and_then(|s| s.strip_suffix('}'));
            match (name, things) {
                (None, _) => segment.to_owned(),
                (Some(name), Some(things)) => things[name].clone(),
                (Some("name"), None) => "nothing".to_owned(),
                (Some(_), None) if template.starts_with("/ops/dead-letters") => "999999".to_owned(),
                (Some(_), None) => Uuid::nil().to_string(),
            }
        });
        segments.collect::<Vec<_>>().join("/")
    }

    fn body(&self, template: &str, things: Option<&BTreeMap<&'static str, String>>) -> String {
        let end = self.start + SignedDuration::from_mins(20);
        let latest = self.start + SignedDuration::from_hours(3);
        let id = things.and_then(|things| things.get("id"));
        template
            .replace("$patient", id.map_or("", String::as_str))
            .replace("$id", id.map_or("", String::as_str))
            .replace("$till", &self.till)
            .replace("$doctor", &self.doctor)
            .replace("$start", &self.start.to_string())
            .replace("$end", &end.to_string())
            .replace("$latest", &latest.to_string())
    }
}

/// Every operation as every role, about every relation.
pub(crate) async fn every_operation_answers_as_the_table_says(hospital: &Hospital) {
    let table = table();
    let admin = hospital.admin().await;
    let document = expect_status(&admin.get("/openapi.json").await.expect("an answer"), 200);
    let served = operations(&document);
    let rows: BTreeSet<String> = table.rest.keys().cloned().collect();
    let names: BTreeSet<String> = served.keys().cloned().collect();
    let without: Vec<_> = names.symmetric_difference(&rows).collect();
    assert!(
        without.is_empty(),
        "a row, or an operation, is missing: {without:#?}"
    );
    let strays: Vec<_> = table
        .bodies
        .keys()
        .filter(|name| !rows.contains(*name))
        .collect();
    assert!(strays.is_empty(), "bodies of nothing: {strays:?}");

    let world = world(hospital, &admin).await;
    let http = reqwest::Client::new();
    let mut wrong = Vec::new();
    // Whoever logs out is out: that comes last.
    let (last, first): (Vec<_>, Vec<_>) = table
        .rest
        .iter()
        .partition(|(name, _)| *name == "POST /auth/logout");
    for (name, row) in first.into_iter().chain(last) {
        let (method, template) = name.split_once(' ').expect("a method and a path");
        let body = table.bodies.get(name).map(String::as_str);
        let body = body.or(served[name].then_some("{}"));
        let relations: &[Whose] = if row.of.is_some() {
            &WHOSE
        } else {
            &WHOSE[2..]
        };
        let callers = ROLES.iter().map(|role| Some(*role)).chain([None]);
        let cases = callers.flat_map(|role| relations.iter().map(move |whose| (role, *whose)));
        let asked = futures::stream::iter(cases)
            .map(|(role, whose)| {
                let things = row.of.as_deref().map(|of| world.things(role, whose, of));
                let url = format!("{}/api/v1{}", hospital.base(), world.path(template, things));
                let mut request = http
                    .request(method.parse().expect("a method"), url)
                    .header("if-match", "\"999999\"")
                    .header("idempotency-key", Uuid::new_v4().to_string());
                if let Some(role) = role {
                    request = request.bearer_auth(&world.tokens[role]);
                }
                if let Some(body) = body {
                    request = request
                        .header("content-type", "application/json")
                        .body(world.body(body, things));
                }
                async move {
                    let status = request.send().await.expect("an answer").status().as_u16();
                    (role, whose, status)
                }
            })
            .buffer_unordered(AT_ONCE)
            .collect::<Vec<_>>()
            .await;
        for (role, whose, status) in asked {
            let (expected, heard) = (row.expected(role, whose), row.heard(status));
            if expected != heard {
                let who = role.unwrap_or("nobody");
                wrong.push(format!(
                    "{name} as {who} ({whose:?}): {status}, expected {expected:?}"
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} answers differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// What is served, and whether it takes a body.
fn operations(document: &Value) -> BTreeMap<String, bool> {
    let mut found = BTreeMap::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        let path = path.strip_prefix("/api/v1").unwrap_or(path);
        for (method, operation) in item.as_object().expect("an item") {
            let takes_body = operation.get("requestBody").is_some();
            found.insert(format!("{} {path}", method.to_uppercase()), takes_body);
        }
    }
    found
}

async fn world(hospital: &Hospital, admin: &Client) -> World {
    let ours = doctor(admin, 5).await;
    let theirs = doctor(admin, 5).await;
    let nursing = doctor(admin, 1).await;
    let physician = user(admin, &["DOCTOR"], Some(&ours)).await;
    let nurse = user(admin, &["NURSE"], Some(&nursing)).await;
    let mut tokens = BTreeMap::from([
        ("DOCTOR", physician.token().await.expect("logged in")),
        ("NURSE", nurse.token().await.expect("logged in")),
    ]);
    for role in ROLES {
        if !["DOCTOR", "NURSE", "PATIENT"].contains(&role) {
            let client = user(admin, &[role], None).await;
            tokens.insert(role, client.token().await.expect("logged in"));
        }
    }
    let (own, token) = somebody_registered(hospital).await;
    tokens.insert("PATIENT", token);
    let related = patient(admin).await;
    let unrelated = patient(admin).await;
    let mut things = BTreeMap::new();
    for (place, (whose, id, cared_for_by, absent)) in [
        (Whose::Own, &own, &theirs, &ours),
        (Whose::Related, &related, &ours, &theirs),
        (Whose::Unrelated, &unrelated, &theirs, &theirs),
    ]
    .into_iter()
    .enumerate()
    {
        let minutes = i64::try_from(place).expect("a few") * 60;
        let mut set = of_patient(admin, &nurse, id, cared_for_by, minutes).await;
        set.insert("leave", leave(admin, absent, 10 + minutes / 60).await);
        things.insert(whose, set);
    }
    let path = format!("/api/v1/patients/{related}");
    eventually("the doctor cares for a patient", || async {
        let reply = physician.get(&path).await.map_err(|e| e.to_string())?;
        match reply.status.as_u16() {
            200 => Ok(Value::Null),
            other => Err(other.to_string()),
        }
    })
    .await;
    let of_nurse = BTreeMap::from([("leave", leave(admin, &nursing, 20).await)]);
    let wish = json!({ "currency": "EUR", "kind": "HOSPITAL" });
    let till = created(admin, "/wallets", wish).await;
    World {
        tokens,
        things,
        of_nurse,
        doctor: theirs,
        till,
        start: tomorrow(36 * 60),
    }
}

/// A patient with an account and a record of their own, and a token that knows both.
async fn somebody_registered(hospital: &Hospital) -> (String, String) {
    let (username, password) = (
        format!("self-{}", Uuid::new_v4().simple()),
        "a long enough password",
    );
    let me = hospital.anonymous();
    let account = json!({ "username": username, "password": password });
    let reply = me.post("/api/v1/auth/register", &account).await;
    expect_status(&reply.expect("an answer"), 201);
    me.login(&username, password).await.expect("a new account");
    let record = patient(&me).await;
    eventually("the account knows its record", || async {
        let reply = me.get("/api/v1/auth/me").await.map_err(|e| e.to_string())?;
        let view = expect_status(&reply, 200);
        (view["patientId"] == json!(record))
            .then_some(Value::Null)
            .ok_or_else(|| view.to_string())
    })
    .await;
    me.login(&username, password)
        .await
        .expect("a known account");
    (record, me.token().await.expect("logged in"))
}

/// One of everything that can belong to a patient.
async fn of_patient(
    admin: &Client,
    nurse: &Client,
    id: &str,
    practitioner: &str,
    minutes: i64,
) -> Things {
    let start = tomorrow(60 + minutes);
    let mut set: Things = BTreeMap::new();
    let whole = |id: &str| BTreeMap::from([("id", id.to_owned())]);
    let part =
        |name: &'static str, part: String| BTreeMap::from([("id", id.to_owned()), (name, part)]);
    set.insert("patient", whole(id));
    for of in ["preferences", "account"] {
        set.insert(of, BTreeMap::from([("patientId", id.to_owned())]));
    }
    let made = created(
        admin,
        &format!("/patients/{id}/coverages"),
        json!({ "planId": "x", "policyNumber": "1", "validFrom": "2020-01-01", "priority": 1 }),
    )
    .await;
    set.insert("coverage", part("coverageId", made));
    let code =
        json!({ "system": "http://snomed.info/sct", "code": "91936005", "display": "Penicillin" });
    for (kind, body) in [
        (
            "allergies",
            json!({ "code": code, "clinicalStatus": "ACTIVE" }),
        ),
        (
            "conditions",
            json!({ "code": code, "clinicalStatus": "ACTIVE" }),
        ),
        ("notes", json!({ "text": "well" })),
        (
            "vitals",
            json!({ "kind": "HEART_RATE", "value": 72, "unit": "/min" }),
        ),
    ] {
        let entry = created(nurse, &format!("/patients/{id}/{kind}"), body).await;
        set.insert(kind, part("entryId", entry));
    }
    let appointment = created(admin, "/appointments", booking(id, practitioner, start, 20)).await;
    set.insert("appointment", whole(&appointment));
    let series = json!({
        "patientId": id, "practitionerId": practitioner, "firstStart": start + SignedDuration::from_mins(30),
        "durationMinutes": 20, "serviceType": "CONSULTATION", "frequency": "DAILY", "interval": 1,
        "count": 2, "onConflict": "FAIL",
    });
    let reply = admin.post("/api/v1/appointment-series", &series).await;
    let made = expect_status(&reply.expect("an answer"), 201);
    set.insert("series", whole(&text(&made, "seriesId")));
    let wish = json!({
        "patientId": id, "practitionerId": practitioner, "serviceType": "CONSULTATION",
        "earliest": start, "latest": start + SignedDuration::from_hours(3),
    });
    set.insert("waiting", whole(&created(admin, "/waitlist", wish).await));
    let wish = json!({ "ownerId": id, "currency": "EUR", "kind": "PATIENT" });
    set.insert("wallet", whole(&created(admin, "/wallets", wish).await));
    let message = eventually("a message to the patient", || async {
        let path = format!("/api/v1/notifications?recipientId={id}");
        let reply = admin.get(&path).await.map_err(|e| e.to_string())?;
        let page = expect_status(&reply, 200);
        let first = page["items"][0]["id"].clone();
        if first.is_null() {
            Err(page.to_string())
        } else {
            Ok(first)
        }
    });
    let message = message.await;
    set.insert("message", whole(message.as_str().expect("an id")));
    set
}

async fn leave(admin: &Client, practitioner: &str, day: i64) -> BTreeMap<&'static str, String> {
    let start = tomorrow(day * 24 * 60);
    let wish = json!({ "start": start, "end": start + SignedDuration::from_hours(24), "kind": "VACATION" });
    let path = format!("/practitioners/{practitioner}/leaves");
    let id = created(admin, &path, wish).await;
    BTreeMap::from([("id", practitioner.to_owned()), ("leaveId", id)])
}

async fn created(client: &Client, path: &str, body: Value) -> String {
    let reply = client.post(&format!("/api/v1{path}"), &body).await;
    text(&expect_status(&reply.expect("an answer"), 201), "id")
}

/// Every RPC has a row that names its callers, and the code of those, and of no other
/// service, asks it.
pub(crate) async fn every_rpc_is_asked_by_whom_the_table_says() {
    let table = table();
    let set = prost_types::FileDescriptorSet::decode(galen_contracts::DESCRIPTORS)
        .expect("descriptors of the contracts");
    let mut offered = BTreeSet::new();
    for file in &set.file {
        for service in &file.service {
            for method in &service.method {
                offered.insert(format!(
                    "{}.{}/{}",
                    file.package(),
                    service.name(),
                    method.name()
                ));
            }
        }
    }
    let rows: BTreeSet<String> = table.rpc.keys().cloned().collect();
    assert_eq!(offered, rows);
    let services = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../services");
    let mut sources = BTreeMap::new();
    for folder in std::fs::read_dir(services).expect("the services").flatten() {
        let name = folder.file_name().to_string_lossy().into_owned();
        let mut code = String::new();
        read(&folder.path().join("src"), &mut code);
        sources.insert(name, code);
    }
    for (rpc, callers) in &table.rpc {
        let (service, method) = rpc.rsplit_once('/').expect("a service and a method");
        let client = format!("{}Client", service.rsplit('.').next().expect("a name"));
        let call = format!(".{}(", snake(method));
        let asking: BTreeSet<&str> = sources
            .iter()
            .filter(|(_, code)| code.contains(&client) && code.contains(&call))
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(asking, callers.split_whitespace().collect(), "{rpc}");
    }
}

fn read(folder: &std::path::Path, into: &mut String) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            read(&path, into);
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            into.push_str(&std::fs::read_to_string(&path).expect("source"));
        }
    }
}

fn snake(name: &str) -> String {
    let mut snake = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(c.to_lowercase());
    }
    snake
}

/// `galen access explain`, beside a running hospital and on a stopped one.
pub(crate) async fn an_answer_is_explained_by_its_policies() {
    let mut hospital = Hospital::fresh();
    let admin = hospital.admin().await;
    let practitioner = doctor(&admin, 3).await;
    let (theirs, other) = (patient(&admin).await, patient(&admin).await);
    let account = json!({
        "username": "brandt", "password": "a long enough password",
        "roles": ["DOCTOR"], "practitionerId": practitioner,
    });
    let made = admin.post("/api/v1/users", &account).await;
    expect_status(&made.expect("an answer"), 201);
    let visit = booking(&theirs, &practitioner, tomorrow(60), 20);
    created(&admin, "/appointments", visit).await;
    let related = eventually("the doctor cares for the patient", || async {
        let answer = explain(&hospital, &["--patient", &theirs]);
        match answer["patient"]["relation"].as_str() {
            Some("CARED_FOR") => Ok(answer),
            _ => Err(answer.to_string()),
        }
    })
    .await;
    assert_eq!(related["reach"], "CARE");
    assert_eq!(related["patient"]["allowed"], true);
    assert!(hospital.stop());
    let unrelated = explain(&hospital, &["--patient", &other]);
    assert_eq!(unrelated["patient"]["relation"], "NONE");
    assert_eq!(unrelated["patient"]["allowed"], false);
    let cases = unrelated["cases"].as_array().expect("cases");
    let decided: Vec<_> = cases
        .iter()
        .map(|case| {
            let policy = case["because"][0]["policy"].as_str();
            (case["record"].as_str(), policy)
        })
        .collect();
    assert_eq!(
        decided,
        [
            (Some("OWN"), Some("doctor/patients")),
            (Some("CARE"), Some("doctor/patients")),
            (Some("ANY"), None),
        ]
    );
}

fn explain(hospital: &Hospital, more: &[&str]) -> Value {
    let output = crate::hospital::galen()
        .args(["access", "explain", "--json", "--user", "brandt"])
        .args(["--action", "PATIENT_READ", "--data-dir"])
        .arg(hospital.dir())
        .args(more)
        .output()
        .expect("galen runs");
    let problem = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {problem}"))
}
