//! A notifications service between a database, fake neighbours and fake providers.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use axum::extract::State;
use galen_contracts::Event;
use galen_contracts::convert::to_wire;
use galen_contracts::identity::v1::accounts_server::{Accounts, AccountsServer};
use galen_contracts::identity::v1::{MintCredentialLinkRequest, MintCredentialLinkResponse};
use galen_contracts::ids::{AppointmentId, PatientId, PractitionerId};
use galen_contracts::notifications::v1::{ConfirmationQueued, MessageDead, MessageSent};
use galen_contracts::patients::v1::patient_directory_server::{
    PatientDirectory, PatientDirectoryServer,
};
use galen_contracts::patients::v1::{
    GetContactRequest, GetContactResponse, GetPatientRequest, GetPatientResponse,
    ListCoveragesRequest, ListCoveragesResponse,
};
use galen_contracts::scheduling::v1::{Appointment, ServiceType};
use galen_contracts::staff::v1::staff_directory_server::{StaffDirectory, StaffDirectoryServer};
use galen_contracts::staff::v1::{
    CheckAvailabilityRequest, CheckAvailabilityResponse, GetPractitionersRequest,
    GetPractitionersResponse, Practitioner,
};
use galen_eventing::{Backbone, Delivery, Failure, Handle, Publish as _, Running, Subscription};
use galen_kernel::{Clock, Timestamp};
use galen_notifications::Notifications;
use galen_service::testing::{self, TestApi};
use galen_service::{Config, Peers, Platform, SHARED_MIGRATIONS, Service as _};
use galen_storage::{Db, SchemaSpec, Tx};
use galen_testkit::TestDatabase;
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use serde_json::Value;
use sqlx::{Connection as _, PgConnection, Row as _};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::{Request, Response, Status};
use uuid::Uuid;

/// What the neighbours answer.
#[derive(Default)]
pub(crate) struct Neighbours {
    pub(crate) contacts: Mutex<HashMap<String, GetContactResponse>>,
    pub(crate) practitioners: Mutex<HashMap<String, (String, String)>>,
    /// Links that can be minted, with the address of the account.
    pub(crate) links: Mutex<HashMap<String, String>>,
    pub(crate) minted: AtomicU32,
    pub(crate) contact_questions: AtomicU32,
    pub(crate) down: AtomicBool,
}

impl Neighbours {
    fn up(&self) -> Result<(), Status> {
        if self.down.load(Ordering::SeqCst) {
            Err(Status::unavailable("down"))
        } else {
            Ok(())
        }
    }
}

struct Fake(Arc<Neighbours>);

#[tonic::async_trait]
impl PatientDirectory for Fake {
    async fn get_patient(
        &self,
        request: Request<GetPatientRequest>,
    ) -> Result<Response<GetPatientResponse>, Status> {
        self.0.up()?;
        let patient_id = request.into_inner().patient_id;
        let known = self
            .0
            .contacts
            .lock()
            .expect("no panics")
            .contains_key(&patient_id);
        if !known {
            return Err(Status::not_found("no such patient"));
        }
        Ok(Response::new(GetPatientResponse {
            patient_id,
            ..Default::default()
        }))
    }

    async fn get_contact(
        &self,
        request: Request<GetContactRequest>,
    ) -> Result<Response<GetContactResponse>, Status> {
        self.0.up()?;
        self.0.contact_questions.fetch_add(1, Ordering::SeqCst);
        let contacts = self.0.contacts.lock().expect("no panics");
        contacts
            .get(&request.into_inner().patient_id)
            .cloned()
            .map(Response::new)
            .ok_or_else(|| Status::not_found("no such patient"))
    }

    async fn list_coverages(
        &self,
        _: Request<ListCoveragesRequest>,
    ) -> Result<Response<ListCoveragesResponse>, Status> {
        Err(Status::unimplemented("notifications need no coverages"))
    }
}

#[tonic::async_trait]
impl StaffDirectory for Fake {
    async fn get_practitioners(
        &self,
        request: Request<GetPractitionersRequest>,
    ) -> Result<Response<GetPractitionersResponse>, Status> {
        self.0.up()?;
        let known = self.0.practitioners.lock().expect("no panics");
        let practitioners = request
            .into_inner()
            .practitioner_ids
            .into_iter()
            .filter_map(|practitioner_id| {
                let (given_name, family_name) = known.get(&practitioner_id)?.clone();
                Some(Practitioner {
                    practitioner_id,
                    given_name,
                    family_name,
                    ..Default::default()
                })
            })
            .collect();
        Ok(Response::new(GetPractitionersResponse { practitioners }))
    }

