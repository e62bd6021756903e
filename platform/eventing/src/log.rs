//! Reading the log: the one place that knows where events lie. Offsets are dense, so
//! a reader asks for a range and gets exactly that range; another log with dense
//! offsets can take this one's place without a subscription noticing.

use std::collections::HashMap;

use galen_kernel::Timestamp;
use galen_storage::{Db, Error, Ts};
use sqlx::Row;
use sqlx::postgres::PgRow;
use tokio::sync::watch;
use uuid::Uuid;

use crate::cause;
use crate::subscription::Received;

/// A topic as the log numbers it.
#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) id: i16,
    pub(crate) name: String,
    pub(crate) parts: i16,
}

/// Part of one partition of a topic, for one group.
pub(crate) struct Slice<'a> {
    pub(crate) group: &'a str,
    pub(crate) topic: &'a Topic,
    pub(crate) part: i16,
    /// Exclusive.
    pub(crate) after: i64,
    /// Inclusive, at most the head.
    pub(crate) upto: i64,
    /// SQL patterns of the types that matter.
    pub(crate) types: &'a [String],
}

/// An event and where its payload is kept.
pub(crate) struct Logged {
    pub(crate) seq: i64,
    /// Its key was parked when it was read.
    pub(crate) waits: bool,
    pub(crate) received: Received,
}

/// Reads a slice with the rights of `db`'s service.
pub(crate) async fn read(db: &Db, slice: &Slice<'_>) -> Result<Vec<Logged>, Error> {
    let rows = sqlx::query(
        "select off, seq, id, key, type, at, headers, data, waits from events.read_events($1, $2, $3, $4, $5, $6)",
    )
    .bind(slice.group)
    .bind(slice.topic.id)
    .bind(slice.part)
    .bind(slice.after)
    .bind(slice.upto)
    .bind(slice.types)
    .fetch_all(db.pool())
    .await?;
    rows.iter()
        .map(|row| {
            let key = row.try_get("key")?;
            let received = received(row, &slice.topic.name, slice.part, key, 1)?;
            Ok(Logged {
                seq: row.try_get("seq")?,
                waits: row.try_get("waits")?,
                received,
            })
        })
        .collect()
}

/// An event from a row with `off, id, type, at, headers, data`.
pub(crate) fn received(
    row: &PgRow,
    topic: &str,
    partition: i16,
    key: String,
    attempt: u32,
) -> Result<Received, Error> {
    let id: Uuid = row.try_get("id")?;
    let (trace, correlation) = cause::read_headers(&row.try_get("headers")?);
    Ok(Received {
        id,
        topic: topic.to_owned(),
        partition,
        offset: row.try_get("off")?,
        key,
        event_type: row.try_get("type")?,
        at: row.try_get::<Ts, _>("at")?.to_jiff(),
        trace,
        // An event that nothing caused begins a journey of its own.
        correlation_id: Some(correlation.unwrap_or(id)),
        attempt,
        replay: false,
        data: row.try_get("data")?,
    })
}

/// The topics by these names.
pub(crate) async fn topics(events: &Db, names: &[&str]) -> Result<Vec<Topic>, Error> {
    let rows = sqlx::query("select id, name, parts from topic where name = any ($1) order by id")
        .bind(names)
        .fetch_all(events.pool())
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Topic {
                id: row.try_get("id")?,
                name: row.try_get("name")?,
                parts: row.try_get("parts")?,
            })
        })
        .collect()
}

/// Those of the topics that a service may not read.
pub(crate) async fn refused(
    events: &Db,
    service: &str,
    topics: &[&str],
) -> Result<Vec<String>, Error> {
    let refused = sqlx::query_scalar(
        "select wanted.name from unnest($2) as wanted (name)
         where not exists (
             select from topic t join topic_right r on r.topic = t.id
             where t.name = wanted.name and r.service = $1)",
    )
    .bind(service)
    .bind(topics)
    .fetch_all(events.pool())
    .await?;
    Ok(refused)
}

/// A head that moved.
pub(crate) struct Head {
    pub(crate) topic: i16,
    pub(crate) part: i16,
    pub(crate) off: i64,
    pub(crate) tick: i64,
}

/// Sequences what was committed and returns the heads that moved after tick `known`.
pub(crate) async fn tick(events: &Db, known: i64) -> Result<Vec<Head>, Error> {
    let rows = sqlx::query("select topic, part, off, tick from events.tick($1)")
        .bind(known)
        .fetch_all(events.pool())
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Head {
                topic: row.try_get("topic")?,
                part: row.try_get("part")?,
                off: row.try_get("off")?,
                tick: row.try_get("tick")?,
            })
        })
        .collect()
}

/// The ends of the partitions as this process knows them; readers wait on theirs.
pub(crate) struct Heads(HashMap<(i16, i16), watch::Sender<i64>>);

impl Heads {
    /// Of these topics, all at 0.
    pub(crate) fn new<'a>(topics: impl Iterator<Item = &'a Topic>) -> Self {
        Self(
            topics
                .flat_map(|topic| {
                    (0..topic.parts).map(|part| ((topic.id, part), watch::Sender::new(0)))
                })
                .collect(),
        )
    }

    /// Tells the readers. Heads of topics that nobody here reads are passed over.
    pub(crate) fn publish(&self, moved: &[Head]) {
        for head in moved {
            if let Some(known) = self.0.get(&(head.topic, head.part)) {
                known.send_if_modified(|known| {
                    let moved = *known < head.off;
                    *known = head.off.max(*known);
                    moved
                });
            }
        }
    }

    /// The head of one partition.
    pub(crate) fn watch(&self, topic: &Topic, part: i16) -> watch::Receiver<i64> {
        self.0
            .get(&(topic.id, part))
            .expect("heads are made of the topics that are read")
            .subscribe()
    }
}

/// Binds an instant; the log's own times come from the database.
pub(crate) fn ts(at: Timestamp) -> Ts {
    jiff_sqlx::ToSqlx::to_sqlx(at)
}
