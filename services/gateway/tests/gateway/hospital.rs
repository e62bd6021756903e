//! A log that all services publish to, and the gateway that tells of it.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use galen_access::{Authentication, KeySet, Method, Principal, Role, SigningKey};
use galen_contracts::Event;
use galen_contracts::ids::{PatientId, PractitionerId};
use galen_contracts::patients::v1::care_directory_server::{CareDirectory, CareDirectoryServer};
use galen_contracts::patients::v1::{
    ListReachedRequest, ListReachedResponse, PatientDemographicsChanged,
};
use galen_contracts::scheduling::v1::{Appointment, AppointmentBooked};
use galen_eventing::{Backbone, Publish as _, Running};
use galen_gateway::Gateway;
use galen_kernel::{Clock, Timestamp};
use galen_service::{Config, Peers, Platform, Service as _, testing};
use galen_storage::{Db, SchemaSpec};
use galen_testkit::TestDatabase;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tonic::service::Routes;
use tower::ServiceExt as _;

pub(crate) const NOW: &str = "2026-11-02T08:00:00Z";
/// Longer than anything takes that happens at all.
const PATIENCE: Duration = Duration::from_secs(20);

const fn publisher(service: &'static str) -> SchemaSpec {
    SchemaSpec {
        service,
        migrations: &[],
        subscribes: &[],
    }
}

const SERVICES: [SchemaSpec; 6] = [
    publisher("identity"),
    publisher("patients"),
    publisher("staff"),
    publisher("scheduling"),
    publisher("notifications"),
    Gateway::SCHEMA,
];

pub(crate) struct Hospital {
    pub(crate) clock: Clock,
    pub(crate) backbone: Running,
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) db: Db,
    pub(crate) care: Caring,
    publishers: BTreeMap<&'static str, Db>,
    key: SigningKey,
    keys: KeySet,
    router: Router,
    _database: TestDatabase,
}

/// Stands in for patients: who cares for whom.
#[derive(Clone, Default)]
pub(crate) struct Caring {
    known: Arc<Mutex<HashSet<(String, String)>>>,
    away: Arc<AtomicBool>,
}

impl Caring {
    /// From now on they do.
    pub(crate) fn begin(&self, practitioner: PractitionerId, patient: PatientId) {
        let pair = (practitioner.to_string(), patient.to_string());
        self.known.lock().unwrap().insert(pair);
    }

    /// Whether it answers.
    pub(crate) fn is_away(&self, away: bool) {
        self.away.store(away, Ordering::Relaxed);
    }
}

#[tonic::async_trait]
impl CareDirectory for Caring {
    async fn list_reached(
        &self,
        request: tonic::Request<ListReachedRequest>,
    ) -> Result<tonic::Response<ListReachedResponse>, tonic::Status> {
        if self.away.load(Ordering::Relaxed) {
            return Err(tonic::Status::unavailable("away"));
        }
        let asked = request.into_inner();
        let known = self.known.lock().unwrap();
        let reached = asked
            .patient_ids
            .into_iter()
            .filter(|patient| known.contains(&(asked.practitioner_id.clone(), patient.clone())))
            .collect();
        Ok(tonic::Response::new(ListReachedResponse {
            patient_ids: reached,
        }))
    }
}

impl Hospital {
    pub(crate) async fn open() -> Self {
        Self::open_with(&[]).await
    }

    pub(crate) async fn open_with(settings: &[(&str, &str)]) -> Self {
        let clock = Clock::manual(NOW.parse::<Timestamp>().unwrap());
        let database =
            TestDatabase::new(galen_eventing::MIGRATIONS, &[], &SERVICES, clock.clone()).await;
        let db = database.open("gateway").await;
        let care = Caring::default();
        let patients = CareDirectoryServer::new(care.clone());
        let peers = Peers::in_memory([("patients", Routes::new(patients))]);
        let values = settings
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        let platform = Platform {
            config: Config::from_values(values),
            ..testing::platform(db.clone(), clock.clone(), peers)
        };
        let key = SigningKey::generate().unwrap();
        platform
            .keys
            .replace(json!({ "keys": [key.jwk()] }))
            .unwrap();
        let (keys, stopping) = (platform.keys.clone(), platform.stopping.clone());
        let gateway = Arc::new(Gateway::start(platform.clone()).await.unwrap());
        let router = testing::TestApi::new(gateway.rest(), &platform).router();

        let mut backbone = Backbone::new(database.open_events().await, database.wake()).exclusive();
        for subscription in gateway.subscriptions() {
            backbone.subscribe(&db, subscription);
        }
        let backbone = backbone.run(stopping.clone());
        let mut publishers = BTreeMap::new();
        for service in [
            "identity",
            "patients",
            "staff",
            "scheduling",
            "notifications",
        ] {
            publishers.insert(service, database.open(service).await);
        }
        Self {
            clock,
            backbone,
            gateway,
            db,
            care,
            publishers,
            key,
            keys,
            router,
            _database: database,
        }
    }

