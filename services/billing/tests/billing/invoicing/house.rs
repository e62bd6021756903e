//! A hospital around billing: a database, a clock that stands still, and neighbours.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use galen_access::{Grants, Principal, Role};
use galen_billing::Billing;
use galen_contracts::Event;
use galen_contracts::convert::to_wire;
use galen_contracts::ids::{PatientId, UserId};
use galen_contracts::patients::v1::patient_directory_server::{
    PatientDirectory, PatientDirectoryServer,
};
use galen_contracts::patients::v1::*;
use galen_contracts::scheduling::v1 as scheduling;
use galen_contracts::securepay::v1::account_service_server::AccountServiceServer;
use galen_contracts::securepay::v1::payment_service_server::PaymentServiceServer;
use galen_eventing::{Backbone, Publish as _, Running};
use galen_kernel::{Clock, Timestamp};
use galen_service::testing::{self, Reply, TestApi, TestCaller};
use galen_service::{Config, Peers, Platform, SHARED_MIGRATIONS, Service};
use galen_storage::{Db, SchemaSpec};
use galen_testkit::TestDatabase;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::ledger::{Ledger, Served};

/// A Monday.
pub(crate) const MONDAY: &str = "2026-03-02T10:00:00Z";

const fn neighbour(service: &'static str) -> SchemaSpec {
    SchemaSpec {
        service,
        migrations: &[],
        subscribes: &[],
    }
}

#[derive(Clone, Default)]
pub(crate) struct Directory(Arc<Mutex<BTreeMap<String, ListCoveragesResponse>>>);

#[tonic::async_trait]
impl PatientDirectory for Directory {
    async fn get_patient(
        &self,
        request: Request<GetPatientRequest>,
    ) -> Result<Response<GetPatientResponse>, Status> {
        let patient_id = request.into_inner().patient_id;
        if !self.0.lock().expect("free").contains_key(&patient_id) {
            return Err(Status::not_found("no such patient"));
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
        request: Request<GetContactRequest>,
    ) -> Result<Response<GetContactResponse>, Status> {
        let patient_id = request.into_inner().patient_id;
        if !self.0.lock().expect("free").contains_key(&patient_id) {
            return Err(Status::not_found("no such patient"));
        }
        Ok(Response::new(GetContactResponse {
            patient_id,
            given_name: "Zeynep".to_owned(),
            family_name: "Yılmaz".to_owned(),
            mrn: "MRN-0000042".to_owned(),
            address_lines: vec!["Atatürk Caddesi 1".to_owned(), "06100 Ankara".to_owned()],
            ..GetContactResponse::default()
        }))
    }

    async fn list_coverages(
        &self,
        request: Request<ListCoveragesRequest>,
    ) -> Result<Response<ListCoveragesResponse>, Status> {
        let id = request.into_inner().patient_id;
        let found = self.0.lock().expect("free").get(&id).cloned();
        found
            .map(Response::new)
            .ok_or_else(|| Status::not_found("no such patient"))
    }
}

pub(crate) struct House {
    pub(crate) clock: Clock,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) billing: Arc<Billing>,
    pub(crate) api: TestApi,
    pub(crate) platform: Platform,
    pub(crate) database: TestDatabase,
    clerk_id: UserId,
    directory: Directory,
    running: Running,
    scheduling: Db,
    securepay: Db,
    patients: Db,
    stop: CancellationToken,
}

impl Drop for House {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl House {
    pub(crate) async fn open() -> Self {
        Self::with(&[]).await
    }

    /// With settings.
    pub(crate) async fn with(settings: &[(&str, &str)]) -> Self {
        let clock = Clock::manual(MONDAY.parse().expect("an instant"));
        let database = TestDatabase::new(
            galen_eventing::MIGRATIONS,
            SHARED_MIGRATIONS,
            &[
                Billing::SCHEMA,
                neighbour("scheduling"),
                neighbour("securepay"),
                neighbour("patients"),
            ],
            clock.clone(),
        )
        .await;
        let (directory, ledger) = (Directory::default(), Arc::new(Ledger::default()));
        let mut money = Routes::builder();
        money
            .add_service(AccountServiceServer::new(Served(Arc::clone(&ledger))))
            .add_service(PaymentServiceServer::new(Served(Arc::clone(&ledger))));
        let peers = Peers::in_memory([
            (
                "patients",
                Routes::new(PatientDirectoryServer::new(directory.clone())),
            ),
            ("securepay", money.routes()),
        ]);
        let mut platform = testing::platform(database.open("billing").await, clock.clone(), peers);
        let settings = settings.iter();
        let values = settings.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        platform.config = Config::from_values(values.collect());
        let billing = Arc::new(
            Billing::start(platform.clone())
                .await
                .expect("billing starts"),
        );
        let mut backbone = Backbone::new(database.open_events().await, database.wake());
        for subscription in billing.subscriptions() {
            backbone.subscribe(&platform.db, subscription);
        }
        for timers in billing.timers() {
            backbone.on_timer(&platform.db, timers);
        }
        let stop = CancellationToken::new();
        let running = backbone.run(stop.clone());
        Self {
            api: TestApi::new(billing.rest(), &platform),
            scheduling: database.open("scheduling").await,
            securepay: database.open("securepay").await,
            patients: database.open("patients").await,
            clerk_id: clock.id(),
            clock,
            ledger,
            billing,
            platform,
            database,
            directory,
            running,
            stop,
        }
    }

