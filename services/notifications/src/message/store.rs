//! All SQL about messages.

use galen_contracts::ids::PatientId;
use galen_kernel::Timestamp;
use galen_storage::{Error, Ts};
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{PgConnection, PgExecutor, PgPool, Row as _};
use uuid::Uuid;

use crate::message::model::{AttemptOutcome, MessageId, NewMessage, Params, Recipient, Status};
use crate::message::plan::Skip;
use crate::template::{Channel, TemplateName};

const INCONSISTENT: Error = Error::Inconsistent {
    column: "notifications.message",
};

/// What a list or a single view shows of a message.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Its id.
    pub id: MessageId,
    /// For whom.
    pub recipient: Recipient,
    /// With which text.
    pub template: TemplateName,
    /// About what.
    pub params: Params,
    /// How far it has come.
    pub status: Status,
    /// Why it is dead or suppressed, or why the last attempt failed.
    pub reason_code: Option<String>,
    /// The way it went.
    pub channel: Option<Channel>,
    /// Language of its text.
    pub locale: Option<String>,
    /// The ways that were passed over.
    pub skipped: Vec<Skip>,
    /// Attempts of the present round.
    pub attempts: i32,
    /// Not before this.
    pub not_before: Timestamp,
    /// When it is tried next.
    pub next_attempt_at: Timestamp,
    /// After this it is better not sent.
    pub expires_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was sent.
    pub sent_at: Option<Timestamp>,
    /// Rises with every change.
    pub version: i64,
    /// Subject and body of the text it was sent with.
    pub text: Option<(String, String)>,
}

/// One attempt to send a message.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// Which, from 1.
    pub n: i32,
    /// The way.
    pub channel: Channel,
    /// When.
    pub at: Timestamp,
    /// What came of it.
    pub outcome: AttemptOutcome,
    /// Why not.
    pub error_code: Option<String>,
}

/// Which messages are wanted.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only of this patient or account.
    pub recipient: Option<Uuid>,
    /// Only in this state.
    pub status: Option<Status>,
}

const fn recipient_of(recipient: Recipient) -> (&'static str, Uuid) {
    match recipient {
        Recipient::Patient(id) => ("PATIENT", id.uuid()),
        Recipient::User(id) => ("USER", id.uuid()),
    }
}

/// Reads the recipient of a row.
///
/// # Errors
/// When the row is not one.
pub(crate) fn read_recipient(row: &PgRow) -> Result<Recipient, Error> {
    let id: Uuid = row.try_get("recipient_id")?;
    match row.try_get::<&str, _>("recipient_kind")? {
        "PATIENT" => Ok(Recipient::Patient(id.into())),
        "USER" => Ok(Recipient::User(id.into())),
        _ => Err(INCONSISTENT),
    }
}

fn read_channel(code: Option<&str>) -> Result<Option<Channel>, Error> {
    code.map(|code| Channel::read(code).ok_or(INCONSISTENT))
        .transpose()
}

fn read(row: &PgRow) -> Result<Stored, Error> {
    let instant = |column| -> Result<Option<Timestamp>, sqlx::Error> {
        Ok(row.try_get::<Option<Ts>, _>(column)?.map(Ts::to_jiff))
    };
    let subject: Option<String> = row.try_get("subject")?;
    let body: Option<String> = row.try_get("body")?;
    Ok(Stored {
        id: MessageId::from_uuid(row.try_get("id")?),
        recipient: read_recipient(row)?,
        template: TemplateName::read(row.try_get("template")?).ok_or(INCONSISTENT)?,
        params: row.try_get::<Json<Params>, _>("params")?.0,
        status: Status::read(row.try_get("status")?).ok_or(INCONSISTENT)?,
        reason_code: row.try_get("reason_code")?,
        channel: read_channel(row.try_get("channel")?)?,
        locale: row.try_get("locale")?,
        skipped: row.try_get::<Json<Vec<Skip>>, _>("skipped")?.0,
        attempts: row.try_get("attempts")?,
        not_before: row.try_get::<Ts, _>("not_before")?.to_jiff(),
        next_attempt_at: row.try_get::<Ts, _>("next_attempt_at")?.to_jiff(),
        expires_at: instant("expires_at")?,
        created_at: row.try_get::<Ts, _>("created_at")?.to_jiff(),
        sent_at: instant("sent_at")?,
        version: row.try_get("version")?,
        text: subject.zip(body),
    })
}