    async fn check_availability(
        &self,
        _: Request<CheckAvailabilityRequest>,
    ) -> Result<Response<CheckAvailabilityResponse>, Status> {
        Err(Status::unimplemented("not asked here"))
    }
}

#[tonic::async_trait]
impl Accounts for Fake {
    async fn mint_credential_link(
        &self,
        request: Request<MintCredentialLinkRequest>,
    ) -> Result<Response<MintCredentialLinkResponse>, Status> {
        self.0.up()?;
        let links = self.0.links.lock().expect("no panics");
        let email = links
            .get(&request.into_inner().link_id)
            .cloned()
            .ok_or_else(|| Status::failed_precondition("used"))?;
        let n = self.0.minted.fetch_add(1, Ordering::SeqCst) + 1;
        Ok(Response::new(MintCredentialLinkResponse {
            url: format!("https://hospital.example/set-password#secret-token-{n}"),
            email,
            username: "ada.l".to_owned(),
        }))
    }
}

/// What was published on the service's own topic.
#[derive(Default)]
pub(crate) struct Heard {
    pub(crate) queued: Mutex<Vec<ConfirmationQueued>>,
    pub(crate) sent: Mutex<Vec<MessageSent>>,
    pub(crate) dead: Mutex<Vec<MessageDead>>,
}

impl Handle<ConfirmationQueued> for Heard {
    async fn handle(&self, _: &mut Tx, d: Delivery<ConfirmationQueued>) -> Result<(), Failure> {
        self.queued.lock().expect("no panics").push(d.event);
        Ok(())
    }
}

impl Handle<MessageSent> for Heard {
    async fn handle(&self, _: &mut Tx, d: Delivery<MessageSent>) -> Result<(), Failure> {
        self.sent.lock().expect("no panics").push(d.event);
        Ok(())
    }
}

impl Handle<MessageDead> for Heard {
    async fn handle(&self, _: &mut Tx, d: Delivery<MessageDead>) -> Result<(), Failure> {
        self.dead.lock().expect("no panics").push(d.event);
        Ok(())
    }
}