    pub(crate) async fn settle(&self) {
        self.running.settle().await.expect("the backbone runs");
    }

    pub(crate) async fn pass(&self, seconds: i64) {
        self.settle().await;
        self.clock.advance(SignedDuration::from_secs(seconds));
        self.settle().await;
    }

    /// Runs a job of billing once.
    pub(crate) async fn job(&self, name: &str) -> u64 {
        let jobs = self.billing.jobs();
        let job = jobs.iter().find(|job| job.name() == name);
        job.expect("a job").run_once().await.expect("it runs")
    }

    pub(crate) fn clerk(&self) -> TestCaller {
        self.keeper(self.clerk_id)
    }

    /// Another person who keeps the books.
    pub(crate) fn other_clerk(&self) -> TestCaller {
        self.keeper(self.clock.id())
    }

    fn keeper(&self, user_id: UserId) -> TestCaller {
        self.api.as_principal(Principal {
            user_id,
            session_id: self.clock.id(),
            roles: vec![Role::Billing],
            grants: Grants::default(),
            patient_id: None,
            practitioner_id: None,
        })
    }

    pub(crate) fn patient(&self) -> PatientId {
        let id: PatientId = self.clock.id();
        let person = ListCoveragesResponse {
            patient_id: id.to_string(),
            birth_date: "1980-05-17".to_owned(),
            record_ids: vec![id.to_string()],
            ..ListCoveragesResponse::default()
        };
        let mut known = self.directory.0.lock().expect("free");
        known.insert(id.to_string(), person);
        id
    }

    /// The patients service knows nobody of this id any more.
    pub(crate) fn forget(&self, patient: PatientId) {
        let mut known = self.directory.0.lock().expect("free");
        known.remove(&patient.to_string());
    }

    /// A plan of which the patient pays twenty percent insures somebody; tells the payer.
    pub(crate) async fn insure(&self, patient: PatientId) -> Uuid {
        let payer = self.clock.uuid();
        let plan = json!({
            "id": "EIGHTY", "version": 1, "currency": "EUR",
            "benefitYear": { "anchor": "CALENDAR", "zone": "UTC" },
            "accumulators": [{ "id": "ded", "kind": "DEDUCTIBLE", "period": "YEAR", "individual": 5000 }],
            "benefits": [{ "id": "all", "costShare": [
                { "op": "DEDUCTIBLE", "accumulator": "ded" },
                { "op": "COINSURANCE", "patient": "20" },
            ] }],
        });
        let pool = self.platform.db.pool();
        sqlx::query("insert into payer (id, name, kind, registered_at) values ($1, 'Payer', 'INSURER', now())")
            .bind(payer)
            .execute(pool)
            .await
            .expect("a payer");
        sqlx::query("insert into plan (id, payer_id, name, registered_at) values ('EIGHTY', $1, 'Eighty', now())")
            .bind(payer)
            .execute(pool)
            .await
            .expect("a plan");
        sqlx::query(
            "insert into plan_version (plan_id, version, valid_from, document, vectors, published_at, published_by)
             values ('EIGHTY', 1, '2026-01-01', $1, '[1]', now(), $2)",
        )
        .bind(sqlx::types::Json(plan))
        .bind(payer)
        .execute(pool)
        .await
        .expect("a version");
        let mut known = self.directory.0.lock().expect("free");
        let person = known.get_mut(&patient.to_string()).expect("a patient");
        person.coverages.push(Coverage {
            coverage_id: self.clock.uuid().to_string(),
            plan_id: "EIGHTY".to_owned(),
            valid_from: "2026-01-01".to_owned(),
            valid_to: String::new(),
            priority: 1,
            contract: "7".repeat(32),
            policy_number: "A-1".to_owned(),
        });
        payer
    }

    /// What a service costs, from the beginning of the year on.
    pub(crate) async fn price(&self, code: &str, cents: i64) {
        sqlx::query(
            "insert into tariff (id, service_code, amount, currency, valid_from, recorded_at)
             values ($1, $2, $3, 'EUR', '2026-01-01', now())",
        )
        .bind(self.clock.uuid())
        .bind(code)
        .bind(cents)
        .execute(self.platform.db.pool())
        .await
        .expect("a tariff");
    }

    async fn tell<E: Event>(db: &Db, event: &E) {
        let mut tx = db.begin().await.expect("a transaction");
        tx.publish(event);
        tx.commit().await.expect("published");
    }