/// Queues a message. The same cause queues nothing again and tells the first one's id.
///
/// # Errors
/// When the database fails.
pub async fn queue(
    connection: &mut PgConnection,
    id: MessageId,
    message: &NewMessage,
    now: Timestamp,
) -> Result<MessageId, Error> {
    let (kind, recipient) = recipient_of(message.recipient);
    let queued = sqlx::query(
        "insert into message (id, recipient_kind, recipient_id, category, template, about_id, params,
                              dedupe_key, status, not_before, next_attempt_at, expires_at,
                              correlation_id, traceparent, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, 'QUEUED', $9, $9, $10, $11, $12, $9)
         on conflict (dedupe_key) do nothing",
    )
    .bind(id.uuid())
    .bind(kind)
    .bind(recipient)
    .bind(message.template.category().code())
    .bind(message.template.code())
    .bind(message.params.about())
    .bind(Json(&message.params))
    .bind(&message.dedupe_key)
    .bind(Ts::from(now))
    .bind(message.expires_at.map(Ts::from))
    .bind(message.correlation_id)
    .bind(&message.traceparent)
    .execute(&mut *connection)
    .await?
    .rows_affected();
    if queued == 1 {
        return Ok(id);
    }
    let first: Uuid = sqlx::query_scalar("select id from message where dedupe_key = $1")
        .bind(&message.dedupe_key)
        .fetch_one(connection)
        .await?;
    Ok(first.into())
}

/// Takes back messages about something with one of these texts that are not sent
/// yet: what waits is suppressed, what a sender has right now is not tried again.
///
/// # Errors
/// When the database fails.
pub async fn withdraw(
    connection: &mut PgConnection,
    about: Uuid,
    templates: &[TemplateName],
    now: Timestamp,
) -> Result<u64, Error> {
    let templates: Vec<_> = templates.iter().map(|t| t.code()).collect();
    let withdrawn = sqlx::query(
        "update message
         set status = case status when 'QUEUED' then 'SUPPRESSED' else status end,
             reason_code = case status when 'QUEUED' then 'WITHDRAWN' else reason_code end,
             expires_at = $3,
             version = version + 1
         where about_id = $1 and template = any($2) and status in ('QUEUED', 'SENDING')",
    )
    .bind(about)
    .bind(templates)
    .bind(Ts::from(now))
    .execute(connection)
    .await?
    .rows_affected();
    Ok(withdrawn)
}

/// Whether somebody was told something about this, or is being told right now.
///
/// # Errors
/// When the database fails.
pub async fn is_told(
    connection: &mut PgConnection,
    about: Uuid,
    template: TemplateName,
) -> Result<bool, Error> {
    let told = sqlx::query_scalar(
        "select exists (select from message
                        where about_id = $1 and template = $2 and status in ('SENDING', 'SENT'))",
    )
    .bind(about)
    .bind(template.code())
    .fetch_one(connection)
    .await?;
    Ok(told)
}

/// What waits for a merged record is told to the record that survives.
///
/// # Errors
/// When the database fails.
pub async fn readdress(
    connection: &mut PgConnection,
    retired: PatientId,
    survivor: PatientId,
) -> Result<u64, Error> {
    let readdressed = sqlx::query(
        "update message set recipient_id = $2, version = version + 1
         where recipient_kind = 'PATIENT' and recipient_id = $1 and status = 'QUEUED'",
    )
    .bind(retired.uuid())
    .bind(survivor.uuid())
    .execute(connection)
    .await?
    .rows_affected();
    Ok(readdressed)
}

/// Takes back what a patient was not told yet, and gives all messages that were for
/// them, with the latest round of each. Repeating it changes nothing.
///
/// # Errors
/// When the database fails.
pub async fn silence(
    connection: &mut PgConnection,
    patient: PatientId,
    now: Timestamp,
) -> Result<Vec<(MessageId, i32)>, Error> {
    sqlx::query(
        "update message
         set status = case status when 'QUEUED' then 'SUPPRESSED' else status end,
             reason_code = case status when 'QUEUED' then 'PATIENT_ERASED' else reason_code end,
             expires_at = $2,
             version = version + 1
         where recipient_kind = 'PATIENT' and recipient_id = $1 and status in ('QUEUED', 'SENDING')",
    )
    .bind(patient.uuid())
    .bind(Ts::from(now))
    .execute(&mut *connection)
    .await?;
    let messages: Vec<(Uuid, i32)> = sqlx::query_as(
        "select id, round from message where recipient_kind = 'PATIENT' and recipient_id = $1 order by id",
    )
    .bind(patient.uuid())
    .fetch_all(connection)
    .await?;
    let id = |(id, round)| (MessageId::from_uuid(id), round);
    Ok(messages.into_iter().map(id).collect())
}