const fn neighbour(service: &'static str, subscribes: &'static [&'static str]) -> SchemaSpec {
    SchemaSpec {
        service,
        migrations: &[],
        subscribes,
    }
}

pub(crate) struct World {
    pub(crate) clock: Clock,
    pub(crate) database: TestDatabase,
    pub(crate) platform: Platform,
    pub(crate) service: Arc<Notifications>,
    pub(crate) api: TestApi,
    pub(crate) neighbours: Arc<Neighbours>,
    pub(crate) heard: Arc<Heard>,
    pub(crate) running: Running,
    scheduling: Db,
    stop: CancellationToken,
}

/// Noon of a Tuesday in Berlin, in winter.
pub(crate) fn start() -> Timestamp {
    "2026-03-03T11:00:00Z".parse().expect("an instant")
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(&[]).await
    }

    /// With settings, named without their `notifications.`.
    pub(crate) async fn with(settings: &[(&str, &str)]) -> Self {
        let clock = Clock::manual(start());
        let schemas = [
            Notifications::SCHEMA,
            neighbour("scheduling", &["notifications"]),
            neighbour("identity", &[]),
            neighbour("patients", &[]),
            neighbour("staff", &[]),
        ];
        let database = TestDatabase::new(
            galen_eventing::MIGRATIONS,
            SHARED_MIGRATIONS,
            &schemas,
            clock.clone(),
        )
        .await;
        let neighbours = Arc::new(Neighbours::default());
        let fake = || Fake(Arc::clone(&neighbours));
        let peers = Peers::in_memory([
            ("patients", Routes::new(PatientDirectoryServer::new(fake()))),
            ("staff", Routes::new(StaffDirectoryServer::new(fake()))),
            ("identity", Routes::new(AccountsServer::new(fake()))),
        ]);
        let db = database.open("notifications").await;
        let mut platform = testing::platform(db, clock.clone(), peers);
        platform.zone = TimeZone::get("Europe/Berlin").expect("the zone database");
        let values = settings
            .iter()
            .map(|(k, v)| (format!("notifications.{k}"), (*v).to_owned()));
        platform.config = Config::from_values(values.collect::<BTreeMap<_, _>>());
        let service = start_service(&platform).await;
        let heard = Arc::new(Heard::default());
        let scheduling = database.open("scheduling").await;
        let stop = CancellationToken::new();
        let mut backbone = Backbone::new(database.open_events().await, database.wake());
        for subscription in service.subscriptions() {
            backbone.subscribe(&platform.db, subscription);
        }
        for timers in service.timers() {
            backbone.on_timer(&platform.db, timers);
        }
        let ears = Subscription::new("scheduling.ears", Arc::clone(&heard))
            .on::<ConfirmationQueued>()
            .on::<MessageSent>()
            .on::<MessageDead>()
            .build();
        backbone.subscribe(&scheduling, ears);
        let running = backbone.run(stop.clone());
        let api = TestApi::new(service.rest(), &platform);
        Self {
            clock,
            database,
            platform,
            service,
            api,
            neighbours,
            heard,
            running,
            scheduling,
            stop,
        }
    }

    /// A second copy of the service, as another process would have it.
    pub(crate) async fn another_service(&self) -> Arc<Notifications> {
        start_service(&self.platform).await
    }

    /// Where mails are when there is no mail server.
    pub(crate) fn mail_dir(&self) -> PathBuf {
        self.platform.data_dir.join("mail")
    }

    /// The mails in the directory, by name.
    pub(crate) fn mails(&self) -> BTreeMap<String, String> {
        let entries =
            std::fs::read_dir(self.mail_dir()).expect("the directory is made at the start");
        entries
            .map(|entry| {
                let entry = entry.expect("a file");
                let name = entry.file_name().into_string().expect("UTF-8");
                (name, std::fs::read_to_string(entry.path()).expect("a mail"))
            })
            .collect()
    }

    /// A patient with a mail address, a number and a language.
    pub(crate) fn patient(&self, email: &str, phone: &str, language: &str) -> PatientId {
        let id: PatientId = self.clock.id();
        let contact = GetContactResponse {
            patient_id: id.to_string(),
            given_name: "Ada".to_owned(),
            family_name: "Lovelace".to_owned(),
            email: email.to_owned(),
            phone: phone.to_owned(),
            language: language.to_owned(),
            mrn: "MRN-0000001".to_owned(),
            address_lines: Vec::new(),
        };
        self.neighbours
            .contacts
            .lock()
            .expect("no panics")
            .insert(id.to_string(), contact);
        id
    }

    /// An appointment so many hours from now.
    pub(crate) fn appointment(&self, patient: PatientId, hours: i64) -> Appointment {
        let practitioner: PractitionerId = self.clock.id();
        let name = ("Elizabeth".to_owned(), "Blackwell".to_owned());
        self.neighbours
            .practitioners
            .lock()
            .expect("no panics")
            .insert(practitioner.to_string(), name);
        let id: AppointmentId = self.clock.id();
        let start = self.clock.now() + SignedDuration::from_hours(hours);
        Appointment {
            appointment_id: id.to_string(),
            patient_id: patient.to_string(),
            practitioner_id: practitioner.to_string(),
            start: Some(to_wire(start)),
            end: Some(to_wire(start + SignedDuration::from_mins(30))),
            service_type: ServiceType::Consultation.into(),
            ..Default::default()
        }
    }

    /// Publishes as the service that owns the topic, and waits until it was heard.
    pub(crate) async fn hears<E: Event>(&self, event: E) {
        let db = match E::TYPE.topic {
            "scheduling" => self.scheduling.clone(),
            topic => self.database.open(topic).await,
        };
        let mut tx = db.begin().await.expect("a transaction");
        tx.publish(&event);
        tx.commit().await.expect("a commit");
        self.running.settle().await.expect("everything is heard");
    }

    /// Sends what is due, and waits until its events were heard.
    pub(crate) async fn send(&self) -> u64 {
        let settled = self
            .service
            .sender()
            .send_due()
            .await
            .expect("the database answers");
        self.running.settle().await.expect("everything is heard");
        settled
    }

    /// Moves the clock, and lets timers fire.
    pub(crate) async fn wait(&self, hours: i64) {
        self.clock.advance(SignedDuration::from_hours(hours));
        self.database.wake().notify_timer(self.clock.now());
        self.running.settle().await.expect("everything is heard");
    }

    /// A list of messages as an administrator sees it.
    pub(crate) async fn messages(&self, recipient: impl std::fmt::Display) -> Vec<Value> {
        let admin = self.api.as_role(galen_access::Role::Admin);
        let reply = admin
            .get(&format!("/notifications?recipientId={recipient}"))
            .await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.body["items"].as_array().expect("a list").clone()
    }

    /// The only message of somebody.
    pub(crate) async fn message(&self, recipient: impl std::fmt::Display) -> Value {
        let messages = self.messages(recipient).await;
        assert_eq!(messages.len(), 1, "{messages:?}");
        messages[0].clone()
    }

    /// The only message of somebody with its attempts.
    pub(crate) async fn history(&self, recipient: impl std::fmt::Display) -> Value {
        let id = self.message(recipient).await["id"]
            .as_str()
            .expect("an id")
            .to_owned();
        let admin = self.api.as_role(galen_access::Role::Admin);
        let reply = admin.get(&format!("/notifications/{id}")).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.body
    }

    /// Everything in the schemas of the service and of the log, as text.
    pub(crate) async fn everything_stored(&self) -> String {
        let mut admin = PgConnection::connect_with(&self.database.admin())
            .await
            .expect("a superuser");
        let tables = sqlx::query(
            "select format('%I.%I', schemaname, tablename) as name from pg_tables
             where schemaname in ('notifications', 'events')",
        )
        .fetch_all(&mut admin)
        .await
        .expect("tables");
        let mut text = String::new();
        for table in tables {
            let name: String = table.get("name");
            let query = format!("select coalesce(string_agg(t::text, E'\\n'), '') from {name} t");
            let rows: String = sqlx::query_scalar(sqlx::AssertSqlSafe(query))
                .fetch_one(&mut admin)
                .await
                .expect("rows");
            text.push_str(&rows);
        }
        assert!(
            text.contains("APPOINTMENT_CONFIRMATION"),
            "the texts are stored"
        );
        text
    }

    /// Makes a message look as if its sender had vanished in the middle.
    pub(crate) async fn sender_vanishes(&self, message: &str) {
        let mut admin = PgConnection::connect_with(&self.database.admin())
            .await
            .expect("a superuser");
        let changed = sqlx::query(
            "update notifications.message
             set status = 'SENDING', claim = gen_random_uuid(), sent_at = null,
                 locked_until = clock_timestamp() - interval '1 second'
             where id = $1",
        )
        .bind(message.parse::<Uuid>().expect("an id"))
        .execute(&mut admin)
        .await
        .expect("a superuser may");
        assert_eq!(changed.rows_affected(), 1);
    }

    /// What `galen verify` would find wrong.
    pub(crate) async fn violations(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for check in Notifications::checks() {
            let rows = sqlx::query(check.sql)
                .fetch_all(self.platform.db.pool())
                .await
                .expect("a check");
            wrong.extend(
                rows.iter()
                    .map(|row| format!("{}: {}", check.name, row.get::<String, _>(0))),
            );
        }
        wrong
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.cancel();
        let _ = std::fs::remove_dir_all(&self.platform.data_dir);
    }
}

