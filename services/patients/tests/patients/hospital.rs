//! A hospital with a patients service, and an identity service that says what it is told.

use std::collections::BTreeMap;
use std::sync::Arc;

use galen_access::{Principal, Role};
use galen_contracts::{Event, registry};
use galen_eventing::{Backbone, Publish as _};
use galen_kernel::Clock;
use galen_patients::Patients;
use galen_service::testing::{self, Reply, TestApi, TestCaller};
use galen_service::{Config, Peers, Platform, SHARED_MIGRATIONS, Service as _};
use galen_storage::{Db, SchemaSpec};
use galen_testkit::TestDatabase;
use http::StatusCode;
use serde_json::{Value, json};
use sqlx::Row as _;
use tokio_util::sync::CancellationToken;

pub(crate) const NOW: &str = "2026-06-01T12:00:00Z";

/// Enough of identity to publish as it.
const IDENTITY: SchemaSpec = SchemaSpec {
    service: "identity",
    migrations: &[],
    subscribes: &[],
};

pub(crate) struct Hospital {
    pub(crate) patients: Arc<Patients>,
    pub(crate) api: TestApi,
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    database: TestDatabase,
    curtain: sqlx::PgPool,
}

impl Hospital {
    pub(crate) async fn open() -> Self {
        Self::open_with(&[]).await
    }

    pub(crate) async fn open_with(settings: &[(&str, &str)]) -> Self {
        let clock = Clock::manual(NOW.parse().expect("an instant"));
        let schemas = [Patients::SCHEMA, IDENTITY];
        let database = TestDatabase::new(
            galen_eventing::MIGRATIONS,
            SHARED_MIGRATIONS,
            &schemas,
            clock.clone(),
        )
        .await;
        let db = database.open("patients").await;
        let settings: BTreeMap<String, String> = settings
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        let platform = Platform {
            config: Config::from_values(settings),
            ..testing::platform(db.clone(), clock.clone(), Peers::default())
        };
        let patients = Arc::new(
            Patients::start(platform.clone())
                .await
                .expect("the settings are right"),
        );
        let api = TestApi::new(patients.rest(), &platform);
        let curtain = sqlx::PgPool::connect_with(database.admin())
            .await
            .expect("the superuser may look");
        Self {
            patients,
            api,
            db,
            clock,
            database,
            curtain,
        }
    }

    pub(crate) fn desk(&self) -> TestCaller {
        self.api.as_role(Role::Receptionist)
    }

    pub(crate) fn doctor(&self) -> TestCaller {
        self.api.as_role(Role::Doctor)
    }

    /// Somebody with an account and no record.
    pub(crate) fn newcomer(&self) -> TestCaller {
        self.api.as_role(Role::Patient)
    }

    /// The same account with a token that names its record.
    pub(crate) fn knowing(&self, caller: &TestCaller, patient: &str) -> TestCaller {
        let patient_id = Some(patient.parse().expect("an id"));
        self.api.as_principal(Principal {
            patient_id,
            ..caller.principal().clone()
        })
    }

