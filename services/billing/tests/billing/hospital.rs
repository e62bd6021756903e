//! A hospital with a billing service, and a patients service that says what it is told.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use galen_access::Role;
use galen_billing::Billing;
use galen_contracts::ids::PatientId;
use galen_contracts::patients::v1::patient_directory_server::{
    PatientDirectory, PatientDirectoryServer,
};
use galen_contracts::patients::v1::{
    Coverage, GetContactRequest, GetContactResponse, GetPatientRequest, GetPatientResponse,
    ListCoveragesRequest, ListCoveragesResponse, PatientStatus,
};
use galen_kernel::Clock;
use galen_service::testing::{self, Reply, TestApi, TestCaller};
use galen_service::{Config, Peers, Platform, SHARED_MIGRATIONS, Service as _};
use galen_storage::{Columns as _, Db, SchemaSpec};
use galen_testkit::TestDatabase;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use tonic::service::Routes;
use tonic::{Request, Response, Status};

/// A Monday.
pub(crate) const NOW: &str = "2026-03-02T08:00:00Z";

/// Enough of the others to hear them.
const fn other(service: &'static str) -> SchemaSpec {
    SchemaSpec {
        service,
        migrations: &[],
        subscribes: &[],
    }
}

pub(crate) struct Hospital {
    pub(crate) billing: Arc<Billing>,
    pub(crate) api: TestApi,
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    pub(crate) patients: FakePatients,
    events: Db,
    _database: TestDatabase,
}

/// Who insures whom.
#[derive(Clone, Default)]
pub(crate) struct FakePatients(Arc<Mutex<BTreeMap<String, ListCoveragesResponse>>>);

#[tonic::async_trait]
impl PatientDirectory for FakePatients {
    async fn get_patient(
        &self,
        asked: Request<GetPatientRequest>,
    ) -> Result<Response<GetPatientResponse>, Status> {
        let patient_id = asked.into_inner().patient_id;
        let known = self.0.lock().expect("no test panics while it holds this");
        if !known.contains_key(&patient_id) {
            return Err(Status::not_found("NOT_FOUND"));
        }
        Ok(Response::new(GetPatientResponse {
            patient_id,
            mrn: "1".to_owned(),
            status: PatientStatus::Active.into(),
            merged_into_id: String::new(),
        }))
    }

    async fn get_contact(
        &self,
        _: Request<GetContactRequest>,
    ) -> Result<Response<GetContactResponse>, Status> {
        Err(Status::unimplemented("nobody asks"))
    }

    async fn list_coverages(
        &self,
        asked: Request<ListCoveragesRequest>,
    ) -> Result<Response<ListCoveragesResponse>, Status> {
        let known = self.0.lock().expect("no test panics while it holds this");
        let answer = known.get(&asked.get_ref().patient_id);
        answer
            .cloned()
            .map(Response::new)
            .ok_or_else(|| Status::not_found("NOT_FOUND"))
    }
}

impl Hospital {
    pub(crate) async fn open() -> Self {
        Self::open_with(&[]).await
    }

    pub(crate) async fn open_with(settings: &[(&str, &str)]) -> Self {
        let clock = Clock::manual(NOW.parse().expect("an instant"));
        let database = TestDatabase::new(
            galen_eventing::MIGRATIONS,
            SHARED_MIGRATIONS,
            &[
                Billing::SCHEMA,
                other("patients"),
                other("scheduling"),
                other("securepay"),
            ],
            clock.clone(),
        )
        .await;
        let db = database.open("billing").await;
        let patients = FakePatients::default();
        let directory = PatientDirectoryServer::new(patients.clone());
        let peers = Peers::in_memory([
            ("patients", Routes::new(directory)),
            ("securepay", Routes::default()),
        ]);
        let settings: BTreeMap<String, String> = settings
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        let platform = Platform {
            config: Config::from_values(settings),
            ..testing::platform(db.clone(), clock.clone(), peers)
        };
        let billing = Arc::new(
            Billing::start(platform.clone())
                .await
                .expect("the settings are right"),
        );
        Self {
            api: TestApi::new(billing.rest(), &platform),
            billing,
            db,
            clock,
            patients,
            events: database.open_events().await,
            _database: database,
        }
    }

    /// Somebody who keeps prices and plans.
    pub(crate) fn clerk(&self) -> TestCaller {
        self.api.as_role(Role::Billing)
    }

    /// A patient who is not insured.
    pub(crate) fn patient(&self) -> PatientId {
        let id: PatientId = self.clock.id();
        let mut known = self.patients.0.lock().expect("nobody panicked");
        let person = ListCoveragesResponse {
            patient_id: id.to_string(),
            birth_date: "1980-05-17".to_owned(),
            coverages: Vec::new(),
            record_ids: vec![id.to_string()],
        };
        known.insert(id.to_string(), person);
        id
    }