async fn start_service(platform: &Platform) -> Arc<Notifications> {
    let service = Notifications::start(platform.clone()).await;
    Arc::new(service.unwrap_or_else(|error| panic!("the service starts: {error:?}")))
}

/// One SMS as the provider got it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TakenSms {
    pub(crate) to: String,
    pub(crate) text: String,
    pub(crate) idempotency_key: String,
}

/// An SMS provider on loopback.
pub(crate) struct SmsProvider {
    pub(crate) url: String,
    state: Arc<SmsState>,
}

#[derive(Default)]
struct SmsState {
    taken: Mutex<Vec<TakenSms>>,
}

impl SmsProvider {
    pub(crate) async fn start() -> Self {
        let state = Arc::new(SmsState::default());
        let router = axum::Router::new()
            .route("/send", axum::routing::post(take_sms))
            .with_state(Arc::clone(&state));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a free port");
        let url = format!("http://{}/send", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, state }
    }

    pub(crate) fn taken(&self) -> Vec<TakenSms> {
        self.state.taken.lock().expect("no panics").clone()
    }
}

async fn take_sms(
    State(state): State<Arc<SmsState>>,
    headers: axum::http::HeaderMap,
    axum::Json(sms): axum::Json<TakenSms>,
) -> axum::http::StatusCode {
    if headers
        .get("authorization")
        .is_none_or(|value| value != "Bearer secret")
    {
        return axum::http::StatusCode::UNAUTHORIZED;
    }
    state.taken.lock().expect("no panics").push(sms);
    axum::http::StatusCode::ACCEPTED
}
