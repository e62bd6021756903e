//! SQL of messages, deliveries and attempts.

use galen_kernel::Timestamp;
use galen_storage::{Columns as _, Error, Ts, Tx};
use galen_vault::Sealed;
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::model::{Status, Verdict};
use super::{Delivery, DeliveryId};
use crate::webhook::endpoint::EndpointId;
use crate::webhook::message::{Message, MessageType};
use crate::webhook::web::Attempt;

/// Which deliveries are looked for; `None` does not restrict.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    /// To this endpoint.
    pub(crate) endpoint: Option<EndpointId>,
    /// Which stand here.
    pub(crate) status: Option<Status>,
}

/// A position in the list.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Position(pub(crate) DeliveryId);

/// An attempt as it was written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written {
    /// Which, from 1.
    pub(crate) number: i32,
    /// When it began.
    pub(crate) at: Timestamp,
    /// How long it took.
    pub(crate) latency_ms: i32,
    /// What was answered.
    pub(crate) status_code: Option<i16>,
    /// Why nothing was.
    pub(crate) error: Option<String>,
    /// The beginning of the answer's body.
    pub(crate) response: Option<String>,
}

/// A delivery that this sender, and no other, has for now.
#[derive(Debug)]
pub(crate) struct Parcel {
    /// Which.
    pub(crate) id: DeliveryId,
    /// Names the claim; a sender whose time ran out settles nothing any more.
    pub(crate) claim: i64,
    /// Attempts before this one, since it was last asked for.
    pub(crate) tries: i32,
    /// To whom.
    pub(crate) endpoint: EndpointId,
    /// Where to.
    pub(crate) url: String,
    /// The message's id.
    pub(crate) message: Uuid,
    /// What it is.
    pub(crate) body: String,
    /// What it is signed with, newest first.
    pub(crate) secrets: Vec<(Uuid, Sealed<String>)>,
}

/// Stores messages, and what is to be sent to whom: what is there already stays as it is.
pub(crate) async fn enqueue(
    tx: &mut PgConnection,
    messages: &[Message],
    deliveries: &[(DeliveryId, EndpointId, Uuid)],
    now: Timestamp,
) -> Result<u64, Error> {
    let ids: Vec<Uuid> = messages.iter().map(|m| m.id).collect();
    let kinds: Vec<&str> = messages.iter().map(|m| m.kind.name()).collect();
    let instants: Vec<Ts> = messages.iter().map(|m| Ts::from(m.at)).collect();
    let bodies: Vec<&str> = messages.iter().map(|m| m.body.as_str()).collect();
    sqlx::query(
        "insert into webhook_message (id, type, at, body)
         select * from unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::text[])
         on conflict (id) do nothing",
    )
    .bind(ids)
    .bind(kinds)
    .bind(instants)
    .bind(bodies)
    .execute(&mut *tx)
    .await?;
    let ids: Vec<Uuid> = deliveries.iter().map(|(id, _, _)| id.uuid()).collect();
    let endpoints: Vec<Uuid> = deliveries.iter().map(|(_, to, _)| to.uuid()).collect();
    let messages: Vec<Uuid> = deliveries.iter().map(|(_, _, message)| *message).collect();
    let done = sqlx::query(
        "insert into webhook_delivery (id, endpoint_id, message_id, status, due_at, created_at)
         select id, endpoint_id, message_id, 'PENDING', $4, $4
         from unnest($1::uuid[], $2::uuid[], $3::uuid[]) as due (id, endpoint_id, message_id)
         on conflict (endpoint_id, message_id) do nothing",
    )
    .bind(ids)
    .bind(endpoints)
    .bind(messages)
    .bind(Ts::from(now))
    .execute(tx)
    .await?;
    Ok(done.rows_affected())
}

/// Takes what is due until an instant, of each endpoint as much as leaves at most `each`
/// under way to it: so that one that does not answer holds up nothing but itself.
pub(crate) async fn claim(
    db: impl PgExecutor<'_>,
    now: Timestamp,
    until: Timestamp,
    each: i64,
) -> Result<Vec<Parcel>, Error> {
    let rows = sqlx::query(
        "with room as (
             select e.id, $3 - count(d.id) as free
             from webhook_endpoint e
             left join webhook_delivery d on d.endpoint_id = e.id and d.claimed_until > $1
             where e.enabled
             group by e.id
         ), due as (
             select d.id
             from room r
             cross join lateral (
                 select id from webhook_delivery
                 where endpoint_id = r.id and status = 'PENDING' and due_at <= $1
                   and (claimed_until is null or claimed_until <= $1)
                 order by due_at, id
                 limit greatest(r.free, 0)
                 for update skip locked
             ) d
         ), taken as (
             update webhook_delivery d set claim = claim + 1, claimed_until = $2
             from due where d.id = due.id
             returning d.id, d.claim, d.tries, d.endpoint_id, d.message_id
         )
         select t.id, t.claim, t.tries, t.endpoint_id, t.message_id, e.url, m.body,
                s.ids as secret_ids, s.secrets
         from taken t
         join webhook_endpoint e on e.id = t.endpoint_id
         join webhook_message m on m.id = t.message_id
         cross join lateral (
             select array_agg(id order by created_at desc, id desc) as ids,
                    array_agg(secret order by created_at desc, id desc) as secrets
             from webhook_secret
             where endpoint_id = t.endpoint_id and (expires_at is null or expires_at > $1)
         ) s",
    )
    .bind(Ts::from(now))
    .bind(Ts::from(until))
    .bind(each)
    .fetch_all(db)
    .await?;
    rows.iter().map(parcel).collect()
}