    /// Publishes in one transaction, without waiting for anybody to hear it.
    pub(crate) async fn publish<E: Event>(&self, events: &[E]) {
        publish(&self.publishers[E::TYPE.topic], events).await;
    }

    pub(crate) fn publisher<E: Event>(&self) -> Db {
        self.publishers[E::TYPE.topic].clone()
    }

    /// Waits until everything is recorded.
    pub(crate) async fn settle(&self) {
        tokio::time::timeout(PATIENCE, self.backbone.settle())
            .await
            .unwrap()
            .unwrap();
    }

    pub(crate) fn somebody(&self, role: Role) -> Principal {
        Principal {
            user_id: self.clock.id(),
            session_id: self.clock.id(),
            roles: vec![role],
            grants: galen_access::Grants::default(),
            patient_id: None,
            practitioner_id: None,
        }
    }

    pub(crate) fn patient(&self, id: PatientId) -> Principal {
        Principal {
            patient_id: Some(id),
            ..self.somebody(Role::Patient)
        }
    }

    /// Asks for the stream.
    pub(crate) async fn ask(
        &self,
        who: Option<&Principal>,
        last_event_id: Option<&str>,
    ) -> Response {
        let mut request = Request::builder().uri("/api/v1/stream");
        if let Some(who) = who {
            let shown = Authentication::new(&[Method::Password], self.clock.now());
            let token = self
                .key
                .sign(who, &shown, self.keys.issuer(), self.clock.now())
                .unwrap();
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        let Ok(response) = self
            .router
            .clone()
            .oneshot(request.body(Body::empty()).unwrap())
            .await;
        response
    }

    /// The status and the code of a refusal.
    pub(crate) async fn refusal(
        &self,
        who: Option<&Principal>,
        last_event_id: Option<&str>,
    ) -> (u16, String) {
        let response = self.ask(who, last_event_id).await;
        let status = response.status().as_u16();
        assert!(status >= 400, "{status}");
        let body: Value =
            serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes())
                .unwrap();
        (status, body["code"].as_str().unwrap().to_owned())
    }

    /// Follows from now on.
    pub(crate) async fn follow(&self, who: &Principal) -> Stream {
        let mut stream = self.resume(who, None).await;
        assert_eq!(stream.next().await.unwrap().event, "ready");
        stream
    }

    /// Follows from behind an event.
    pub(crate) async fn resume(&self, who: &Principal, last_event_id: Option<i64>) -> Stream {
        let id = last_event_id.map(|id| id.to_string());
        let response = self.ask(Some(who), id.as_deref()).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        Stream {
            body: response.into_body(),
            text: String::new(),
        }
    }
}

pub(crate) async fn publish<E: Event>(db: &Db, events: &[E]) {
    let mut tx = db.begin().await.unwrap();
    for event in events {
        tx.publish(event);
    }
    tx.commit().await.unwrap();
}

/// An event of the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) event: String,
    pub(crate) id: i64,
    pub(crate) data: Value,
}

/// An open stream, read as a browser does.
pub(crate) struct Stream {
    body: Body,
    text: String,
}

impl Stream {
    /// The next event; `None` at the end. Heartbeats are passed over.
    pub(crate) async fn next(&mut self) -> Option<Told> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                let field = |name: &str| {
                    block
                        .lines()
                        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
                };
                if let (Some(event), Some(id), Some(data)) =
                    (field("event"), field("id"), field("data"))
                {
                    let (id, data) = (id.parse().unwrap(), serde_json::from_str(data).unwrap());
                    return Some(Told {
                        event: event.to_owned(),
                        id,
                        data,
                    });
                }
            }
            let frame = tokio::time::timeout(PATIENCE, self.body.frame())
                .await
                .expect("something is told");
            let bytes = frame?.unwrap().into_data().unwrap();
            self.text.push_str(std::str::from_utf8(&bytes).unwrap());
        }
    }

    /// Whether nothing more is told before the stream breaks.
    pub(crate) async fn is_cut_off(&mut self) -> bool {
        let frame = tokio::time::timeout(PATIENCE, self.body.frame()).await;
        matches!(frame.expect("the stream ends"), Some(Err(_)))
    }

    /// The next events.
    pub(crate) async fn take(&mut self, count: usize) -> Vec<Told> {
        let mut told = Vec::new();
        for _ in 0..count {
            told.push(self.next().await.expect("the stream goes on"));
        }
        told
    }
}

/// Somebody's appointment was booked.
pub(crate) fn booked(clock: &Clock, patient: PatientId) -> AppointmentBooked {
    AppointmentBooked {
        appointment: Some(Appointment {
            appointment_id: clock.uuid().to_string(),
            patient_id: patient.to_string(),
            practitioner_id: clock.uuid().to_string(),
            version: 1,
            ..Appointment::default()
        }),
        replaces_id: String::new(),
    }
}

/// Somebody moved house.
pub(crate) fn moved(patient: PatientId) -> PatientDemographicsChanged {
    PatientDemographicsChanged {
        patient_id: patient.to_string(),
        fields: vec!["address".to_owned()],
    }
}
