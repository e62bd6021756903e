//! Taking what is due, so that no other sender has it at the same time.

use galen_kernel::{Timestamp, TraceContext};
use galen_storage::{Db, Error, Ts};
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use uuid::Uuid;

use crate::message::store::read_recipient;
use crate::message::{MessageId, Params, Recipient};
use crate::template::{Channel, TemplateName};

/// A message that this sender, and no other, has for now.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// The message.
    pub id: MessageId,
    /// Names the claim; a sender whose lease ran out settles nothing any more.
    pub claim: Uuid,
    /// For whom.
    pub recipient: Recipient,
    /// With which text.
    pub template: TemplateName,
    /// About what.
    pub params: Params,
    /// Which round of sending.
    pub round: i32,
    /// Attempts of the round before this one.
    pub attempts: i32,
    /// After this it is better not sent.
    pub expires_at: Option<Timestamp>,
    /// The trace it belongs to.
    pub trace: Option<TraceContext>,
    /// Channels that have refused it in this round.
    pub refused: Vec<Channel>,
}

const INCONSISTENT: Error = Error::Inconsistent {
    column: "notifications.message",
};

fn read(row: &PgRow, claim: Uuid) -> Result<Claimed, Error> {
    let refused = row
        .try_get::<Vec<String>, _>("refused")?
        .iter()
        .map(|code| Channel::read(code).ok_or(INCONSISTENT))
        .collect::<Result<_, _>>()?;
    let traceparent: Option<String> = row.try_get("traceparent")?;
    Ok(Claimed {
        id: MessageId::from_uuid(row.try_get("id")?),
        claim,
        recipient: read_recipient(row)?,
        template: TemplateName::read(row.try_get("template")?).ok_or(INCONSISTENT)?,
        params: row.try_get::<Json<Params>, _>("params")?.0,
        round: row.try_get("round")?,
        attempts: row.try_get("attempts")?,
        expires_at: row.try_get::<Option<Ts>, _>("expires_at")?.map(Ts::to_jiff),
        trace: traceparent.as_deref().and_then(TraceContext::parse),
        refused,
    })
}

/// Takes up to `limit` due messages for five minutes, with those whose sender has
/// vanished. The lease is measured by the database's clock, which all senders share.
///
/// # Errors
/// When the database fails.
pub async fn claim(
    db: &Db,
    claim: Uuid,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<Claimed>, Error> {
    let rows = sqlx::query(
        "with due as (
             select id from message
             where (status = 'QUEUED' and next_attempt_at <= $2)
                or (status = 'SENDING' and locked_until < clock_timestamp())
             order by next_attempt_at
             limit $3
             for update skip locked
         )
         update message m
         set status = 'SENDING', claim = $1, locked_until = clock_timestamp() + interval '2 minutes',
             version = version + 1
         from due where m.id = due.id
         returning m.id, m.recipient_kind, m.recipient_id, m.template, m.params, m.round, m.attempts,
                   m.expires_at, m.traceparent,
                   array(select distinct a.channel from attempt a
                         where a.message_id = m.id and a.round = m.round and a.outcome = 'REFUSED') as refused",
    )
    .bind(claim)
    .bind(Ts::from(now))
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(db.pool())
    .await?;
    rows.iter().map(|row| read(row, claim)).collect()
}