fn parcel(row: &PgRow) -> Result<Parcel, Error> {
    let ids: Vec<Uuid> = row.col("secret_ids")?;
    let secrets: Vec<Sealed<String>> = row.col("secrets")?;
    Ok(Parcel {
        id: row.id("id")?,
        claim: row.col("claim")?,
        tries: row.col("tries")?,
        endpoint: row.id("endpoint_id")?,
        url: row.text("url")?,
        message: row.col("message_id")?,
        body: row.text("body")?,
        secrets: ids.into_iter().zip(secrets).collect(),
    })
}

/// Writes down what came of an attempt; false when the claim is over: the endpoint was
/// deleted, or another sender has it.
pub(crate) async fn settle(
    tx: &mut Tx,
    parcel: &Parcel,
    began: Timestamp,
    attempt: &Attempt,
    verdict: Verdict,
    due_at: Option<Timestamp>,
) -> Result<bool, Error> {
    let now = tx.clock().now();
    if verdict == Verdict::Gone {
        // Before the delivery, in the order of whoever deletes the endpoint.
        sqlx::query(
            "update webhook_endpoint
             set enabled = false, disabled_because = 'GONE', version = version + 1
             where id = $1 and enabled",
        )
        .bind(parcel.endpoint.uuid())
        .execute(tx.conn())
        .await?;
    }
    let number: Option<i32> = sqlx::query_scalar(
        "update webhook_delivery
         set status = $3, due_at = $4, ended_at = case when $3 = 'PENDING' then null else $5 end,
             attempts = attempts + 1, tries = tries + 1, claimed_until = null
         where id = $1 and claim = $2 and status = 'PENDING'
         returning attempts",
    )
    .bind(parcel.id.uuid())
    .bind(parcel.claim)
    .bind(verdict.status().name())
    .bind(due_at.map(Ts::from))
    .bind(Ts::from(now))
    .fetch_optional(tx.conn())
    .await?;
    let Some(number) = number else {
        return Ok(false);
    };
    let latency = i32::try_from(attempt.latency.as_millis()).unwrap_or(i32::MAX);
    let answered = attempt
        .answer
        .ok()
        .and_then(|status| i16::try_from(status).ok());
    sqlx::query(
        "insert into webhook_attempt (delivery_id, number, at, latency_ms, status_code, error, response)
         values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(parcel.id.uuid())
    .bind(number)
    .bind(Ts::from(began))
    .bind(latency)
    .bind(answered)
    .bind(attempt.answer.err())
    .bind(&attempt.response)
    .execute(tx.conn())
    .await?;
    Ok(true)
}

/// Has a delivery sent now, from the beginning of the schedule.
pub(crate) async fn send_again(
    tx: &mut PgConnection,
    id: DeliveryId,
    now: Timestamp,
) -> Result<(), Error> {
    let done = sqlx::query(
        "update webhook_delivery
         set status = 'PENDING', due_at = $2, ended_at = null, tries = 0
         where id = $1",
    )
    .bind(id.uuid())
    .bind(Ts::from(now))
    .execute(tx)
    .await?;
    Error::unless_rows("sending a webhook again", 1, done.rows_affected())
}

/// A `select` of whole deliveries with the given rest.
macro_rules! select_delivery {
    ($rest:literal) => {
        concat!(
            "select d.id, d.endpoint_id, d.message_id, m.type, d.status, d.attempts, d.due_at,
                    d.created_at, d.ended_at
             from webhook_delivery d join webhook_message m on m.id = d.message_id ",
            $rest
        )
    };
}

/// The delivery of an id.
pub(crate) async fn by_id(
    db: impl PgExecutor<'_>,
    id: DeliveryId,
) -> Result<Option<Delivery>, Error> {
    let row = sqlx::query(select_delivery!("where d.id = $1"))
        .bind(id.uuid())
        .fetch_optional(db)
        .await?;
    row.as_ref().map(read).transpose()
}

/// The delivery, which nobody else changes until the transaction ends.
pub(crate) async fn lock(tx: &mut PgConnection, id: DeliveryId) -> Result<Option<Delivery>, Error> {
    let row = sqlx::query(select_delivery!("where d.id = $1 for update of d"))
        .bind(id.uuid())
        .fetch_optional(tx)
        .await?;
    row.as_ref().map(read).transpose()
}

/// Deliveries before a position, newest first, and one more than `limit` if there is.
pub(crate) async fn list(
    db: impl PgExecutor<'_>,
    filter: &Filter,
    before: Option<Position>,
    limit: u16,
) -> Result<Vec<Delivery>, Error> {
    let rows = sqlx::query(select_delivery!(
        "where ($1::uuid is null or d.endpoint_id = $1) and ($2::text is null or d.status = $2)
           and ($3::uuid is null or d.id < $3)
         order by d.id desc limit $4"
    ))
    .bind(filter.endpoint.map(Uuid::from))
    .bind(filter.status.map(Status::name))
    .bind(before.map(|Position(id)| id.uuid()))
    .bind(i64::from(limit) + 1)
    .fetch_all(db)
    .await?;
    rows.iter().map(read).collect()
}

/// What is sent.
pub(crate) async fn body(db: impl PgExecutor<'_>, message: Uuid) -> Result<String, Error> {
    Ok(
        sqlx::query_scalar("select body from webhook_message where id = $1")
            .bind(message)
            .fetch_one(db)
            .await?,
    )
}

/// The newest attempts of a delivery, newest first.
pub(crate) async fn attempts(
    db: impl PgExecutor<'_>,
    id: DeliveryId,
    limit: i64,
) -> Result<Vec<Written>, Error> {
    let rows = sqlx::query(
        "select number, at, latency_ms, status_code, error, response
         from webhook_attempt where delivery_id = $1 order by number desc limit $2",
    )
    .bind(id.uuid())
    .bind(limit)
    .fetch_all(db)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Written {
                number: row.col("number")?,
                at: row.instant("at")?,
                latency_ms: row.col("latency_ms")?,
                status_code: row.col("status_code")?,
                error: row.opt_text("error")?,
                response: row.opt_text("response")?,
            })
        })
        .collect()
}

