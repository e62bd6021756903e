//! Notifications: what patients and staff are told, how, and whether it reached them.
//!
//! **Owns** the texts ([`template`]), how patients want to be told ([`preference`]),
//! and every message with its attempts ([`message`]). Holds ids and instants only:
//! names, addresses and the secrets of links are asked at the moment of sending
//! ([`contacts`]) and never stored.
//!
//! **Offers** `/notification-templates`, `/notifications`, `/notification-preferences`;
//! publishes that a confirmation is stored, and that a message was sent or is dead.
//!
//! **Hears** appointments and the waitlist, requests for confirmations, wanted
//! account links, broken glasses, and changes of people ([`reactions`]).
//!
//! **Schedules** reminders by durable timers, and the sender ([`delivery`]).
//!
//! Invariants: one cause makes one message; a message is with one sender at a time;
//! what is SENT has a delivered attempt; a provider that is down loses nothing.

mod codes;
pub mod contacts;
pub mod delivery;
pub mod message;
pub mod preference;
pub mod reactions;
pub mod settings;
pub mod template;

use std::sync::Arc;
use std::time::Duration;

use galen_contracts::identity::v1::CredentialLinkRequested;
use galen_contracts::patients::v1::{
    BreakGlassOpened, PatientDeactivated, PatientDemographicsChanged, PatientErased,
    PatientsMerged, PatientsUnmerged,
};
use galen_contracts::scheduling::v1::{
    AppointmentBooked, AppointmentCancelled, AppointmentCheckedIn, AppointmentGroundRegained,
    AppointmentMissed, AppointmentNeedsReschedule, AppointmentRescheduled, AppointmentStarted,
    ConfirmationRequested, NoShowReverted, SlotOfferExpired, SlotOffered,
};
use galen_contracts::staff::v1::PractitionerChanged;
use galen_eventing::subscription::Definition;
use galen_eventing::{Subscription, TimerSubscription};
use galen_kernel::Problem;
use galen_service::{Check, Job, Platform, ProblemPage, Service, Setting, StartError};
use galen_storage::{Db, SchemaSpec, migrations};
use jiff::tz::TimeZone;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::contacts::Contacts;
use crate::delivery::Sender;
use crate::delivery::email::Mailer;
use crate::delivery::sms::Sms;
use crate::delivery::smtp::Smtp;
use crate::delivery::spool::Spool;
use crate::message::Queue;
use crate::reactions::{Accesses, Accounts, Appointments, ContactChanges, Reminders, reminder};
use crate::settings::Settings;

/// How often the sender looks for due messages by itself.
const LOOK: Duration = Duration::from_secs(1);
/// How often it is measured what waits.
const MEASURE: Duration = Duration::from_secs(15);

/// The service.
pub struct Notifications {
    pub(crate) db: Db,
    pub(crate) zone: TimeZone,
    pub(crate) settings: Arc<Settings>,
    pub(crate) contacts: Arc<Contacts>,
    /// Told when something should be sent at once.
    pub(crate) queue: Queue,
    sender: Arc<Sender>,
    /// Where mails are, when they are files.
    spool: Option<Spool>,
}

impl Notifications {
    /// The sender, for whoever cannot wait for its next look.
    #[must_use]
    pub const fn sender(&self) -> &Arc<Sender> {
        &self.sender
    }
}

impl Service for Notifications {
    const NAME: &'static str = "notifications";
    const SCHEMA: SchemaSpec = SchemaSpec {
        service: Self::NAME,
        migrations: migrations![
            "0001_template",
            "0002_texts",
            "0003_preference",
            "0004_message",
            "0005_access",
            "0006_login_link"
        ],
        subscribes: &["identity", "patients", "scheduling", "staff"],
    };

    async fn start(platform: Platform) -> Result<Self, StartError> {
        let settings = Arc::new(Settings::read(&platform.config)?);
        let contacts = Arc::new(Contacts::new(&platform.peers, platform.clock.clone()));
        let providers = providers(&settings, &platform).await?;
        let spool = match &providers.0 {
            Mailer::Spool(spool) => Some(spool.clone()),
            Mailer::Smtp(_) => None,
        };
        let sender = Sender::new(
            &platform,
            Arc::clone(&settings),
            Arc::clone(&contacts),
            providers,
        );
        Ok(Self {
            db: platform.db,
            zone: platform.zone,
            settings,
            contacts,
            queue: Queue::default(),
            sender: Arc::new(sender),
            spool,
        })
    }

    fn rest(self: &Arc<Self>) -> OpenApiRouter {
        OpenApiRouter::new()
            .routes(routes!(template::list::list, template::upload::upload))
            .routes(routes!(template::preview::preview))
            .routes(routes!(template::show::show))
            .routes(routes!(template::activate::activate))
            .routes(routes!(message::list::list))
            .routes(routes!(message::show::show))
            .routes(routes!(message::resend::resend))
            .routes(routes!(preference::show::show, preference::change::change))
            .with_state(Arc::clone(self))
    }

