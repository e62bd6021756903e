//! The sender: from a due message to a settled one.

use std::sync::Arc;

use futures::stream::{self, StreamExt as _};
use galen_kernel::{Clock, Pii, Timestamp};
use galen_service::PeerError;
use galen_storage::{Db, Error};
use jiff::tz::TimeZone;

use crate::contacts::Contacts;
use crate::delivery::claim::{Claimed, claim};
use crate::delivery::email::{Mail, Mailer, address, is_dialable};
use crate::delivery::outage::Outage;
use crate::delivery::settle::{FailedAttempt, Settlement, settle};
use crate::delivery::sms::Sms;
use crate::delivery::{Code, HandedOver};
use crate::message::model::{MAX_ATTEMPTS, pause};
use crate::message::plan::{Plan, Situation, Skip, SkipReason, Way, Ways, decide};
use crate::message::{Params, Recipient};
use crate::preference::{self, Preferences};
use crate::settings::Settings;
use crate::template::store::{self, Template};
use crate::template::{Channel, Locale, Text, Values, Variable};

/// Messages under way at a time. All of a claim are, so that the longest possible
/// one (a minute: questions, connecting, a slow dialogue) ends well within its lease.
const PARALLEL: usize = 16;
/// Claims of one run; the next run goes on.
const CLAIMS: usize = 64;

/// Sends what is due.
pub struct Sender {
    db: Db,
    clock: Clock,
    zone: TimeZone,
    settings: Arc<Settings>,
    contacts: Arc<Contacts>,
    mailer: Mailer,
    sms: Option<Sms>,
    mail_outage: Outage,
    sms_outage: Outage,
}

/// What was learnt about the recipient of one message.
struct Known {
    ways: Ways,
    preferences: Preferences,
    languages: Vec<Locale>,
    values: Values,
}

/// Why nothing more can be learnt.
enum Unknown {
    /// Settled already.
    Settled(Settlement),
    /// Another service did not answer.
    Peer(PeerError),
    /// The own database failed.
    Storage(Error),
}

impl From<PeerError> for Unknown {
    fn from(error: PeerError) -> Self {
        Self::Peer(error)
    }
}

impl From<Error> for Unknown {
    fn from(error: Error) -> Self {
        Self::Storage(error)
    }
}

impl Sender {
    /// A sender with its providers.
    #[must_use]
    pub fn new(
        platform: &galen_service::Platform,
        settings: Arc<Settings>,
        contacts: Arc<Contacts>,
        providers: (Mailer, Option<Sms>),
    ) -> Self {
        Self {
            db: platform.db.clone(),
            clock: platform.clock.clone(),
            zone: platform.zone.clone(),
            settings,
            contacts,
            mailer: providers.0,
            sms: providers.1,
            mail_outage: Outage::default(),
            sms_outage: Outage::default(),
        }
    }

    /// Sends what is due now; returns how many messages were settled.
    ///
    /// # Errors
    /// When the database fails. What was claimed is taken over when its lease ends.
    pub async fn send_due(&self) -> Result<u64, Error> {
        let mut settled = 0;
        for _ in 0..CLAIMS {
            let batch = claim(&self.db, self.clock.uuid(), self.clock.now(), PARALLEL).await?;
            if batch.is_empty() {
                break;
            }
            let outcomes: Vec<Result<bool, Error>> = stream::iter(batch)
                .map(|message| self.deliver(message))
                .buffer_unordered(PARALLEL)
                .collect()
                .await;
            for outcome in outcomes {
                settled += u64::from(outcome?);
            }
        }
        Ok(settled)
    }

    async fn deliver(&self, message: Claimed) -> Result<bool, Error> {
        let work = async {
            let (settlement, skipped) = self.attempt(&message).await?;
            self.report(&message, &settlement);
            let now = self.clock.now();
            let ours = settle(&self.db, &message, &settlement, &skipped, now).await?;
            if !ours {
                tracing::warn!(message.id = %message.id, "a message was settled by another sender");
            }
            Ok(ours)
        };
        match message.trace {
            Some(trace) => galen_telemetry::in_trace(trace.child(), work).await,
            None => work.await,
        }
    }

