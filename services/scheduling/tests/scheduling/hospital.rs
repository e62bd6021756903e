//! A hospital around scheduling: a database, a clock that stands still, neighbours.

use std::sync::Arc;

use galen_access::Role;
use galen_contracts::Event;
use galen_contracts::billing::v1::pricing_server::PricingServer;
use galen_contracts::convert::to_wire;
use galen_contracts::ids::{PatientId, PractitionerId};
use galen_contracts::patients::v1::PatientStatus;
use galen_contracts::patients::v1::patient_directory_server::PatientDirectoryServer;
use galen_contracts::scheduling::v1::{
    ConfirmationRequested, PractitionerVerificationRequested, PrepaymentRequested, QuoteRequested,
};
use galen_contracts::staff::v1 as staff;
use galen_contracts::staff::v1::staff_directory_server::StaffDirectoryServer;
use galen_eventing::{Backbone, Publish as _, Running, Subscription};
use galen_kernel::{Clock, Timestamp};
use galen_scheduling::Scheduling;
use galen_service::testing::{self, Reply, TestApi, TestCaller};
use galen_service::{Peers, Platform, SHARED_MIGRATIONS, Service};
use galen_storage::{Db, SchemaSpec};
use galen_testkit::TestDatabase;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use uuid::Uuid;

pub(crate) use crate::world::lock;
use crate::world::{Answers, FakePatients, FakePricing, FakeStaff, World};

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
    stand_in("billing"),
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
    billing: Db,
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
            (
                "billing",
                Routes::new(PricingServer::new(FakePricing(Arc::clone(&world)))),
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
        let billing = database.open("billing").await;
        backbone.subscribe(
            &billing,
            Subscription::new("billing.prepayments", Arc::new(Answers(Arc::clone(&world))))
                .on::<QuoteRequested>()
                .on::<PrepaymentRequested>()
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
            billing,
            stop,
        }
    }

    /// Waits until every event has had its effect.
    pub(crate) async fn settle(&self) {
        self.running.settle().await.expect("the backbone runs");
    }

    /// Moves the clock and lets what is due then happen.
    pub(crate) async fn pass(&self, by: SignedDuration) {
        // What has been done before is not to be found late.
        self.settle().await;
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

    pub(crate) async fn billing_tells<E: Event>(&self, event: &E) {
        Self::tell(&self.billing, event).await;
        self.settle().await;
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