    fn subscriptions(self: &Arc<Self>) -> Vec<Definition> {
        let appointments = Arc::new(Appointments::new(
            Arc::clone(&self.settings),
            self.queue.clone(),
        ));
        let changes = Arc::new(ContactChanges::new(
            Arc::clone(&self.contacts),
            self.spool.clone(),
        ));
        vec![
            Subscription::new("notifications.appointments", appointments)
                .on::<ConfirmationRequested>()
                .on::<AppointmentBooked>()
                .on::<AppointmentRescheduled>()
                .on::<AppointmentCancelled>()
                .on::<AppointmentNeedsReschedule>()
                .on::<AppointmentGroundRegained>()
                .on::<AppointmentCheckedIn>()
                .on::<AppointmentStarted>()
                .on::<AppointmentMissed>()
                .on::<NoShowReverted>()
                .on::<SlotOffered>()
                .on::<SlotOfferExpired>()
                .build(),
            Subscription::new(
                "notifications.accounts",
                Arc::new(Accounts {
                    queue: self.queue.clone(),
                }),
            )
            .on::<CredentialLinkRequested>()
            .build(),
            Subscription::new(
                "notifications.accesses",
                Arc::new(Accesses {
                    queue: self.queue.clone(),
                }),
            )
            .on::<BreakGlassOpened>()
            .build(),
            Subscription::new("notifications.contacts", changes)
                .on::<PatientDemographicsChanged>()
                .on::<PatientDeactivated>()
                .on::<PatientErased>()
                .on::<PatientsMerged>()
                .on::<PatientsUnmerged>()
                .on::<PractitionerChanged>()
                .build(),
        ]
    }

    fn timers(self: &Arc<Self>) -> Vec<TimerSubscription> {
        vec![TimerSubscription::new(
            reminder::KIND,
            Arc::new(Reminders {
                queue: self.queue.clone(),
            }),
        )]
    }

    fn jobs(self: &Arc<Self>) -> Vec<Job> {
        let sender = Arc::clone(&self.sender);
        let db = self.db.clone();
        vec![
            Job::new("notifications.send", LOOK, move || {
                let sender = Arc::clone(&sender);
                async move { sender.send_due().await.map_err(Problem::from) }
            })
            .woken_by(self.queue.bell()),
            Job::new("notifications.measure", MEASURE, move || {
                let db = db.clone();
                async move { Ok(delivery::measure::measure(&db, db.clock().now()).await?) }
            }),
        ]
    }

    fn settings() -> &'static [Setting] {
        settings::SETTINGS
    }

    fn problems() -> &'static [ProblemPage] {
        &[
            ProblemPage {
                code: "MESSAGE_ON_ITS_WAY",
                title: "The message is still on its way.",
                advice: "Wait until it is SENT, DEAD or SUPPRESSED; only then it can be sent again.",
            },
            ProblemPage {
                code: "MESSAGE_EXPIRED",
                title: "The message would come too late to be of use.",
                advice: "Nothing needs to be done: the appointment or the offer it tells of is over.",
            },
        ]
    }

    fn checks() -> &'static [Check] {
        &[
            Check {
                name: "every sent message has an attempt that delivered it",
                sql: "select m.id::text from message m
                      where m.status = 'SENT'
                        and not exists (select from attempt a
                                        where a.message_id = m.id and a.round = m.round and a.outcome = 'DELIVERED')",
            },
            Check {
                name: "no message is left with a sender that has vanished",
                sql: "select id::text from message
                      where status = 'SENDING' and locked_until < clock_timestamp() - interval '10 minutes'",
            },
            Check {
                name: "every text exists in English",
                sql: "select distinct name || ' ' || channel from template t
                      where not exists (select from template e
                                        where e.name = t.name and e.channel = t.channel and e.locale = 'en' and e.active)",
            },
        ]
    }
}

/// The ways out of the hospital, as configured.
async fn providers(
    settings: &Settings,
    platform: &Platform,
) -> Result<(Mailer, Option<Sms>), StartError> {
    let mailer = match &settings.smtp {
        Some(smtp) => {
            tracing::info!(
                host = smtp.host,
                port = smtp.port,
                "mails go to a mail server"
            );
            Mailer::Smtp(Smtp::new(smtp.clone(), settings.from.email.clone()))
        }
        None => {
            let dir = platform.data_dir.join("mail");
            let spool = Spool::open(dir.clone())
                .await
                .map_err(|source| StartError::Other {
                    what: format!("cannot make the directory {}", dir.display()),
                    source: Box::new(source),
                })?;
            tracing::warn!(dir = %dir.display(), "no mail server is configured (notifications.smtp_host); mails become files");
            Mailer::Spool(spool)
        }
    };
    let sms = settings
        .sms
        .clone()
        .map(Sms::new)
        .transpose()
        .map_err(|source| StartError::Other {
            what: "cannot prepare the SMS client".to_owned(),
            source: Box::new(source),
        })?;
    Ok((mailer, sms))
}
