//! Scheduling: when a patient can see a practitioner, and when they do.
//!
//! - **Owns** appointments, the claims on people's time that keep them apart, holds,
//!   series and the waitlist.
//! - **Offers** doctor options, free slots and everything around booking over REST;
//!   open appointments over gRPC.
//! - **Hears** staff (the roster; appointments that lost their ground), patients
//!   (closed and merged records), billing (prices, prepayments), notifications (confirmations)
//!   and itself (freed time).
//! - **Schedules** the expiry of holds and offers, no-shows, and the end of waiting.
//!
//! Two people are never booked for one time because the table of claims cannot hold
//! it; everything else here is about saying so politely.

pub mod appointment;
pub mod booking;
pub mod claim;
pub mod field;
mod in_clear;
pub mod interval;
pub mod jobs;
pub mod option;
pub mod patient;
pub mod prepayment;
pub mod price;
mod problems;
pub mod reactions;
pub mod roster;
pub mod rpc;
pub mod series;
pub mod service_type;
pub mod settings;
pub mod slot;
pub mod waitlist;

use std::sync::Arc;
use std::time::Duration;

use galen_contracts::billing::v1::{
    AppointmentQuoted, PrepaymentEnded, PrepaymentHeld, PrepaymentRefused,
};
use galen_contracts::notifications::v1::ConfirmationQueued;
use galen_contracts::patients::v1::{
    PatientDeactivated, PatientErased, PatientsMerged, PatientsUnmerged,
};
use galen_contracts::scheduling::v1::schedule_server::ScheduleServer;
use galen_contracts::scheduling::v1::{AppointmentCancelled, AppointmentRescheduled};
use galen_contracts::staff::v1::{
    LeaveApproved, LeaveWithdrawn, PractitionerDeactivated, PractitionerVerified, ShiftCancelled,
    ShiftsPlanned,
};
use galen_eventing::{Processes, Projection, Subscription, TimerSubscription, subscription};
use galen_service::{Check, Job, Platform, ProblemPage, Service, Setting, StartError};
use galen_storage::{Db, SchemaSpec};
use galen_vault::{SealedColumn, Vault};
use jiff::tz::TimeZone;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::appointment::admission::Admission;
use crate::appointment::placing::Placing;
use crate::booking::process::BookingProcess;
use crate::patient::directory::Patients;
use crate::price::Prices;
use crate::reactions::booking::AdvanceBookings;
use crate::reactions::freed::OfferFreedTime;
use crate::reactions::patients::FollowPatients;
use crate::reactions::replanning::WatchGround;
use crate::roster::directory::Practitioners;
use crate::rpc::ScheduleRpc;
use crate::settings::Settings;
use crate::slot::expire::{ExpireHolds, HOLD_EXPIRY};
use crate::waitlist::expire::{ExpireOffers, OFFER_EXPIRY};

/// The service.
pub struct Scheduling {
    /// Its schema.
    pub db: Db,
    /// The keys of what patients say about their appointments.
    pub vault: Vault,
    /// What an operator set.
    pub settings: Settings,
    /// The hospital's clocks.
    pub zone: TimeZone,
    /// Who works here.
    pub practitioners: Practitioners,
    /// Who can be booked.
    pub patients: Patients,
    /// Both questions before a booking.
    pub admission: Admission,
    /// What appointments cost.
    pub prices: Prices,
    /// The booking processes.
    pub bookings: Processes<BookingProcess>,
    /// The one way to take time.
    pub placing: Placing,
}

impl Service for Scheduling {
    const NAME: &'static str = "scheduling";
    const SCHEMA: SchemaSpec = SchemaSpec {
        service: Self::NAME,
        migrations: galen_storage::migrations![
            "0001_roster",
            "0002_series",
            "0003_appointment",
            "0004_waitlist",
            "0005_sealed_words",
            "0006_price",
            "0007_prepayment",
            "0008_price_status"
        ],
        subscribes: &["staff", "patients", "notifications", "billing"],
    };

