//! A hospital with a patients service, and an identity service that says what it is told.

use std::collections::BTreeMap;
use std::sync::Arc;

use galen_access::{Principal, Role};
use galen_contracts::convert::to_wire;
use galen_contracts::ids::PractitionerId;
use galen_contracts::scheduling::v1::{Appointment, AppointmentBooked, AppointmentCancelled};
use galen_contracts::{Event, registry};
use galen_eventing::{Backbone, Publish as _, Running};
use galen_kernel::Clock;
use galen_patients::Patients;
use galen_patients::patient::sealing;
use galen_service::testing::{self, Reply, TestApi, TestCaller};
use galen_service::{Config, Peers, Platform, SHARED_MIGRATIONS, Service as _};
use galen_storage::{Databases, Db, SchemaSpec};
use galen_testkit::TestDatabase;
use galen_vault::Vault;
use http::StatusCode;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Executor as _, Row as _};
use tokio_util::sync::CancellationToken;

pub(crate) const NOW: &str = "2026-06-01T12:00:00Z";

/// Enough of identity to publish as it.
const IDENTITY: SchemaSpec = SchemaSpec {
    service: "identity",
    migrations: &[],
    subscribes: &[],
};

/// Enough of scheduling to publish as it.
const SCHEDULING: SchemaSpec = SchemaSpec {
    service: "scheduling",
    migrations: &[],
    subscribes: &[],
};