    /// An appointment took place, which is told as often as wished.
    pub(crate) async fn fulfilled(&self, patient: PatientId, insured: bool, times: usize) -> Uuid {
        let id = self.clock.uuid();
        self.took_place(id, patient, insured, times).await;
        id
    }

    pub(crate) async fn took_place(
        &self,
        id: Uuid,
        patient: PatientId,
        insured: bool,
        times: usize,
    ) {
        let start: Timestamp = self.clock.now();
        let mode = if insured {
            scheduling::PaymentMode::Insurance
        } else {
            scheduling::PaymentMode::SelfPay
        };
        let event = scheduling::AppointmentFulfilled {
            appointment: Some(scheduling::Appointment {
                appointment_id: id.to_string(),
                patient_id: patient.to_string(),
                practitioner_id: self.clock.uuid().to_string(),
                start: Some(to_wire(start)),
                end: Some(to_wire(start)),
                service_type: scheduling::ServiceType::Consultation.into(),
                payment_mode: mode.into(),
                version: 4,
            }),
        };
        for _ in 0..times {
            Self::tell(&self.scheduling, &event).await;
        }
        self.settle().await;
    }

    pub(crate) async fn scheduling_tells<E: Event>(&self, event: &E) {
        Self::tell(&self.scheduling, event).await;
        self.settle().await;
    }

    pub(crate) async fn securepay_tells<E: Event>(&self, event: &E) {
        Self::tell(&self.securepay, event).await;
        self.settle().await;
    }

    pub(crate) async fn patients_tell<E: Event>(&self, event: &E) {
        Self::tell(&self.patients, event).await;
        self.settle().await;
    }

    /// The charges of a patient.
    pub(crate) async fn charges(&self, patient: PatientId) -> Vec<Value> {
        let path = format!("/charges?patientId={patient}");
        let body = self.clerk().get(&path).await.body;
        body["items"].as_array().expect("items").clone()
    }

    /// An issued invoice for one consultation.
    pub(crate) async fn issued(&self, patient: PatientId, insured: bool) -> String {
        let appointment = self.clock.uuid();
        self.issued_for(appointment, patient, insured).await
    }

    /// An issued invoice for a consultation that was booked before.
    pub(crate) async fn issued_for(
        &self,
        appointment: Uuid,
        patient: PatientId,
        insured: bool,
    ) -> String {
        self.took_place(appointment, patient, insured, 1).await;
        let body = json!({ "patientId": patient, "appointmentId": appointment });
        let draft = done(self.clerk().post("/invoices", body).await, 201);
        let id = text(&draft, "id");
        done(
            self.clerk()
                .post(&format!("/invoices/{id}/issue"), Value::Null)
                .await,
            200,
        );
        id
    }

    pub(crate) async fn invoice(&self, id: &str) -> Value {
        done(self.clerk().get(&format!("/invoices/{id}")).await, 200)
    }

    /// Pays from a wallet, as somebody, with an idempotency key.
    pub(crate) async fn pay(
        &self,
        who: &TestCaller,
        key: &str,
        (id, wallet): (&str, &str),
        amount: Option<&str>,
    ) -> Reply {
        let mut body = json!({ "fromWalletId": wallet });
        if let Some(amount) = amount {
            body["amount"] = eur(amount);
        }
        who.key(key)
            .post(&format!("/invoices/{id}/pay"), body)
            .await
    }

    /// The types of the events under a key, in order.
    pub(crate) async fn told(&self, key: &str) -> Vec<String> {
        let pool = sqlx::PgPool::connect_with(self.database.admin())
            .await
            .expect("the superuser logs in");
        let types: Vec<String> =
            sqlx::query_scalar("select type from events.event where key = $1 order by seq")
                .bind(key)
                .fetch_all(&pool)
                .await
                .expect("the log is read");
        types
            .into_iter()
            .map(|name| {
                let name = name.trim_start_matches("galen.billing.");
                name.trim_end_matches(".v1").to_owned()
            })
            .collect()
    }

    /// Nothing that `galen verify` looks for is there, and everything is posted.
    pub(crate) async fn is_sound(&self) {
        self.job("billing.journal").await;
        for check in Billing::checks() {
            let wrong: Vec<String> = sqlx::query_scalar(check.sql)
                .fetch_all(self.platform.db.pool())
                .await
                .expect(check.name);
            // Time stands still here and goes on in the database.
            if check.name != "nothing is held for appointments that were over long ago" {
                assert_eq!(wrong, Vec::<String>::new(), "{}", check.name);
            }
        }
    }
}

pub(crate) fn eur(amount: &str) -> Value {
    json!({ "amount": amount, "currency": "EUR" })
}

#[track_caller]
pub(crate) fn done(reply: Reply, status: u16) -> Value {
    assert_eq!(reply.status, status, "{}", reply.body);
    reply.body
}

pub(crate) fn text(body: &Value, field: &str) -> String {
    body[field].as_str().expect("a text").to_owned()
}