    async fn start(platform: Platform) -> Result<Self, StartError> {
        describe_metrics();
        in_clear::seal(&platform.db, &platform.vault).await?;
        let settings = Settings::read(&platform.config)?;
        let practitioners = Practitioners::new(&platform.peers);
        let patients = Patients::new(&platform.peers);
        let bookings = Processes::new(Arc::new(BookingProcess));
        Ok(Self {
            db: platform.db,
            vault: platform.vault.clone(),
            settings,
            zone: platform.zone,
            admission: Admission::new(patients.clone(), practitioners.clone()),
            prices: Prices::new(&platform.peers),
            placing: Placing::new(bookings.clone(), platform.vault, settings),
            practitioners,
            patients,
            bookings,
        })
    }

    fn rest(self: &Arc<Self>) -> OpenApiRouter {
        OpenApiRouter::new()
            .routes(routes!(option::find::find))
            .routes(routes!(slot::find::find))
            .routes(routes!(slot::hold::hold))
            .routes(routes!(slot::release::release))
            .routes(routes!(appointment::find::find, appointment::book::book))
            .routes(routes!(appointment::get::get))
            .routes(routes!(appointment::confirm::confirm))
            .routes(routes!(appointment::check_in::check_in))
            .routes(routes!(appointment::start::start))
            .routes(routes!(appointment::complete::complete))
            .routes(routes!(appointment::cancel::cancel))
            .routes(routes!(appointment::no_show::mark))
            .routes(routes!(appointment::revert_no_show::revert))
            .routes(routes!(appointment::reschedule::reschedule))
            .routes(routes!(series::create::create))
            .routes(routes!(series::get::get))
            .routes(routes!(series::cancel::cancel))
            .routes(routes!(waitlist::find::find, waitlist::join::join))
            .routes(routes!(waitlist::find::get, waitlist::withdraw::withdraw))
            .routes(routes!(waitlist::accept::accept))
            .routes(routes!(waitlist::decline::decline))
            .with_state(Arc::clone(self))
    }

    fn rpc(self: &Arc<Self>) -> Option<tonic::service::Routes> {
        Some(tonic::service::Routes::new(ScheduleServer::new(
            ScheduleRpc {
                db: self.db.clone(),
            },
        )))
    }

    fn subscriptions(self: &Arc<Self>) -> Vec<subscription::Definition> {
        let booking = Arc::new(AdvanceBookings {
            bookings: self.bookings.clone(),
        });
        let replanning = Arc::new(WatchGround {
            practitioners: self.practitioners.clone(),
        });
        let patients = Arc::new(FollowPatients {
            patients: self.patients.clone(),
            bookings: self.bookings.clone(),
            settings: self.settings,
            vault: self.vault.clone(),
        });
        let freed = Arc::new(OfferFreedTime {
            settings: self.settings,
        });
        vec![
            Subscription::new("scheduling.booking", booking)
                .on::<PractitionerVerified>()
                .on::<ConfirmationQueued>()
                .on::<AppointmentQuoted>()
                .on::<PrepaymentHeld>()
                .on::<PrepaymentRefused>()
                .on::<PrepaymentEnded>()
                .build(),
            Subscription::new("scheduling.replanning", replanning)
                .on::<LeaveApproved>()
                .on::<LeaveWithdrawn>()
                .on::<ShiftsPlanned>()
                .on::<ShiftCancelled>()
                .on::<PractitionerDeactivated>()
                .build(),
            Subscription::new("scheduling.patients", patients)
                .on::<PatientDeactivated>()
                .on::<PatientErased>()
                .on::<PatientsMerged>()
                .on::<PatientsUnmerged>()
                .build(),
            Subscription::new("scheduling.waitlist", freed)
                .on::<AppointmentCancelled>()
                .on::<AppointmentRescheduled>()
                .build(),
        ]
    }

    fn projections(self: &Arc<Self>) -> Vec<Projection> {
        vec![roster::projection::projection(self.practitioners.clone())]
    }

    fn timers(self: &Arc<Self>) -> Vec<TimerSubscription> {
        vec![
            self.bookings.timers(),
            TimerSubscription::new(
                HOLD_EXPIRY,
                Arc::new(ExpireHolds {
                    settings: self.settings,
                }),
            ),
            TimerSubscription::new(
                OFFER_EXPIRY,
                Arc::new(ExpireOffers {
                    settings: self.settings,
                }),
            ),
        ]
    }

