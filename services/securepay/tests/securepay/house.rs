//! The whole service on a real PostgreSQL, with a stand-in for the patients service.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use galen_access::Role;
use galen_contracts::billing::v1::payer_directory_server::{PayerDirectory, PayerDirectoryServer};
use galen_contracts::billing::v1::{GetPayerRequest, GetPayerResponse};
use galen_contracts::ids::PatientId;
use galen_contracts::patients::v1::patient_directory_server::{
    PatientDirectory, PatientDirectoryServer,
};
use galen_contracts::patients::v1::{
    GetContactRequest, GetContactResponse, GetPatientRequest, GetPatientResponse,
    ListCoveragesRequest, ListCoveragesResponse, PatientStatus,
};
use galen_contracts::securepay::v1::account_service_client::AccountServiceClient;
use galen_contracts::securepay::v1::payment_service_client::PaymentServiceClient;
use galen_contracts::securepay::v1::{
    AccountKind, Money, OpenAccountRequest, PostRequest, Transfer,
};
use galen_contracts::{Event, registry};
use galen_eventing::{Backbone, Publish as _};
use galen_kernel::Clock;
use galen_securepay::{CHECKS, SecurePay};
use galen_service::testing::{self, Reply, TestApi, TestCaller};
use galen_service::{Config, Peers, Platform, SHARED_MIGRATIONS, Service};
use galen_storage::{Db, SchemaSpec};
use galen_testkit::TestDatabase;
use serde_json::{Value, json};
use sqlx::Row as _;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::transport::Channel;
use tonic::{Request, Response, Status};
use uuid::Uuid;

/// Where the patients service publishes.
const PATIENTS: SchemaSpec = SchemaSpec {
    service: "patients",
    migrations: &[],
    subscribes: &[],
};

/// Payers that exist, and whether new things are agreed with them.
#[derive(Default)]
pub(crate) struct Payers(Mutex<HashMap<Uuid, bool>>);

/// Records of patients that exist.
#[derive(Default)]
pub(crate) struct Patients(Mutex<HashMap<Uuid, PatientStatus>>);

/// SecurePay as a host runs it, without the host.
pub(crate) struct House {
    pub(crate) database: TestDatabase,
    pub(crate) db: Db,
    pub(crate) platform: Platform,
    pub(crate) patients: Arc<Patients>,
    pub(crate) payers: Arc<Payers>,
    pub(crate) service: Arc<SecurePay>,
    pub(crate) api: TestApi,
}

impl Drop for House {
    fn drop(&mut self) {
        self.platform.stopping.cancel();
        self.platform.drained.cancel();
    }
}

impl House {
    pub(crate) async fn open() -> Self {
        Self::with(Clock::system(), &[]).await
    }

    /// With another clock, and settings named without their `securepay.`.
    pub(crate) async fn with(clock: Clock, settings: &[(&str, &str)]) -> Self {
        let database = TestDatabase::new(
            galen_eventing::MIGRATIONS,
            SHARED_MIGRATIONS,
            &[SecurePay::SCHEMA, PATIENTS],
            clock.clone(),
        )
        .await;
        let patients = Arc::new(Patients::default());
        let directory = PatientDirectoryServer::from_arc(Arc::clone(&patients));
        let payers = Arc::new(Payers::default());
        let payer_directory = PayerDirectoryServer::from_arc(Arc::clone(&payers));
        let peers = Peers::in_memory([
            ("patients", Routes::new(directory)),
            ("billing", Routes::new(payer_directory)),
        ]);
        let db = database.open("securepay").await;
        let mut platform = testing::platform(db.clone(), clock, peers);
        let settings = settings.iter();
        let values = settings.map(|(key, value)| (format!("securepay.{key}"), (*value).to_owned()));
        platform.config = Config::from_values(values.collect());
        let service = SecurePay::start(platform.clone())
            .await
            .expect("securepay starts");
        let service = Arc::new(service);
        let api = TestApi::new(service.rest(), &platform);
        Self {
            database,
            db,
            platform,
            patients,
            payers,
            service,
            api,
        }
    }

    /// As other services ask it.
    pub(crate) fn accounts(&self) -> AccountServiceClient<Channel> {
        AccountServiceClient::new(self.channel())
    }

    /// As other services ask it.
    pub(crate) fn payments(&self) -> PaymentServiceClient<Channel> {
        PaymentServiceClient::new(self.channel())
    }

    fn channel(&self) -> Channel {
        let routes = self.service.rpc().expect("it offers some");
        Peers::in_memory([("securepay", routes)]).channel("securepay")
    }

    /// Whoever keeps the books.
    pub(crate) fn clerk(&self) -> TestCaller {
        self.api.as_role(Role::Billing)
    }

    /// A patient with a record, and their wallet with some money in it.
    pub(crate) async fn patient_with(&self, minor: i64) -> (PatientId, TestCaller, String) {
        let id: PatientId = self.platform.clock.id();
        self.patients.set(id.uuid(), PatientStatus::Active);
        let caller = self.api.as_patient(id);
        let wish = json!({ "ownerId": id, "currency": "EUR", "kind": "PATIENT" });
        let wallet = text(&caller.post("/wallets", wish).await, "id");
        if minor > 0 {
            self.fund(&wallet, minor).await;
        }
        (id, caller, wallet)
    }

    /// The hospital's own wallet.
    pub(crate) async fn till(&self) -> String {
        let wish = json!({ "currency": "EUR", "kind": "HOSPITAL" });
        text(&self.clerk().post("/wallets", wish).await, "id")
    }

