//! A hospital around scheduling: a database, a clock that stands still, and stand-ins
//! for staff, patients and notifications.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use galen_access::Role;
use galen_contracts::Event;
use galen_contracts::convert::{instant, to_wire};
use galen_contracts::ids::{PatientId, PractitionerId};
use galen_contracts::notifications::v1::ConfirmationQueued;
use galen_contracts::patients::v1::patient_directory_server::{
    PatientDirectory, PatientDirectoryServer,
};
use galen_contracts::patients::v1::{
    GetContactRequest, GetContactResponse, GetPatientRequest, GetPatientResponse, PatientStatus,
};
use galen_contracts::scheduling::v1::{ConfirmationRequested, PractitionerVerificationRequested};
use galen_contracts::staff::v1 as staff;
use galen_contracts::staff::v1::staff_directory_server::{StaffDirectory, StaffDirectoryServer};
use galen_eventing::{Backbone, Delivery, Failure, Handle, Publish as _, Running, Subscription};
use galen_kernel::{Clock, Timestamp};
use galen_scheduling::Scheduling;
use galen_service::testing::{self, Reply, TestApi, TestCaller};
use galen_service::{Peers, Platform, SHARED_MIGRATIONS, Service};
use galen_storage::{Db, SchemaSpec, Tx};
use galen_testkit::TestDatabase;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::{Request, Response, Status};
use uuid::Uuid;

/// A Monday, before anybody is at work.
pub(crate) const MONDAY: &str = "2026-03-02T06:00:00Z";

/// An instant of that week: day of the month, hour, minute.
pub(crate) fn at(day: i8, hour: i8, minute: i8) -> Timestamp {
    let date = jiff::civil::date(2026, 3, day).at(hour, minute, 0, 0);
    date.to_zoned(jiff::tz::TimeZone::UTC)
        .expect("a time of March")
        .timestamp()
}

pub(crate) fn minutes(n: i64) -> SignedDuration {
    SignedDuration::from_mins(n)
}

/// What the other services would know.
#[derive(Default)]
pub(crate) struct World {
    patients: Mutex<HashMap<Uuid, (PatientStatus, Option<Uuid>)>>,
    shifts: Mutex<HashMap<Uuid, (Uuid, Timestamp, Timestamp, staff::ShiftKind)>>,
    leaves: Mutex<HashMap<Uuid, (Uuid, Timestamp, Timestamp)>>,
    inactive: Mutex<HashSet<Uuid>>,
    pub(crate) names: Mutex<HashMap<Uuid, (String, String)>>,
    /// Patients or staff do not answer.
    pub(crate) patients_are_away: AtomicBool,
    pub(crate) staff_are_away: AtomicBool,
    /// Staff do not answer the booking process; notifications neither.
    pub(crate) staff_are_silent: AtomicBool,
    pub(crate) notifications_are_silent: AtomicBool,
    /// What staff answer the booking process, whatever their shifts say.
    pub(crate) verdict: Mutex<Option<String>>,
    /// Confirmations that were asked for.
    pub(crate) confirmations: Mutex<Vec<ConfirmationRequested>>,
    /// Verifications that were asked for.
    pub(crate) verifications: Mutex<Vec<PractitionerVerificationRequested>>,
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl World {
    fn availability(
        &self,
        practitioner: Uuid,
        start: Timestamp,
        end: Timestamp,
        surgery: bool,
    ) -> Result<(), &'static str> {
        if !lock(&self.names).contains_key(&practitioner) {
            return Err("UNKNOWN");
        }
        if lock(&self.inactive).contains(&practitioner) {
            return Err("INACTIVE");
        }
        if lock(&self.leaves)
            .values()
            .any(|(who, from, to)| *who == practitioner && *from < end && start < *to)
        {
            return Err("ON_LEAVE");
        }
        let mut shifts: Vec<(Timestamp, Timestamp)> = lock(&self.shifts)
            .values()
            .filter(|(who, _, _, kind)| {
                let suitable = match kind {
                    staff::ShiftKind::Surgery => surgery,
                    staff::ShiftKind::Clinic | staff::ShiftKind::Night => !surgery,
                    _ => false,
                };
                *who == practitioner && suitable
            })
            .map(|(_, from, to, _)| (*from, *to))
            .collect();
        shifts.sort_unstable();
        let mut covered = start;
        for (from, to) in shifts {
            if from <= covered {
                covered = covered.max(to);
            }
        }
        if covered >= end {
            Ok(())
        } else {
            Err("OUTSIDE_SHIFT")
        }
    }
}

struct FakePatients(Arc<World>);