    fn jobs(self: &Arc<Self>) -> Vec<Job> {
        const EVERY_MINUTE: Duration = Duration::from_secs(60);
        let (missed, overdue) = (Arc::clone(self), Arc::clone(self));
        vec![
            Job::new("scheduling.no-show", EVERY_MINUTE, move || {
                let service = Arc::clone(&missed);
                async move { jobs::no_show::mark_missed(&service.db, &service.settings).await }
            }),
            Job::new("scheduling.waitlist-end", EVERY_MINUTE, move || {
                let service = Arc::clone(&overdue);
                async move { jobs::overdue::end_overdue(&service.db).await }
            }),
        ]
    }

    fn checks() -> &'static [Check] {
        CHECKS
    }

    fn sealed() -> &'static [SealedColumn] {
        appointment::words::SEALED
    }

    fn settings() -> &'static [Setting] {
        settings::SETTINGS
    }

    fn problems() -> &'static [ProblemPage] {
        problems::PAGES
    }
}

fn describe_metrics() {
    metrics::describe_counter!(
        "scheduling_bookings_total",
        "Wishes for a time, by what became of them."
    );
    metrics::describe_counter!(
        "scheduling_prices_total",
        "Appointments that billing was asked about, by whether it said a price."
    );
    metrics::describe_counter!(
        "scheduling_late_prices_total",
        "Bookings that waited for a price, by what is known of it in the end."
    );
    metrics::describe_counter!("scheduling_offers_total", "Slots offered to who waits.");
}

/// The first two cannot fail while their constraints stand; they are for the day that
/// somebody restores a dump without them.
const CHECKS: &[Check] = &[
    Check {
        name: "no practitioner is booked or held twice at a time",
        sql: "select a.practitioner_id || ' at ' || greatest(a.start_at, b.start_at)
              from claim a
              join claim b on b.practitioner_id = a.practitioner_id and b.id > a.id
                          and tstzrange(b.start_at, b.end_at) && tstzrange(a.start_at, a.end_at)",
    },
    Check {
        name: "no patient is booked twice at a time",
        sql: "select a.patient_id || ' at ' || greatest(a.start_at, b.start_at)
              from claim a
              join claim b on b.patient_id = a.patient_id and b.id > a.id
                          and tstzrange(b.start_at, b.end_at) && tstzrange(a.start_at, a.end_at)
              where a.kind = 'APPOINTMENT' and b.kind = 'APPOINTMENT'",
    },
    Check {
        name: "every open appointment has its time, and no other has any",
        sql: "select coalesce(a.id, c.id) || ': ' || coalesce(a.status, 'no appointment')
              from (select * from appointment where status in ('BOOKED', 'CONFIRMED', 'CHECKED_IN', 'IN_CONSULTATION')) a
              full join (select * from claim where kind = 'APPOINTMENT') c on c.id = a.id
              where a.id is null or c.id is null
                 or (a.practitioner_id, a.start_at, a.end_at) is distinct from (c.practitioner_id, c.start_at, c.end_at)",
    },
    Check {
        name: "no hold or offer outlives its expiry",
        sql: "select id || ' since ' || expires_at from claim where expires_at < now() - interval '10 minutes'",
    },
    Check {
        name: "every offer keeps its time until it is over",
        sql: "select e.id::text
              from waitlist_entry e
              left join claim c on c.id = e.offer_id
              where e.status = 'OFFERED' and c.id is null and e.offer_expires_at > now()",
    },
    Check {
        name: "what replaces an appointment names it, and the other way round",
        sql: "select o.id || ' and ' || n.id
              from appointment o
              join appointment n on n.id = o.replaced_by_id or n.replaces_id = o.id
              where n.replaces_id is distinct from o.id or o.replaced_by_id is distinct from n.id",
    },
    Check {
        name: "every price that is waited for is asked for",
        sql: "select id::text from appointment
              where price_status = 'PENDING' and events.process_status('scheduling.booking', id::text) is distinct from 'RUNNING'",
    },
    Check {
        name: "nothing that is said about an appointment is in clear",
        sql: "select 'appointment ' || id || ' is in clear' from appointment where reason is not null or cancellation_note is not null",
    },
];