    /// Registers somebody; the rest of the fields is up to the test.
    pub(crate) async fn register(&self, person: Value) -> Value {
        let reply = self
            .desk()
            .post("/patients?acknowledgeDuplicates=true", person)
            .await;
        assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.body);
        reply.body
    }

    /// The id of somebody new.
    pub(crate) async fn somebody(&self, given: &str, family: &str, birth_date: &str) -> String {
        id(&self.register(person(given, family, birth_date)).await)
    }

    pub(crate) async fn read(&self, id: &str) -> Value {
        let reply = self.desk().get(&format!("/patients/{id}")).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
        reply.body
    }

    pub(crate) async fn merge(&self, retired: &str, into: &str) -> Reply {
        self.desk()
            .post(
                &format!("/patients/{retired}/merge"),
                json!({ "intoId": into, "reason": "same passport" }),
            )
            .await
    }

    pub(crate) async fn unmerge(&self, retired: &str) -> Reply {
        self.desk()
            .post(
                &format!("/patients/{retired}/unmerge"),
                json!({ "reason": "twins" }),
            )
            .await
    }

    /// Identity says something.
    pub(crate) async fn identity_says<E: Event>(&self, event: &E) {
        let identity = self.database.open("identity").await;
        let mut tx = identity.begin().await.expect("a transaction");
        tx.publish(event);
        tx.commit().await.expect("published");
    }

    /// Lets the service hear everything that was said.
    pub(crate) async fn hear(&self) {
        let mut backbone = Backbone::new(self.database.open_events().await, self.database.wake());
        for subscription in self.patients.subscriptions() {
            backbone.subscribe(&self.db, subscription);
        }
        let stop = CancellationToken::new();
        let running = backbone.run(stop.clone());
        running.settle().await.expect("everything is heard");
        stop.cancel();
        running.stopped().await;
    }

    /// What the service has published of one type, oldest first.
    pub(crate) async fn published(&self, name: &str) -> Vec<Value> {
        let name = format!("galen.patients.{name}.v1");
        let rows = sqlx::query("select data from events.event where type = $1 order by seq")
            .bind(&name)
            .fetch_all(&self.curtain)
            .await
            .expect("events are read");
        rows.iter()
            .map(|row| registry::to_json(&name, row.get("data")).expect("a known event"))
            .collect()
    }

    /// What a check of `galen verify` finds.
    pub(crate) async fn wrong(&self, check: &str) -> Vec<String> {
        let check = Patients::checks()
            .iter()
            .find(|known| known.name.contains(check))
            .expect("the check is known");
        sqlx::query_scalar(check.sql)
            .fetch_all(self.db.pool())
            .await
            .expect("the check can be run")
    }

    /// Every check passes.
    pub(crate) async fn is_sound(&self) {
        for check in Patients::checks() {
            assert_eq!(
                self.wrong(check.name).await,
                Vec::<String>::new(),
                "{}",
                check.name
            );
        }
    }
}

pub(crate) fn person(given: &str, family: &str, birth_date: &str) -> Value {
    json!({ "givenName": given, "familyName": family, "birthDate": birth_date, "sex": "FEMALE" })
}

/// An object with further members, or others.
pub(crate) fn with(mut object: Value, members: Value) -> Value {
    let members = members.as_object().expect("members of an object").clone();
    object.as_object_mut().expect("an object").extend(members);
    object
}

pub(crate) fn id(body: &Value) -> String {
    body["id"].as_str().expect("an id").to_owned()
}

/// One field of every item of a page.
pub(crate) fn column(page: &Value, field: &str) -> Vec<String> {
    let items = page["items"]
        .as_array()
        .unwrap_or_else(|| panic!("a page: {page}"));
    items
        .iter()
        .map(|item| item[field].as_str().expect("a text").to_owned())
        .collect()
}

/// Somebody with something in every part of their record.
pub(crate) async fn full_record(hospital: &Hospital, given: &str, birth_date: &str) -> String {
    let coverages = json!({ "coverages": [{ "planId": given, "policyNumber": "1", "validFrom": "2020-01-01", "priority": 1 }] });
    let patient = id(&hospital
        .register(with(person(given, "Schmidt", birth_date), coverages))
        .await);
    let doctor = hospital.doctor();
    let code = json!({ "system": "http://snomed.info/sct", "code": "1", "display": given });
    for (part, body) in [
        (
            "allergies",
            json!({ "code": code, "clinicalStatus": "ACTIVE" }),
        ),
        (
            "conditions",
            json!({ "code": code, "clinicalStatus": "ACTIVE", "onset": "2019-01-01" }),
        ),
        ("notes", json!({ "text": given })),
        (
            "vitals",
            json!({ "kind": "HEART_RATE", "value": 72, "unit": "/min", "effectiveAt": "2026-01-01T08:00:00Z" }),
        ),
    ] {
        let reply = doctor
            .post(&format!("/patients/{patient}/{part}"), body)
            .await;
        assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.body);
    }
    patient
}