    /// Puts money of the bank's into a wallet.
    pub(crate) async fn fund(&self, wallet: &str, minor: i64) {
        let mut accounts = self.accounts();
        let bank = OpenAccountRequest {
            kind: AccountKind::Bank.into(),
            owner_id: String::new(),
            currency: "EUR".into(),
        };
        let bank = accounts.open_account(bank).await.expect("it is opened");
        let bank = bank.into_inner().account.expect("told");
        let transfer = Transfer {
            transfer_id: Uuid::now_v7().to_string(),
            debit_account_id: bank.account_id,
            credit_account_id: wallet.into(),
            amount: Some(eur(minor)),
            reference_id: String::new(),
        };
        let post = PostRequest {
            transfers: vec![transfer],
        };
        accounts.post(post).await.expect("it is posted");
    }

    /// What a wallet has: posted, pending, available.
    pub(crate) async fn balance(&self, wallet: &str) -> [String; 3] {
        let reply = self
            .clerk()
            .get(&format!("/wallets/{wallet}/balance"))
            .await;
        ["posted", "pending", "available"].map(|name| {
            let amount = reply.body[name]["amount"].as_str();
            amount
                .unwrap_or_else(|| panic!("{}", reply.body))
                .to_owned()
        })
    }

    /// Everything published so far: types without their prefix, and the data.
    pub(crate) async fn published(&self) -> Vec<(String, Value)> {
        let admin = sqlx::PgPool::connect_with(self.database.admin())
            .await
            .expect("the database answers");
        let rows = sqlx::query("select type, data from events.event order by seq")
            .fetch_all(&admin)
            .await
            .expect("events are read");
        rows.iter()
            .map(|row| {
                let name: String = row.get("type");
                let data = registry::to_json(&name, row.get("data")).expect("a known event");
                let short = name
                    .trim_start_matches("galen.securepay.")
                    .trim_end_matches(".v1");
                (short.to_owned(), data)
            })
            .collect()
    }

    /// Hears what another service says.
    pub(crate) async fn hears<E: Event>(&self, event: &E) {
        let patients = self.database.open(E::TYPE.topic).await;
        let mut tx = patients.begin().await.expect("the database answers");
        tx.publish(event);
        tx.commit().await.expect("it is published");
        let events = self.database.open_events().await;
        let mut backbone = Backbone::new(events, self.database.wake());
        for subscription in self.service.subscriptions() {
            backbone.subscribe(&self.platform.db, subscription);
        }
        let stop = CancellationToken::new();
        let running = backbone.run(stop.clone());
        running.settle().await.expect("everything is heard");
        stop.cancel();
        running.stopped().await;
    }

    /// Tells others of what was posted.
    pub(crate) async fn announce(&self) {
        let jobs = self.service.jobs();
        let announcing = jobs.iter().find(|job| job.name() == "securepay.announce");
        announcing
            .expect("it is there")
            .run_once()
            .await
            .expect("it is told");
    }

    /// Nothing is wrong with the books.
    pub(crate) async fn is_sound(&self) {
        self.announce().await;
        for check in CHECKS {
            let wrong = self.found_by(check.name).await;
            assert!(wrong.is_empty(), "{}: {wrong:?}", check.name);
        }
    }

    /// What one of the checks finds.
    pub(crate) async fn found_by(&self, name: &str) -> Vec<String> {
        let check = CHECKS.iter().find(|check| check.name == name);
        sqlx::query_scalar(check.expect("it is checked").sql)
            .fetch_all(self.db.pool())
            .await
            .unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub(crate) async fn number(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql)
            .fetch_one(self.db.pool())
            .await
            .expect("the database answers")
    }
}

/// Some euros.
pub(crate) fn eur(minor: i64) -> Money {
    Money {
        minor,
        currency: "EUR".into(),
    }
}

/// A field of an answer.
pub(crate) fn text(reply: &Reply, field: &str) -> String {
    let value = reply.body[field].as_str();
    value
        .unwrap_or_else(|| panic!("{} {}", reply.status, reply.body))
        .to_owned()
}

impl Payers {
    pub(crate) fn set(&self, payer: Uuid, active: bool) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(payer, active);
    }
}

#[tonic::async_trait]
impl PayerDirectory for Payers {
    async fn get_payer(
        &self,
        request: Request<GetPayerRequest>,
    ) -> Result<Response<GetPayerResponse>, Status> {
        let payer_id = request.into_inner().payer_id;
        let known = payer_id.parse().ok().and_then(|id: Uuid| {
            let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            known.get(&id).copied()
        });
        let active = known.ok_or_else(|| Status::not_found("no such payer"))?;
        Ok(Response::new(GetPayerResponse { payer_id, active }))
    }
}

impl Patients {
    pub(crate) fn set(&self, patient: Uuid, status: PatientStatus) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(patient, status);
    }
}

#[tonic::async_trait]
impl PatientDirectory for Patients {
    async fn get_patient(
        &self,
        request: Request<GetPatientRequest>,
    ) -> Result<Response<GetPatientResponse>, Status> {
        let patient_id = request.into_inner().patient_id;
        let known = patient_id.parse().ok().and_then(|id: Uuid| {
            let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            known.get(&id).copied()
        });
        let status = known.ok_or_else(|| Status::not_found("no such patient"))?;
        Ok(Response::new(GetPatientResponse {
            patient_id,
            mrn: "1".into(),
            status: status.into(),
            merged_into_id: String::new(),
        }))
    }

    async fn get_contact(
        &self,
        _: Request<GetContactRequest>,
    ) -> Result<Response<GetContactResponse>, Status> {
        Err(Status::unimplemented("securepay calls nobody"))
    }

    async fn list_coverages(
        &self,
        _: Request<ListCoveragesRequest>,
    ) -> Result<Response<ListCoveragesResponse>, Status> {
        Err(Status::unimplemented("securepay insures nobody"))
    }
}