/// How many wait, and since when the one that is most overdue is due.
pub(crate) async fn depth(db: impl PgExecutor<'_>) -> Result<(i64, Option<Timestamp>), Error> {
    let row = sqlx::query(
        "select count(*) as waiting, min(d.due_at) as oldest
         from webhook_delivery d join webhook_endpoint e on e.id = d.endpoint_id
         where d.status = 'PENDING' and e.enabled",
    )
    .fetch_one(db)
    .await?;
    Ok((row.col("waiting")?, row.opt_instant("oldest")?))
}

/// Forgets deliveries that ended before an instant, at most `limit`, with their attempts.
pub(crate) async fn forget(
    db: impl PgExecutor<'_>,
    before: Timestamp,
    limit: i64,
) -> Result<u64, Error> {
    let done = sqlx::query(
        "delete from webhook_delivery where id in
             (select id from webhook_delivery where ended_at < $1 order by ended_at limit $2)",
    )
    .bind(Ts::from(before))
    .bind(limit)
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}

/// Forgets messages of before an instant that are delivered to nobody, at most `limit`.
pub(crate) async fn forget_messages(
    db: impl PgExecutor<'_>,
    before: Timestamp,
    limit: i64,
) -> Result<u64, Error> {
    let done = sqlx::query(
        "delete from webhook_message where id in
             (select m.id from webhook_message m
              where m.at < $1 and not exists (select from webhook_delivery d where d.message_id = m.id)
              limit $2)",
    )
    .bind(Ts::from(before))
    .bind(limit)
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}

fn read(row: &PgRow) -> Result<Delivery, Error> {
    let kind = MessageType::read(&row.text("type")?).ok_or(Error::Inconsistent {
        column: "securepay.webhook_message.type",
    })?;
    let status = Status::read(&row.text("status")?).ok_or(Error::Inconsistent {
        column: "securepay.webhook_delivery.status",
    })?;
    Ok(Delivery {
        id: row.id("id")?,
        endpoint: row.id("endpoint_id")?,
        message: row.col("message_id")?,
        kind,
        status,
        attempts: row.col("attempts")?,
        due_at: row.opt_instant("due_at")?,
        created_at: row.instant("created_at")?,
        ended_at: row.opt_instant("ended_at")?,
    })
}
