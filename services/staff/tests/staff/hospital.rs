//! A hospital with a staff service and a scheduling service that says what it is told.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use galen_access::{Principal, Role};
use galen_contracts::Event;
use galen_contracts::ids::PractitionerId;
use galen_contracts::scheduling::v1::schedule_server::{Schedule, ScheduleServer};
use galen_contracts::scheduling::v1::{
    ListOpenAppointmentsRequest, ListOpenAppointmentsResponse, OpenAppointment,
};
use galen_kernel::{Clock, Timestamp};
use galen_service::testing::{self, Reply, TestApi, TestCaller};
use galen_service::{Config, Peers, Platform, SHARED_MIGRATIONS, Service as _};
use galen_staff::Staff;
use galen_storage::{Columns as _, Db, SchemaSpec};
use galen_testkit::TestDatabase;
use http::StatusCode;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use tonic::service::Routes;
use tonic::{Request, Response, Status};

/// A Monday.
pub(crate) const NOW: &str = "2025-03-03T06:00:00Z";

/// Enough of scheduling to publish as it.
const SCHEDULING: SchemaSpec = SchemaSpec {
    service: "scheduling",
    migrations: &[],
    subscribes: &[],
};

pub(crate) struct Hospital {
    pub(crate) staff: Arc<Staff>,
    pub(crate) api: TestApi,
    pub(crate) db: Db,
    pub(crate) database: TestDatabase,
    pub(crate) clock: Clock,
    pub(crate) schedule: FakeSchedule,
    events: Db,
}

/// What scheduling answers: these appointments, or an error.
#[derive(Clone)]
pub(crate) struct FakeSchedule(Arc<Mutex<Result<Vec<OpenAppointment>, Status>>>);

impl FakeSchedule {
    pub(crate) fn answer(&self, answer: Result<Vec<OpenAppointment>, Status>) {
        *self.0.lock().expect("no test panics while it holds this") = answer;
    }
}

#[tonic::async_trait]
impl Schedule for FakeSchedule {
    async fn list_open_appointments(
        &self,
        asked: Request<ListOpenAppointmentsRequest>,
    ) -> Result<Response<ListOpenAppointmentsResponse>, Status> {
        assert!(asked.get_ref().start.is_some() && asked.get_ref().end.is_some());
        let answer = self
            .0
            .lock()
            .expect("no test panics while it holds this")
            .clone();
        answer.map(|appointments| Response::new(ListOpenAppointmentsResponse { appointments }))
    }
}

impl Hospital {
    pub(crate) async fn open() -> Self {
        Self::open_with(TimeZone::UTC, &[]).await
    }

    pub(crate) async fn open_with(zone: TimeZone, settings: &[(&str, &str)]) -> Self {
        let clock = Clock::manual(at(NOW));
        let database = TestDatabase::new(
            galen_eventing::MIGRATIONS,
            SHARED_MIGRATIONS,
            &[Staff::SCHEMA, SCHEDULING],
            clock.clone(),
        )
        .await;
        let db = database.open("staff").await;
        let schedule = FakeSchedule(Arc::new(Mutex::new(Ok(Vec::new()))));
        let peers = Peers::in_memory([(
            "scheduling",
            Routes::new(ScheduleServer::new(schedule.clone())),
        )]);
        let settings: BTreeMap<String, String> = settings
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        let platform = Platform {
            zone,
            config: Config::from_values(settings),
            ..testing::platform(db.clone(), clock.clone(), peers)
        };
        let staff = Arc::new(
            Staff::start(platform.clone())
                .await
                .expect("the settings are right"),
        );
        let api = TestApi::new(staff.rest(), &platform);
        let events = database.open_events().await;
        Self {
            staff,
            api,
            db,
            database,
            clock,
            schedule,
            events,
        }
    }

    pub(crate) fn admin(&self) -> TestCaller {
        self.api.as_role(Role::Admin)
    }

    pub(crate) fn doctor(&self, id: &str) -> TestCaller {
        self.api.as_practitioner(Role::Doctor, practitioner_id(id))
    }

    /// An administrator who is a practitioner too.
    pub(crate) fn admin_who_practises(&self, id: &str) -> TestCaller {
        self.api.as_principal(Principal {
            user_id: self.clock.id(),
            session_id: self.clock.id(),
            roles: vec![Role::Admin, Role::Doctor],
            grants: galen_access::Grants::default(),
            patient_id: None,
            practitioner_id: Some(practitioner_id(id)),
        })
    }

    /// Registers somebody and tells their id.
    pub(crate) async fn practitioner(&self, name: &str) -> String {
        let body = json!({
            "givenName": "Ada", "familyName": name, "specialty": "Cardiology",
            "licenseNumber": format!("L-{}", self.clock.uuid()), "department": "Heart centre",
        });
        id_of(&self.admin().post("/practitioners", body).await)
    }

    /// Plans a clinic shift and tells its id.
    pub(crate) async fn clinic(&self, practitioner: &str, start: &str, end: &str) -> String {
        id_of(
            &self
                .admin()
                .post(
                    &format!("/practitioners/{practitioner}/shifts"),
                    shift(start, end, "CLINIC"),
                )
                .await,
        )
    }

    /// Asks for leave as the practitioner and tells its id.
    pub(crate) async fn leave(&self, practitioner: &str, start: &str, end: &str) -> String {
        let body = json!({ "start": start, "end": end, "kind": "VACATION" });
        id_of(
            &self
                .doctor(practitioner)
                .post(&format!("/practitioners/{practitioner}/leaves"), body)
                .await,
        )
    }

    /// The types of the events about somebody, without the common prefix, in order.
    pub(crate) async fn told(&self, practitioner: &str) -> Vec<String> {
        let types = self
            .published(practitioner)
            .await
            .into_iter()
            .map(|(event_type, _)| event_type);
        types
            .map(|t| {
                t.trim_start_matches("galen.staff.")
                    .trim_end_matches(".v1")
                    .to_owned()
            })
            .collect()
    }

    /// The events of one type about somebody, in order.
    pub(crate) async fn events<E: Event>(&self, practitioner: &str) -> Vec<E> {
        let all = self.published(practitioner).await.into_iter();
        let wanted = all.filter(|(event_type, _)| event_type == E::TYPE.name);
        wanted
            .map(|(_, data)| E::decode(data.as_slice()).expect("what was published decodes"))
            .collect()
    }

    async fn published(&self, key: &str) -> Vec<(String, Vec<u8>)> {
        let rows = sqlx::query("select type, data from event where key = $1 order by seq")
            .bind(key)
            .fetch_all(self.events.pool())
            .await;
        let rows = rows.expect("the owner of the log may read it");
        rows.iter()
            .map(|row| {
                (
                    row.text("type").expect("text"),
                    row.col("data").expect("bytes"),
                )
            })
            .collect()
    }
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
}

pub(crate) fn practitioner_id(id: &str) -> PractitionerId {
    id.parse().unwrap_or_else(|e| panic!("{id}: {e}"))
}

pub(crate) fn shift(start: &str, end: &str, kind: &str) -> Value {
    json!({ "start": start, "end": end, "kind": kind })
}

/// The id of what was created.
pub(crate) fn id_of(reply: &Reply) -> String {
    assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.body);
    reply.body["id"]
        .as_str()
        .expect("what is created has an id")
        .to_owned()
}

/// A field of every item of a list.
pub(crate) fn all<'a>(reply: &'a Reply, field: &str) -> Vec<&'a str> {
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
    let items = reply.body["items"].as_array().expect("a list has items");
    items
        .iter()
        .map(|item| item[field].as_str().expect("the field is text"))
        .collect()
}
