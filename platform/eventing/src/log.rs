//! Reading the log: the one place that knows where events lie. Offsets are dense, so
//! a reader asks for a range and gets exactly that range; another log with dense
//! offsets can take this one's place without a subscription noticing.

use std::collections::HashMap;
use std::sync::Arc;

use galen_kernel::Timestamp;
use galen_storage::{Db, Error, Ts};
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::cause;
use crate::group::Group;
use crate::slot::Slot;
use crate::subscription::Received;

/// A topic as the log numbers it.
#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) id: i16,
    pub(crate) name: String,
    pub(crate) parts: i16,
}

/// Part of one partition of a topic.
pub(crate) struct Slice<'a> {
    pub(crate) topic: &'a Topic,
    pub(crate) part: i16,
    /// Exclusive.
    pub(crate) after: i64,
    /// Inclusive, at most the head.
    pub(crate) upto: i64,
}

/// An event and where its payload is kept.
pub(crate) struct Logged {
    pub(crate) seq: i64,
    /// Its key was parked when it was read.
    pub(crate) waits: bool,
    pub(crate) received: Received,
}

/// Reads slices with the rights of the group's service: of each, the events that the
/// group handles.
pub(crate) async fn read(group: &Group, slices: &[Slice<'_>]) -> Result<Vec<Vec<Logged>>, Error> {
    let rows = sqlx::query(
        "select n, seq, id, key, type, at, headers, data, waits from events.read_events($1, $2, $3, $4, $5, $6)",
    )
    .bind(group.name)
    .bind(slices.iter().map(|s| s.topic.id).collect::<Vec<_>>())
    .bind(slices.iter().map(|s| s.part).collect::<Vec<_>>())
    .bind(slices.iter().map(|s| s.after).collect::<Vec<_>>())
    .bind(slices.iter().map(|s| s.upto).collect::<Vec<_>>())
    .bind(&group.patterns)
    .fetch_all(group.db.pool())
    .await?;
    let mut rows = rows.iter().peekable();
    let mut before = 0;
    let mut read = Vec::with_capacity(slices.len());
    for slice in slices {
        let mut events = Vec::new();
        while let Some(row) = rows.peek() {
            let off = slice.after + row.try_get::<i64, _>("n")? - before;
            if off > slice.upto {
                break;
            }
            let key = row.try_get("key")?;
            events.push(Logged {
                seq: row.try_get("seq")?,
                waits: row.try_get("waits")?,
                received: received(row, &slice.topic.name, slice.part, off, key, 1)?,
            });
            rows.next();
        }
        before += slice.upto - slice.after;
        read.push(events);
    }
    Ok(read)
}

/// An event from a row with `id, type, at, headers, data`.
pub(crate) fn received(
    row: &PgRow,
    topic: &str,
    partition: i16,
    offset: i64,
    key: String,
    attempt: u32,
) -> Result<Received, Error> {
    let id: Uuid = row.try_get("id")?;
    let (trace, correlation) = cause::read_headers(&row.try_get("headers")?);
    Ok(Received {
        id,
        topic: topic.to_owned(),
        partition,
        offset,
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

/// Tells slots when their partition's head moved.
pub(crate) struct Heads(HashMap<(i16, i16), Vec<Arc<Slot>>>);

impl Heads {
    pub(crate) fn new(slots: &[Arc<Slot>]) -> Self {
        let mut readers: HashMap<_, Vec<_>> = HashMap::new();
        for slot in slots {
            readers
                .entry((slot.topic.id, slot.part))
                .or_default()
                .push(Arc::clone(slot));
        }
        Self(readers)
    }

    /// Tells the readers. Heads of topics that nobody here reads are passed over.
    pub(crate) fn publish(&self, moved: &[Head]) {
        for head in moved {
            for slot in self.0.get(&(head.topic, head.part)).into_iter().flatten() {
                slot.set_head(head.off);
            }
        }
    }
}

/// Binds an instant; the log's own times come from the database.
pub(crate) fn ts(at: Timestamp) -> Ts {
    jiff_sqlx::ToSqlx::to_sqlx(at)
}