#[tonic::async_trait]
impl PatientDirectory for FakePatients {
    async fn get_patient(
        &self,
        request: Request<GetPatientRequest>,
    ) -> Result<Response<GetPatientResponse>, Status> {
        if self.0.patients_are_away.load(Ordering::SeqCst) {
            return Err(Status::unavailable("away"));
        }
        let patient_id = request.into_inner().patient_id;
        let known = patient_id
            .parse::<Uuid>()
            .ok()
            .and_then(|id| lock(&self.0.patients).get(&id).copied());
        let (status, merged_into) = known.ok_or_else(|| Status::not_found("no such patient"))?;
        let merged_into_id = merged_into.map(|id| id.to_string()).unwrap_or_default();
        Ok(Response::new(GetPatientResponse {
            patient_id,
            mrn: "1".into(),
            status: status.into(),
            merged_into_id,
        }))
    }

    async fn get_contact(
        &self,
        _: Request<GetContactRequest>,
    ) -> Result<Response<GetContactResponse>, Status> {
        Err(Status::unimplemented("scheduling needs no contact data"))
    }
}

struct FakeStaff(Arc<World>);

#[tonic::async_trait]
impl StaffDirectory for FakeStaff {
    async fn get_practitioners(
        &self,
        request: Request<staff::GetPractitionersRequest>,
    ) -> Result<Response<staff::GetPractitionersResponse>, Status> {
        if self.0.staff_are_away.load(Ordering::SeqCst) {
            return Err(Status::unavailable("away"));
        }
        let names = lock(&self.0.names);
        let practitioner = |text: String| {
            let id = text.parse().ok()?;
            let (family_name, specialty) = names.get(&id)?.clone();
            Some(staff::Practitioner {
                practitioner_id: text,
                given_name: "Ada".into(),
                family_name,
                specialty,
                department: "Ward".into(),
                active: true,
                user_id: String::new(),
            })
        };
        let practitioners = request
            .into_inner()
            .practitioner_ids
            .into_iter()
            .filter_map(practitioner)
            .collect();
        Ok(Response::new(staff::GetPractitionersResponse {
            practitioners,
        }))
    }

    async fn check_availability(
        &self,
        request: Request<staff::CheckAvailabilityRequest>,
    ) -> Result<Response<staff::CheckAvailabilityResponse>, Status> {
        if self.0.staff_are_away.load(Ordering::SeqCst) {
            return Err(Status::unavailable("away"));
        }
        let asked = request.into_inner();
        let id = asked
            .practitioner_id
            .parse()
            .map_err(|_| Status::invalid_argument("practitioner_id"))?;
        let start = instant("start", asked.start.as_ref())
            .map_err(|e| Status::invalid_argument(e.to_string()))?;
        let end = instant("end", asked.end.as_ref())
            .map_err(|e| Status::invalid_argument(e.to_string()))?;
        let verdict = self
            .0
            .availability(id, start, end, asked.service_type == "SURGERY");
        let reason_code = verdict.err().unwrap_or_default().to_owned();
        Ok(Response::new(staff::CheckAvailabilityResponse {
            available: verdict.is_ok(),
            reason_code,
        }))
    }
}

/// Staff's and notifications' side of the booking process.
struct Answers(Arc<World>);

impl Handle<PractitionerVerificationRequested> for Answers {
    async fn handle(
        &self,
        tx: &mut Tx,
        delivery: Delivery<PractitionerVerificationRequested>,
    ) -> Result<(), Failure> {
        let asked = delivery.event;
        lock(&self.0.verifications).push(asked.clone());
        if self.0.staff_are_silent.load(Ordering::SeqCst) {
            return Ok(());
        }
        let id = asked
            .practitioner_id
            .parse()
            .map_err(|_| galen_contracts::convert::WireError::Malformed("practitioner_id"))?;
        let (start, end) = (
            instant("start", asked.start.as_ref())?,
            instant("end", asked.end.as_ref())?,
        );
        let surgery = asked.service_type() == galen_contracts::scheduling::v1::ServiceType::Surgery;
        let verdict = match &*lock(&self.0.verdict) {
            Some(reason) => Err(reason.clone()),
            None => self
                .0
                .availability(id, start, end, surgery)
                .map_err(str::to_owned),
        };
        tx.publish(&staff::PractitionerVerified {
            practitioner_id: asked.practitioner_id,
            process_id: asked.process_id,
            command_id: asked.command_id,
            available: verdict.is_ok(),
            reason_code: verdict.err().unwrap_or_default(),
        });
        Ok(())
    }
}

impl Handle<ConfirmationRequested> for Answers {
    async fn handle(
        &self,
        tx: &mut Tx,
        delivery: Delivery<ConfirmationRequested>,
    ) -> Result<(), Failure> {
        let asked = delivery.event;
        lock(&self.0.confirmations).push(asked.clone());
        if !self.0.notifications_are_silent.load(Ordering::SeqCst) {
            tx.publish(&ConfirmationQueued {
                appointment_id: asked.appointment_id,
                process_id: asked.process_id,
                command_id: asked.command_id,
                message_id: "m".into(),
            });
        }
        Ok(())
    }
}

