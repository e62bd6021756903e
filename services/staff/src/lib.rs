//! Practitioners and their time: who they are, when they work, when they are away.
//!
//! Owns practitioners, shifts, weekly shift patterns, leave requests, and the
//! organisations that provide and pay for care. Knows
//! nothing of bookings: it asks scheduling which appointments a leave touches, and
//! answers scheduling's booking process whether somebody works.
//!
//! Every command on somebody's time takes that practitioner's row lock first, so
//! that shifts, leave and verifications of one practitioner have one order, which is
//! also the order of the events under the practitioner's key.

pub mod availability;
pub mod field;
pub mod interval;
pub mod jobs;
pub mod leave;
pub mod organization;
pub mod pattern;
pub mod practitioner;
pub mod reactions;
pub mod rpc;
pub mod shift;

use std::sync::Arc;
use std::time::Duration;

use galen_contracts::scheduling::v1::PractitionerVerificationRequested;
use galen_contracts::scheduling::v1::schedule_client::ScheduleClient;
use galen_contracts::staff::v1::staff_directory_server::StaffDirectoryServer;
use galen_eventing::{Subscription, subscription};
use galen_service::{Check, ConfigError, Job, Platform, Service, StartError};
use galen_storage::{Db, SchemaSpec, migrations};
use tonic::transport::Channel;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::pattern::materialise::Horizon;

/// How far ahead weekly patterns are planned unless `staff.horizon_days` says
/// otherwise: twelve weeks.
const HORIZON_DAYS: u16 = 84;
/// The furthest that `staff.horizon_days` may reach.
const LONGEST_HORIZON_DAYS: u16 = 730;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// The staff service.
pub struct Staff {
    db: Db,
    schedule: ScheduleClient<Channel>,
    horizon: Horizon,
}

impl Service for Staff {
    const NAME: &'static str = "staff";
    const SCHEMA: SchemaSpec = SchemaSpec {
        service: Self::NAME,
        migrations: migrations![
            "0001_practitioner",
            "0002_shift",
            "0003_leave",
            "0004_answered_command",
            "0005_organization"
        ],
        subscribes: &["scheduling"],
    };

    async fn start(platform: Platform) -> Result<Self, StartError> {
        const KEY: &str = "staff.horizon_days";
        let days = platform.config.get_or(KEY, HORIZON_DAYS)?;
        if !(1..=LONGEST_HORIZON_DAYS).contains(&days) {
            let reason = format!("must be 1 to {LONGEST_HORIZON_DAYS}");
            return Err(ConfigError::Invalid {
                key: KEY.to_owned(),
                reason,
            }
            .into());
        }
        Ok(Self {
            db: platform.db,
            schedule: ScheduleClient::new(platform.peers.channel("scheduling")),
            horizon: Horizon::new(platform.zone, days),
        })
    }

    fn rest(self: &Arc<Self>) -> OpenApiRouter {
        OpenApiRouter::new()
            .routes(routes!(
                practitioner::register::register,
                practitioner::find::find
            ))
            .routes(routes!(
                practitioner::get::get,
                practitioner::change::change
            ))
            .routes(routes!(practitioner::deactivate::deactivate))
            .routes(routes!(shift::plan::plan, shift::list::list))
            .routes(routes!(shift::cancel::cancel))
            .routes(routes!(pattern::create::create, pattern::list::list))
            .routes(routes!(pattern::end::end))
            .routes(routes!(leave::request::request, leave::list::list))
            .routes(routes!(leave::get::get))
            .routes(routes!(leave::approve::approve))
            .routes(routes!(leave::reject::reject))
            .routes(routes!(leave::withdraw::withdraw))
            .routes(routes!(availability::check::check))
            .routes(routes!(
                organization::register::register,
                organization::find::find
            ))
            .routes(routes!(organization::get::get))
            .with_state(Arc::clone(self))
    }

    fn rpc(self: &Arc<Self>) -> Option<tonic::service::Routes> {
        Some(tonic::service::Routes::new(StaffDirectoryServer::new(
            rpc::Directory(Arc::clone(self)),
        )))
    }

    fn subscriptions(self: &Arc<Self>) -> Vec<subscription::Definition> {
        vec![
            Subscription::new(
                "staff.verification",
                Arc::new(reactions::verify_practitioner::VerifyPractitioner),
            )
            .on::<PractitionerVerificationRequested>()
            .build(),
        ]
    }

    fn jobs(self: &Arc<Self>) -> Vec<Job> {
        let (extending, forgetting) = (Arc::clone(self), Arc::clone(self));
        vec![
            // Costs nothing when no day has come into reach; hourly, because nights
            // begin at different hours and processes are down at some of them.
            Job::new("staff.extend_patterns", HOUR, move || {
                let staff = Arc::clone(&extending);
                async move { jobs::extend_patterns::run(&staff).await }
            }),
            Job::new("staff.forget_answers", DAY, move || {
                let staff = Arc::clone(&forgetting);
                async move { jobs::forget_answers::run(&staff).await }
            }),
        ]
    }

    fn checks() -> &'static [Check] {
        CHECKS
    }
}

const CHECKS: &[Check] = &[
    Check {
        name: "no practitioner has two shifts at a time",
        sql: "select 'shifts ' || a.id || ' and ' || b.id || ' overlap'
              from shift a
              join shift b on b.practitioner_id = a.practitioner_id and b.id > a.id
                  and tstzrange(b.start_at, b.end_at) && tstzrange(a.start_at, a.end_at)
              where a.status = 'ACTIVE' and b.status = 'ACTIVE' and (a.kind = 'ON_CALL') = (b.kind = 'ON_CALL')",
    },
    Check {
        name: "no practitioner has two active leaves at a time",
        sql: "select 'leaves ' || a.id || ' and ' || b.id || ' overlap'
              from leave_request a
              join leave_request b on b.practitioner_id = a.practitioner_id and b.id > a.id
                  and tstzrange(b.start_at, b.end_at) && tstzrange(a.start_at, a.end_at)
              where a.status in ('REQUESTED', 'APPROVED') and b.status in ('REQUESTED', 'APPROVED')",
    },
    Check {
        name: "every shift and every leave has a practitioner",
        sql: "select 'shift ' || s.id || ' has no practitioner'
              from shift s
              where not exists (select from practitioner p where p.id = s.practitioner_id)
              union all
              select 'leave ' || l.id || ' has no practitioner'
              from leave_request l
              where not exists (select from practitioner p where p.id = l.practitioner_id)",
    },
    Check {
        name: "every shift made from a pattern belongs to its practitioner and its days",
        sql: "select 'shift ' || s.id || ' does not belong to pattern ' || s.pattern_id
              from shift s
              left join shift_pattern t on t.id = s.pattern_id
              where s.pattern_id is not null
                and (t.id is null or t.practitioner_id <> s.practitioner_id or s.pattern_date < t.valid_from or s.pattern_date > t.valid_to)",
    },
    Check {
        name: "an ended pattern has no shift that began after its end",
        sql: "select 'shift ' || s.id || ' outlives pattern ' || t.id
              from shift_pattern t
              join shift s on s.pattern_id = t.id
              where s.status = 'ACTIVE' and s.start_at > t.ended_at",
    },
    Check {
        name: "every decided leave says who decided",
        sql: "select 'leave ' || l.id || ' was decided by nobody'
              from leave_request l
              where l.status in ('APPROVED', 'REJECTED') and (l.decided_by is null or l.decided_at is null)",
    },
];