/// Finds a message by id.
///
/// # Errors
/// When the database fails.
pub async fn find(executor: impl PgExecutor<'_>, id: MessageId) -> Result<Option<Stored>, Error> {
    let row = sqlx::query(
        "select m.id, m.recipient_kind, m.recipient_id, m.template, m.params, m.status, m.reason_code, m.channel,
                m.locale, m.skipped, m.attempts, m.not_before, m.next_attempt_at, m.expires_at, m.created_at,
                m.sent_at, m.version, t.subject, t.body
         from message m left join template t on t.id = m.template_id
         where m.id = $1",
    )
    .bind(id.uuid())
    .fetch_optional(executor)
    .await?;
    row.as_ref().map(read).transpose()
}

/// A page of messages, newest first.
///
/// # Errors
/// When the database fails.
pub async fn list(
    pool: &PgPool,
    filter: &Filter,
    before: Option<Uuid>,
    limit: u16,
) -> Result<Vec<Stored>, Error> {
    let rows = sqlx::query(
        "select m.id, m.recipient_kind, m.recipient_id, m.template, m.params, m.status, m.reason_code, m.channel,
                m.locale, m.skipped, m.attempts, m.not_before, m.next_attempt_at, m.expires_at, m.created_at,
                m.sent_at, m.version, t.subject, t.body
         from message m left join template t on t.id = m.template_id
         where ($1::uuid is null or m.recipient_id = $1)
           and ($2::text is null or m.status = $2)
           and ($3::uuid is null or m.id < $3)
         order by m.id desc
         limit $4",
    )
    .bind(filter.recipient)
    .bind(filter.status.map(Status::code))
    .bind(before)
    .bind(i64::from(limit) + 1)
    .fetch_all(pool)
    .await?;
    rows.iter().map(read).collect()
}

/// The attempts to send a message, in order.
///
/// # Errors
/// When the database fails.
pub async fn attempts(pool: &PgPool, id: MessageId) -> Result<Vec<Attempt>, Error> {
    let rows = sqlx::query(
        "select n, channel, at, outcome, error_code from attempt where message_id = $1 order by n",
    )
    .bind(id.uuid())
    .fetch_all(pool)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Attempt {
                n: row.try_get("n")?,
                channel: Channel::read(row.try_get("channel")?).ok_or(INCONSISTENT)?,
                at: row.try_get::<Ts, _>("at")?.to_jiff(),
                outcome: AttemptOutcome::read(row.try_get("outcome")?).ok_or(INCONSISTENT)?,
                error_code: row.try_get("error_code")?,
            })
        })
        .collect()
}

/// Locks a message for a change by a person: its state and version.
///
/// # Errors
/// When the database fails.
pub async fn lock(
    connection: &mut PgConnection,
    id: MessageId,
) -> Result<Option<(Status, Option<Timestamp>, i64)>, Error> {
    let row =
        sqlx::query("select status, expires_at, version from message where id = $1 for update")
            .bind(id.uuid())
            .fetch_optional(connection)
            .await?;
    let Some(row) = row else { return Ok(None) };
    let status = Status::read(row.try_get("status")?).ok_or(INCONSISTENT)?;
    let expires_at = row.try_get::<Option<Ts>, _>("expires_at")?.map(Ts::to_jiff);
    Ok(Some((status, expires_at, row.try_get("version")?)))
}

/// Begins a new round of a message that is locked.
///
/// # Errors
/// When the database fails, or the message is not one that can be sent again.
pub async fn requeue(
    connection: &mut PgConnection,
    id: MessageId,
    now: Timestamp,
) -> Result<(), Error> {
    let requeued = sqlx::query(
        "update message
         set status = 'QUEUED', reason_code = null, channel = null, locale = null, template_id = null,
             skipped = '[]', round = round + 1, attempts = 0, not_before = $2, next_attempt_at = $2,
             sent_at = null, version = version + 1
         where id = $1 and status in ('SENT', 'DEAD', 'SUPPRESSED')",
    )
    .bind(id.uuid())
    .bind(Ts::from(now))
    .execute(connection)
    .await?
    .rows_affected();
    Error::unless_rows("requeue message", 1, requeued)
}