const fn stand_in(service: &'static str) -> SchemaSpec {
    SchemaSpec {
        service,
        migrations: &[],
        subscribes: &["scheduling"],
    }
}

const SCHEMAS: &[SchemaSpec] = &[
    Scheduling::SCHEMA,
    stand_in("staff"),
    stand_in("patients"),
    stand_in("notifications"),
];

pub(crate) struct Hospital {
    pub(crate) clock: Clock,
    pub(crate) world: Arc<World>,
    pub(crate) service: Arc<Scheduling>,
    pub(crate) api: TestApi,
    pub(crate) platform: Platform,
    pub(crate) running: Running,
    pub(crate) database: TestDatabase,
    staff: Db,
    patients: Db,
    stop: CancellationToken,
}

impl Drop for Hospital {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Hospital {
    pub(crate) async fn open() -> Self {
        Self::open_in("UTC").await
    }

    pub(crate) async fn open_in(zone: &str) -> Self {
        let clock = Clock::manual(MONDAY.parse().expect("an instant"));
        let database = TestDatabase::new(
            galen_eventing::MIGRATIONS,
            SHARED_MIGRATIONS,
            SCHEMAS,
            clock.clone(),
        )
        .await;
        let world = Arc::new(World::default());
        let peers = Peers::in_memory([
            (
                "patients",
                Routes::new(PatientDirectoryServer::new(FakePatients(Arc::clone(
                    &world,
                )))),
            ),
            (
                "staff",
                Routes::new(StaffDirectoryServer::new(FakeStaff(Arc::clone(&world)))),
            ),
        ]);
        let mut platform =
            testing::platform(database.open("scheduling").await, clock.clone(), peers);
        platform.zone = jiff::tz::TimeZone::get(zone).expect("a zone");
        let service = Arc::new(
            Scheduling::start(platform.clone())
                .await
                .expect("scheduling starts"),
        );
        let (staff, patients, notifications) = (
            database.open("staff").await,
            database.open("patients").await,
            database.open("notifications").await,
        );

        let mut backbone = Backbone::new(database.open_events().await, database.wake());
        for subscription in service.subscriptions() {
            backbone.subscribe(&platform.db, subscription);
        }
        for projection in service.projections() {
            backbone.project(&platform.db, projection);
        }
        for timers in service.timers() {
            backbone.on_timer(&platform.db, timers);
        }
        let answers = Arc::new(Answers(Arc::clone(&world)));
        backbone.subscribe(
            &staff,
            Subscription::new("staff.verification", Arc::clone(&answers))
                .on::<PractitionerVerificationRequested>()
                .build(),
        );
        backbone.subscribe(
            &notifications,
            Subscription::new("notifications.confirmation", answers)
                .on::<ConfirmationRequested>()
                .build(),
        );
        let stop = CancellationToken::new();
        let running = backbone.run(stop.clone());
        let api = TestApi::new(service.rest(), &platform);
        Self {
            clock,
            world,
            service,
            api,
            platform,
            running,
            database,
            staff,
            patients,
            stop,
        }
    }

    /// Waits until every event has had its effect.
    pub(crate) async fn settle(&self) {
        self.running.settle().await.expect("the backbone runs");
    }

    /// Moves the clock and lets what is due then happen.
    pub(crate) async fn pass(&self, by: SignedDuration) {
        self.clock.advance(by);
        self.settle().await;
    }

    pub(crate) fn desk(&self) -> TestCaller {
        self.api.as_role(Role::Receptionist)
    }

    pub(crate) fn doctor(&self) -> TestCaller {
        self.api.as_role(Role::Doctor)
    }

    pub(crate) fn patient(&self) -> PatientId {
        let id: PatientId = self.clock.id();
        lock(&self.world.patients).insert(id.uuid(), (PatientStatus::Active, None));
        id
    }

    pub(crate) fn record_is(
        &self,
        patient: PatientId,
        status: PatientStatus,
        merged_into: Option<PatientId>,
    ) {
        lock(&self.world.patients)
            .insert(patient.uuid(), (status, merged_into.map(|id| id.uuid())));
    }

    async fn tell<E: Event>(db: &Db, event: &E) {
        let mut tx = db.begin().await.expect("a transaction");
        tx.publish(event);
        tx.commit().await.expect("published");
    }

    pub(crate) async fn staff_tell<E: Event>(&self, event: &E) {
        Self::tell(&self.staff, event).await;
    }

    pub(crate) async fn patients_tell<E: Event>(&self, event: &E) {
        Self::tell(&self.patients, event).await;
    }

