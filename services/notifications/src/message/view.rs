//! How a message is shown.

use galen_kernel::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::message::model::{AttemptOutcome, Recipient, Status};
use crate::message::plan::Skip;
use crate::message::store::{Attempt, Stored};
use crate::template::{Category, Channel, Locale, TemplateName, Text};

/// A message. It holds no address and no text of a mail: neither is stored.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotificationView {
    /// Its id.
    id: Uuid,
    /// The patient, or the account of somebody who is none.
    recipient_id: Uuid,
    /// What it is about.
    category: Category,
    /// With which text.
    template: TemplateName,
    /// The appointment, waitlist entry or link it is about.
    about_id: Uuid,
    /// How far it has come.
    status: Status,
    /// Why it is dead or suppressed, or why the last attempt failed.
    #[schema(example = "SMTP_CONNECTION")]
    reason_code: Option<String>,
    /// The way it went.
    channel: Option<Channel>,
    /// Language of its text.
    locale: Option<String>,
    /// Ways that were passed over, with the reason.
    skipped_channels: Vec<Skip>,
    /// Attempts since it was last queued.
    attempts: i32,
    /// It waits for this, because of quiet hours.
    #[schema(value_type = String, format = "date-time")]
    not_before: Timestamp,
    /// When it is tried next, while it is queued.
    #[schema(value_type = Option<String>, format = "date-time")]
    next_attempt_at: Option<Timestamp>,
    /// After this it is not sent any more.
    #[schema(value_type = Option<String>, format = "date-time")]
    expires_at: Option<Timestamp>,
    /// When it was made.
    #[schema(value_type = String, format = "date-time")]
    created_at: Timestamp,
    /// When it was handed over, or appeared in the account.
    #[schema(value_type = Option<String>, format = "date-time")]
    sent_at: Option<Timestamp>,
    /// What it says; for the patient alone, and only of messages in the account.
    content: Option<ContentView>,
    /// For `If-Match`.
    version: i64,
}

/// What a message in the account says.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContentView {
    /// Heading.
    subject: String,
    /// Text.
    body: String,
}

/// One attempt to send a message.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AttemptView {
    /// Which, from 1.
    n: i32,
    /// The way.
    channel: Channel,
    /// When.
    #[schema(value_type = String, format = "date-time")]
    at: Timestamp,
    /// What came of it.
    outcome: AttemptOutcome,
    /// Why not.
    error_code: Option<String>,
}

/// A message with every attempt to send it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotificationDetailView {
    #[serde(flatten)]
    message: NotificationView,
    /// Every attempt, in order.
    history: Vec<AttemptView>,
}

/// Who looks at a message.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reader<'a> {
    /// Staff: that it was sent, not what it says.
    Staff,
    /// The patient it is for.
    Recipient {
        /// The hospital's zone.
        zone: &'a TimeZone,
        /// The hospital's name.
        hospital: &'a str,
    },
}

impl NotificationView {
    pub(crate) fn new(stored: Stored, reader: Reader<'_>) -> Self {
        let content = content(&stored, reader);
        let recipient_id = match stored.recipient {
            Recipient::Patient(id) => id.uuid(),
            Recipient::User(id) => id.uuid(),
        };
        Self {
            id: stored.id.uuid(),
            recipient_id,
            category: stored.template.category(),
            template: stored.template,
            about_id: stored.params.about(),
            status: stored.status,
            reason_code: stored.reason_code,
            channel: stored.channel,
            locale: stored.locale,
            skipped_channels: stored.skipped,
            attempts: stored.attempts,
            not_before: stored.not_before,
            next_attempt_at: (stored.status == Status::Queued).then_some(stored.next_attempt_at),
            expires_at: stored.expires_at,
            created_at: stored.created_at,
            sent_at: stored.sent_at,
            content,
            version: stored.version,
        }
    }
}

impl NotificationDetailView {
    pub(crate) fn new(stored: Stored, reader: Reader<'_>, attempts: Vec<Attempt>) -> Self {
        let history = attempts
            .into_iter()
            .map(|a| AttemptView {
                n: a.n,
                channel: a.channel,
                at: a.at,
                outcome: a.outcome,
                error_code: a.error_code,
            })
            .collect();
        Self {
            message: NotificationView::new(stored, reader),
            history,
        }
    }
}

/// Fills in the text of a message in the account: it mentions only what the message
/// itself knows, so reading it asks nobody and stores nothing.
fn content(stored: &Stored, reader: Reader<'_>) -> Option<ContentView> {
    let Reader::Recipient { zone, hospital } = reader else {
        return None;
    };
    if stored.channel != Some(Channel::InApp) || stored.status != Status::Sent {
        return None;
    }
    let (subject, body) = stored.text.as_ref()?;
    let locale: Locale = stored.locale.as_deref()?.parse().ok()?;
    let values = stored.params.values(zone, &locale, hospital);
    let fill = |source: &str| Text::parse(source).ok()?.render(&values).ok();
    Some(ContentView {
        subject: fill(subject)?,
        body: fill(body)?,
    })
}