    fn report(&self, message: &Claimed, settlement: &Settlement) {
        let (channel, outcome) = match settlement {
            Settlement::Sent(channel, ..) => (*channel, "delivered"),
            Settlement::Again(failed, _) => (failed.channel, "failed"),
            Settlement::GivenUp(failed) => (failed.channel, "given_up"),
            _ => return,
        };
        metrics::counter!("galen_notifications_attempts_total", "channel" => channel.code(), "outcome" => outcome)
            .increment(1);
        if let Settlement::GivenUp(failed) = settlement {
            tracing::warn!(message.id = %message.id, code = %failed.code, "a message is given up");
        }
    }

    async fn attempt(&self, message: &Claimed) -> Result<(Settlement, Vec<Skip>), Error> {
        match self.try_now(message).await {
            Ok(settled) => Ok(settled),
            Err(Unknown::Settled(settlement)) => Ok((settlement, Vec::new())),
            Err(Unknown::Storage(error)) => Err(error),
            Err(Unknown::Peer(error)) => Ok((
                Settlement::Postponed(self.contacts.ask_again_at(&error)),
                Vec::new(),
            )),
        }
    }

    async fn try_now(&self, message: &Claimed) -> Result<(Settlement, Vec<Skip>), Unknown> {
        let now = self.clock.now();
        if message.expires_at.is_some_and(|end| end <= now) {
            return Ok((Settlement::Suppressed("EXPIRED".into()), Vec::new()));
        }
        let known = self.learn(message).await?;
        let (plan, skipped) = decide(&Situation {
            category: message.template.category(),
            now,
            expires_at: message.expires_at,
            ways: &known.ways,
            refused: &message.refused,
            preferences: &known.preferences,
            zone: &self.zone,
        });
        let settlement = match plan {
            Plan::Send(channel, to) => self.send(message, known, channel, &to).await?,
            Plan::Wait(until) => Settlement::Quiet(until),
            Plan::Suppress(code) => Settlement::Suppressed(code.into()),
            Plan::GiveUp(code) => Settlement::Dead(code.into()),
        };
        Ok((settlement, skipped))
    }

    /// Asks who the recipient is and what they wish.
    async fn learn(&self, message: &Claimed) -> Result<Known, Unknown> {
        let mut known = Known {
            ways: Ways {
                email: Way::Closed(SkipReason::NoAddress),
                sms: Way::Closed(SkipReason::NoAddress),
                in_app: false,
            },
            preferences: Preferences::default(),
            languages: Vec::new(),
            values: Values::new(),
        };
        let (mut email, mut phone) = (None, None);
        if let Recipient::Patient(id) = message.recipient {
            let Some(contact) = self.contacts.patient(id).await? else {
                return Err(Unknown::Settled(Settlement::Dead(
                    "RECIPIENT_UNKNOWN".into(),
                )));
            };
            (email, phone) = (contact.email.clone(), contact.phone.clone());
            if let Some((preferences, _)) = preference::store::find(self.db.pool(), id).await? {
                known.preferences = preferences;
            }
            known.languages.extend(known.preferences.language.clone());
            known.languages.extend(contact.language.clone());
            known
                .values
                .insert(Variable::PatientName, contact.name.expose().clone());
            known.ways.in_app = true;
        }
        if let Params::Link { link_id } = message.params {
            let Some(link) = self.contacts.mint(link_id).await? else {
                return Err(Unknown::Settled(Settlement::Suppressed(
                    "LINK_NOT_VALID".into(),
                )));
            };
            email = email.or(link.email);
            known.values.insert(Variable::Link, link.url.into_inner());
            known
                .values
                .insert(Variable::Username, link.username.into_inner());
        }
        known.languages.push(self.settings.language.clone());
        known.ways.email = way(email, |text| address(text.expose()).is_some());
        known.ways.sms = match self.sms {
            Some(_) => way(phone, is_dialable),
            None => Way::Closed(SkipReason::NoProvider),
        };
        Ok(known)
    }

    async fn send(
        &self,
        message: &Claimed,
        mut known: Known,
        channel: Channel,
        to: &Pii<String>,
    ) -> Result<Settlement, Unknown> {
        let outage = self.outage(channel);
        if let Some(until) = outage.and_then(|outage| outage.pause(self.clock.now())) {
            return Ok(Settlement::Postponed(until));
        }
        let chain = Locale::chain(&known.languages);
        let found = store::best(self.db.pool(), message.template, channel, &chain).await?;
        let Some(template) = found else {
            return Ok(self.failed(message, channel, "NO_TEXT".into()));
        };
        let Some((subject, body)) = self.fill_in(message, &template, &mut known.values).await?
        else {
            return Ok(self.failed(message, channel, "TEXT_WITHOUT_VALUE".into()));
        };
        let handed_over = match channel {
            Channel::Email => self.mail(message, to, &subject, &body).await,
            Channel::Sms => self.text(message, to, &body).await,
            Channel::InApp => HandedOver::Delivered,
        };
        Ok(self.judge(message, channel, &template, handed_over))
    }