    /// A plan insures a patient after those who already do; contracts are named by a digit.
    pub(crate) fn insure(&self, patient: PatientId, plan: &str, contract: char) {
        let mut known = self.patients.0.lock().expect("nobody panicked");
        let person = known.get_mut(&patient.to_string()).expect("a patient");
        let priority = i32::try_from(person.coverages.len()).expect("few") + 1;
        person.coverages.push(Coverage {
            coverage_id: self.clock.uuid().to_string(),
            plan_id: plan.to_owned(),
            valid_from: "2026-01-01".to_owned(),
            valid_to: String::new(),
            priority,
            contract: contract.to_string().repeat(32),
            policy_number: "A-1".to_owned(),
        });
    }

    /// The records of two patients turn out to be of one person.
    pub(crate) fn merge(&self, retired: PatientId, survivor: PatientId) {
        let mut known = self.patients.0.lock().expect("nobody panicked");
        let person = known.get_mut(&survivor.to_string()).expect("a patient");
        person.record_ids.push(retired.to_string());
        let person = person.clone();
        known.insert(retired.to_string(), person);
    }

    pub(crate) async fn payer(&self, name: &str) -> String {
        let body = json!({ "name": name, "kind": "INSURER" });
        text(&created(self.clerk().post("/payers", body).await), "id")
    }

    /// A price for everybody, or one that was agreed with a payer.
    pub(crate) async fn price(&self, code: &str, payer: Option<&str>, amount: &str) -> Value {
        let body = json!({ "serviceCode": code, "payerId": payer, "price": eur(amount), "validFrom": "2026-01-01" });
        created(self.clerk().post("/tariffs", body).await)
    }

    /// A plan of a new payer that does this with everything; tells the payer.
    pub(crate) async fn plan(&self, id: &str, accumulators: Value, steps: Value) -> String {
        let payer = self.payer(id).await;
        let body = json!({ "id": id, "payerId": payer, "name": id });
        created(self.clerk().post("/plans", body).await);
        let plan = plan(
            id,
            1,
            &json!({ "accumulators": accumulators, "benefits": [{ "id": "all", "costShare": steps }] }),
        );
        let body = json!({ "plan": plan, "validFrom": "2026-01-01", "vectors": [free()] });
        let path = format!("/plans/{id}/versions");
        created(self.clerk().post(&path, body).await);
        payer
    }

    /// The types of the events under a key, in order.
    pub(crate) async fn told(&self, key: &str) -> Vec<String> {
        let rows = sqlx::query("select type from event where key = $1 order by seq")
            .bind(key)
            .fetch_all(self.events.pool())
            .await
            .expect("the owner of the log may read it");
        rows.iter()
            .map(|row| row.text("type").expect("text"))
            .collect()
    }

    /// Nothing that `galen verify` looks for is there.
    pub(crate) async fn is_sound(&self) {
        for check in Billing::checks() {
            let found: Vec<String> = sqlx::query_scalar(AssertSqlSafe(check.sql.to_owned()))
                .fetch_all(self.db.pool())
                .await
                .unwrap_or_else(|error| panic!("{}: {error}", check.name));
            assert!(found.is_empty(), "{}: {found:?}", check.name);
        }
    }
}

pub(crate) fn eur(amount: &str) -> Value {
    json!({ "amount": amount, "currency": "EUR" })
}

pub(crate) fn created(reply: Reply) -> Value {
    assert_eq!(reply.status, 201, "{}", reply.body);
    reply.body
}

pub(crate) fn text(body: &Value, field: &str) -> String {
    body[field].as_str().expect("text").to_owned()
}

/// A plan in the language of plans.
pub(crate) fn plan(id: &str, version: u32, parts: &Value) -> Value {
    let mut plan = json!({
        "id": id, "version": version, "currency": "EUR",
        "benefitYear": { "anchor": "CALENDAR", "zone": "Europe/Vienna" },
    });
    for (key, value) in parts.as_object().expect("an object") {
        plan[key] = value.clone();
    }
    plan
}

/// An example that holds for every plan: what costs nothing costs nobody anything.
pub(crate) fn free() -> Value {
    json!({
        "policy": { "from": "2026-01-01", "birthDate": "1980-05-17" },
        "claim": { "lines": [{ "sequence": 1, "servedAt": "2026-03-02T10:00:00Z", "code": "X", "charge": 0 }] },
        "expect": [{ "sequence": 1, "paid": 0, "patient": 0 }],
    })
}