pub(crate) struct Hospital {
    pub(crate) patients: Arc<Patients>,
    pub(crate) api: TestApi,
    pub(crate) db: Db,
    pub(crate) vault: Vault,
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
        let database = Self::database(Patients::SCHEMA, &clock).await;
        Self::on(database, clock, settings).await
    }

    /// A hospital that an earlier version, whose schema ends before a migration, left
    /// with people in it.
    pub(crate) async fn upgraded(before: &str, people: &'static str) -> Self {
        let clock = Clock::manual(NOW.parse().expect("an instant"));
        let whole = Patients::SCHEMA.migrations;
        let place = whole
            .iter()
            .position(|migration| migration.name == before)
            .expect("the migration is known");
        let earlier = SchemaSpec {
            migrations: &whole[..place],
            ..Patients::SCHEMA
        };
        let database = Self::database(earlier, &clock).await;
        let db = database.open("patients").await;
        db.pool().execute(people).await.expect("people are there");
        Databases::provision(
            database.access(),
            galen_eventing::MIGRATIONS,
            SHARED_MIGRATIONS,
            &[Patients::SCHEMA, IDENTITY, SCHEDULING],
            clock.clone(),
        )
        .await
        .expect("the schema is brought up to date");
        Self::on(database, clock, &[]).await
    }

    async fn database(patients: SchemaSpec, clock: &Clock) -> TestDatabase {
        TestDatabase::new(
            galen_eventing::MIGRATIONS,
            SHARED_MIGRATIONS,
            &[patients, IDENTITY, SCHEDULING],
            clock.clone(),
        )
        .await
    }

    async fn on(database: TestDatabase, clock: Clock, settings: &[(&str, &str)]) -> Self {
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
            vault: platform.vault,
            clock,
            database,
            curtain,
        }
    }

    pub(crate) fn desk(&self) -> TestCaller {
        self.api.as_role(Role::Receptionist)
    }

    /// Somebody who works with every record.
    pub(crate) fn nurse(&self) -> TestCaller {
        self.api.as_role(Role::Nurse)
    }

    /// Somebody who works with the records of those they care for.
    pub(crate) fn doctor(&self) -> Doctor {
        let practitioner = self.clock.id();
        Doctor {
            practitioner,
            caller: self.api.as_practitioner(Role::Doctor, practitioner),
        }
    }

    /// Somebody who judges.
    pub(crate) fn auditor(&self) -> TestCaller {
        self.api.as_role(Role::Auditor)
    }

    /// The same account with a token of now.
    pub(crate) fn again(&self, caller: &TestCaller) -> TestCaller {
        self.api.as_principal(caller.principal().clone())
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

    /// Thousands of people come from an earlier version, which kept them in the clear.
    pub(crate) async fn people_move_in(&self) {
        let people = "
            create table patient_in_clear (id uuid primary key, person jsonb not null);
            insert into patient_in_clear
            select gen_random_uuid(), jsonb_build_object('form', '1', 'givenName', given, 'familyName', family,
                   'birthDate', date '1930-01-01' + n % 4000, 'sex', 'UNKNOWN', 'identifiers', jsonb_build_array(), 'number', number)
            from (select n, lpad((1000000 + n)::text, 7, '0') as number,
                         translate(md5('g' || n % 5000), '0123456789', 'ghijklmnop') as given,
                         translate(md5('f' || n % 10000), '0123456789', 'qrstuvwxyz') as family
                  from generate_series(1, 8000) n) people;
            alter table patient drop constraint patient_is_sealed;
            insert into patient (id, mrn, registered_at)
            select id, 'G-' || number || '-' || lpad((98 - (('16' || number || '00')::numeric % 97))::text, 2, '0'), now()
            from (select id, person ->> 'number' as number from patient_in_clear) numbered;
            alter table patient add constraint patient_is_sealed check (demographics is not null) not valid;
            update mrn_series set next = 2000000;";
        self.db
            .pool()
            .execute(people)
            .await
            .expect("people move in");
        let sealed = sealing::seal_everybody(&self.db, &self.vault)
            .await
            .expect("they are sealed");
        assert_eq!(sealed, 8000);
        self.db
            .pool()
            .execute("vacuum analyze")
            .await
            .expect("what autovacuum does");
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
        self.say("identity", event).await;
    }

    /// Scheduling says something.
    pub(crate) async fn scheduling_says<E: Event>(&self, event: &E) {
        self.say("scheduling", event).await;
    }

    async fn say<E: Event>(&self, service: &'static str, event: &E) {
        let db = self.database.open(service).await;
        let mut tx = db.begin().await.expect("a transaction");
        tx.publish(event);
        tx.commit().await.expect("published");
    }

    /// Somebody has an appointment; the service has not heard of it yet.
    pub(crate) async fn book(&self, patient: &str, with: &Doctor) -> Visit {
        let start = to_wire(self.clock.now());
        let mut visit = Visit(Appointment {
            appointment_id: self.clock.uuid().to_string(),
            patient_id: patient.to_owned(),
            practitioner_id: with.practitioner.to_string(),
            start: Some(start),
            end: Some(start),
            ..Appointment::default()
        });
        let appointment = visit.next();
        self.scheduling_says(&AppointmentBooked {
            appointment,
            replaces_id: String::new(),
        })
        .await;
        visit
    }

    /// It will not be.
    pub(crate) async fn cancel(&self, visit: &mut Visit) {
        self.scheduling_says(&AppointmentCancelled {
            appointment: visit.next(),
            ..AppointmentCancelled::default()
        })
        .await;
    }

    /// Lets the service hear everything that was said.
    pub(crate) async fn hear(&self) {
        self.listen(async |running| {
            running.settle().await.expect("everything is heard");
        })
        .await;
    }

    /// Makes a read model anew; returns how many events it took.
    pub(crate) async fn rebuild(&self, projection: &'static str) -> Option<u64> {
        let mut events = None;
        self.listen(async |running| {
            running.settle().await.expect("everything is heard");
            events = running.rebuild(projection).await.expect("it is rebuilt");
        })
        .await;
        events
    }

    async fn listen(&self, meanwhile: impl AsyncFnOnce(&Running)) {
        let mut backbone = Backbone::new(self.database.open_events().await, self.database.wake());
        for subscription in self.patients.subscriptions() {
            backbone.subscribe(&self.db, subscription);
        }
        for projection in self.patients.projections() {
            backbone.project(&self.db, projection);
        }
        let stop = CancellationToken::new();
        let running = backbone.run(stop.clone());
        meanwhile(&running).await;
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

    /// Every row of every table of the service, and what the database knows about their
    /// contents, as the superuser sees it: a text for each, bytes in hexadecimal.
    pub(crate) async fn everything_stored(&self) -> Vec<(String, String)> {
        let tables: Vec<String> = sqlx::query_scalar(
            "select relname::text from pg_class where relnamespace = 'patients'::regnamespace and relkind = 'r'",
        )
        .fetch_all(&self.curtain)
        .await
        .expect("the tables");
        let mut stored = Vec::new();
        for table in tables {
            let rows: Vec<String> = sqlx::query_scalar(AssertSqlSafe(format!(
                "select t::text from patients.{table} t"
            )))
            .fetch_all(&self.curtain)
            .await
            .expect("the rows");
            stored.extend(rows.into_iter().map(|row| (table.clone(), row)));
        }
        let known: Vec<String> =
            sqlx::query_scalar("select s::text from pg_stats s where schemaname = 'patients'")
                .fetch_all(&self.curtain)
                .await
                .expect("the statistics");
        stored.extend(known.into_iter().map(|row| ("statistics".to_owned(), row)));
        stored
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

/// Somebody who treats.
pub(crate) struct Doctor {
    pub(crate) practitioner: PractitionerId,
    pub(crate) caller: TestCaller,
}

impl Doctor {
    /// What they are told when they ask for something of a patient.
    pub(crate) async fn sees(&self, patient: &str) -> StatusCode {
        self.caller
            .get(&format!("/patients/{patient}"))
            .await
            .status
    }

    /// What they are answered when they break the glass.
    pub(crate) async fn breaks_the_glass(
        &self,
        patient: &str,
        reason: &str,
        minutes: u16,
    ) -> Value {
        let reply = self
            .caller
            .post(
                &format!("/patients/{patient}/break-glass"),
                json!({ "reason": reason, "minutes": minutes }),
            )
            .await;
        assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.body);
        reply.body
    }
}

/// An appointment, as scheduling knows it.
#[derive(Clone)]
pub(crate) struct Visit(Appointment);

impl Visit {
    /// As it is.
    pub(crate) fn current(self) -> Appointment {
        self.0
    }

    /// After its next change.
    pub(crate) fn next(&mut self) -> Option<Appointment> {
        self.0.version += 1;
        Some(self.0.clone())
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
    let nurse = hospital.nurse();
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
        let reply = nurse
            .post(&format!("/patients/{patient}/{part}"), body)
            .await;
        assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.body);
    }
    patient
}