    async fn mail(
        &self,
        message: &Claimed,
        to: &Pii<String>,
        subject: &str,
        body: &str,
    ) -> HandedOver {
        let Some(to) = address(to.expose()) else {
            return HandedOver::Refused("INVALID_ADDRESS".into());
        };
        let (id, round, from) = (message.id.uuid(), message.round, &self.settings.from);
        match Mail::write(id, round, from, &to, subject, body) {
            Ok(mail) => self.mailer.send(&mail).await,
            Err(_) => HandedOver::Refused("NOT_A_MAIL".into()),
        }
    }

    async fn text(&self, message: &Claimed, to: &Pii<String>, body: &str) -> HandedOver {
        let Some(sms) = &self.sms else {
            return HandedOver::Refused("NO_PROVIDER".into());
        };
        sms.send(&format!("{}-{}", message.id, message.round), to, body)
            .await
    }

    /// Subject and body with their values; `None` when a value is missing.
    async fn fill_in(
        &self,
        message: &Claimed,
        template: &Template,
        values: &mut Values,
    ) -> Result<Option<(String, String)>, Unknown> {
        let parse = |source| Text::parse(source).ok();
        let (Some(subject), Some(body)) =
            (parse(&template.draft.subject), parse(&template.draft.body))
        else {
            return Ok(None);
        };
        let locale = &template.draft.locale;
        values.extend(
            message
                .params
                .values(&self.zone, locale, &self.settings.hospital),
        );
        let named = |text: &Text| text.variables().contains(&Variable::PractitionerName);
        if let Some(id) = message.params.practitioner()
            && (named(&subject) || named(&body))
            && let Some(name) = self.contacts.practitioner(id).await?
        {
            values.insert(Variable::PractitionerName, name.into_inner());
        }
        Ok(subject.render(values).ok().zip(body.render(values).ok()))
    }

    /// What a provider's answer means for the message, and for the provider.
    fn judge(
        &self,
        message: &Claimed,
        channel: Channel,
        template: &Template,
        handed_over: HandedOver,
    ) -> Settlement {
        let now = self.clock.now();
        let outage = self.outage(channel);
        if let HandedOver::Down(code) = &handed_over {
            if outage.is_some_and(|outage| outage.failed(now)) {
                tracing::warn!(channel = channel.code(), %code, "a provider is down; messages wait");
            }
        } else if outage.is_some_and(Outage::answered) {
            tracing::info!(
                channel = channel.code(),
                "a provider answers again; messages go on"
            );
        }
        match handed_over {
            HandedOver::Delivered => {
                Settlement::Sent(channel, template.id, template.draft.locale.clone())
            }
            // At once, by the next way.
            HandedOver::Refused(code) => Settlement::Again(
                FailedAttempt {
                    channel,
                    refused: true,
                    code,
                },
                now,
            ),
            HandedOver::Failed(code) | HandedOver::Down(code) => {
                self.failed(message, channel, code)
            }
        }
    }

    fn failed(&self, message: &Claimed, channel: Channel, code: Code) -> Settlement {
        let failed = FailedAttempt {
            channel,
            refused: false,
            code,
        };
        let attempt = message.attempts + 1;
        if attempt >= MAX_ATTEMPTS {
            return Settlement::GivenUp(failed);
        }
        let pause = pause(attempt, rand::random());
        Settlement::Again(
            failed,
            self.clock
                .now()
                .saturating_add(pause)
                .unwrap_or(Timestamp::MAX),
        )
    }

    const fn outage(&self, channel: Channel) -> Option<&Outage> {
        match channel {
            Channel::Email => Some(&self.mail_outage),
            Channel::Sms => Some(&self.sms_outage),
            Channel::InApp => None,
        }
    }
}

fn way(known: Option<Pii<String>>, fits: impl Fn(&Pii<String>) -> bool) -> Way {
    match known {
        None => Way::Closed(SkipReason::NoAddress),
        Some(text) if fits(&text) => Way::Open(text),
        Some(_) => Way::Closed(SkipReason::InvalidAddress),
    }
}