    /// Somebody who practises a specialty, without any shift.
    pub(crate) async fn register(&self, specialty: &str) -> PractitionerId {
        let id: PractitionerId = self.clock.id();
        lock(&self.world.names).insert(id.uuid(), ("Yılmaz".to_owned(), specialty.to_owned()));
        self.staff_tell(&staff::PractitionerRegistered {
            practitioner_id: id.to_string(),
            specialty: specialty.to_owned(),
            department: "Ward".to_owned(),
        })
        .await;
        id
    }

    /// Somebody who works on Monday and Tuesday from eight to four.
    pub(crate) async fn practitioner(&self) -> PractitionerId {
        let id = self.register("Cardiology").await;
        self.plan(id, at(2, 8, 0), at(2, 16, 0), staff::ShiftKind::Clinic)
            .await;
        self.plan(id, at(3, 8, 0), at(3, 16, 0), staff::ShiftKind::Clinic)
            .await;
        self.settle().await;
        id
    }

    pub(crate) async fn plan(
        &self,
        id: PractitionerId,
        start: Timestamp,
        end: Timestamp,
        kind: staff::ShiftKind,
    ) -> Uuid {
        let shift = self.clock.uuid();
        lock(&self.world.shifts).insert(shift, (id.uuid(), start, end, kind));
        let planned = staff::Shift {
            shift_id: shift.to_string(),
            start: Some(to_wire(start)),
            end: Some(to_wire(end)),
            kind: kind.into(),
        };
        self.staff_tell(&staff::ShiftsPlanned {
            practitioner_id: id.to_string(),
            shifts: vec![planned],
        })
        .await;
        shift
    }

    pub(crate) async fn cancel_shift(&self, id: PractitionerId, shift: Uuid) {
        lock(&self.world.shifts).remove(&shift);
        self.staff_tell(&staff::ShiftCancelled {
            practitioner_id: id.to_string(),
            shift_id: shift.to_string(),
        })
        .await;
    }

    pub(crate) async fn approve_leave(
        &self,
        id: PractitionerId,
        start: Timestamp,
        end: Timestamp,
    ) -> Uuid {
        let leave = self.clock.uuid();
        lock(&self.world.leaves).insert(leave, (id.uuid(), start, end));
        let event = staff::LeaveApproved {
            practitioner_id: id.to_string(),
            leave_id: leave.to_string(),
            start: Some(to_wire(start)),
            end: Some(to_wire(end)),
        };
        self.staff_tell(&event).await;
        leave
    }

    pub(crate) async fn withdraw_leave(&self, id: PractitionerId, leave: Uuid) {
        lock(&self.world.leaves).remove(&leave);
        self.staff_tell(&staff::LeaveWithdrawn {
            practitioner_id: id.to_string(),
            leave_id: leave.to_string(),
        })
        .await;
    }

    pub(crate) async fn deactivate(&self, id: PractitionerId) {
        lock(&self.world.inactive).insert(id.uuid());
        self.staff_tell(&staff::PractitionerDeactivated {
            practitioner_id: id.to_string(),
        })
        .await;
    }

    /// The desk books half an hour.
    pub(crate) async fn book(
        &self,
        patient: PatientId,
        practitioner: PractitionerId,
        start: Timestamp,
    ) -> Reply {
        self.desk()
            .post("/appointments", order(patient, practitioner, start, 30))
            .await
    }

    /// The same, which must succeed: the appointment's id.
    pub(crate) async fn booked(
        &self,
        patient: PatientId,
        practitioner: PractitionerId,
        start: Timestamp,
    ) -> String {
        let reply = self.book(patient, practitioner, start).await;
        assert_eq!(reply.status, 201, "{}", reply.body);
        reply.body["id"].as_str().expect("an id").to_owned()
    }

    pub(crate) async fn appointment(&self, id: &str) -> Value {
        let reply = self.desk().get(&format!("/appointments/{id}")).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.body
    }

    /// The types of all events of a topic about a key, in order.
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
                name.trim_start_matches("galen.scheduling.")
                    .trim_end_matches(".v1")
                    .to_owned()
            })
            .collect()
    }

    /// Every invariant that `galen verify` checks.
    pub(crate) async fn verify(&self) {
        for check in Scheduling::checks() {
            let wrong: Vec<String> = sqlx::query_scalar(check.sql)
                .fetch_all(self.platform.db.pool())
                .await
                .expect(check.name);
            // Time stands still here and goes on in the database.
            if check.name != "no hold or offer outlives its expiry" {
                assert_eq!(wrong, Vec::<String>::new(), "{}", check.name);
            }
        }
    }
}

pub(crate) fn order(
    patient: PatientId,
    practitioner: PractitionerId,
    start: Timestamp,
    long: i64,
) -> Value {
    json!({
        "patientId": patient,
        "practitionerId": practitioner,
        "start": start,
        "end": start + minutes(long),
        "serviceType": "CONSULTATION",
        "paymentMode": "SELF_PAY",
    })
}
