//! Rebuilds a projection from the log, beside the live one.
//!
//! The copy grows in temporary tables of one session, which PostgreSQL finds before
//! the live tables of the same name: the handlers run unchanged, readers and the live
//! subscription go on. When the copy has caught up, one transaction holds the group's
//! cursors, replays the rest, and replaces the live rows; readers see all of the old
//! until it commits and all of the new after it. Handlers run in replay: nothing is
//! published and no timer is set a second time.
//!
//! What waits in a lane of the group was not applied to the live tables either: those
//! events are kept apart, and at the end applied if the lane has let them go by then.
//! What an operator discarded stays discarded.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use galen_storage::{Db, Error, Tx, Wake};
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgPoolOptions;

use crate::group::Group;
use crate::log::{self, Logged, Slice, Topic};
use crate::{Failure, cursor};

/// Offsets in one transaction.
const BATCH: i64 = 1024;

/// Why a projection was not rebuilt. The live one is untouched.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// The database failed, or the log no longer reaches back to the beginning.
    #[error(transparent)]
    Storage(#[from] Error),
    /// A handler did not apply an event that it applied before.
    #[error("event {offset} of topic {topic}, partition {partition}, was not applied")]
    Handler {
        /// Topic.
        topic: String,
        /// Partition.
        partition: i16,
        /// Offset; of the last event of the batch, when the handler takes batches.
        offset: i64,
        /// Why.
        #[source]
        source: Failure,
    },
    /// The session that held the copy was lost.
    #[error("the connection that held the copy was lost")]
    SessionLost,
}

impl From<sqlx::Error> for RebuildError {
    fn from(error: sqlx::Error) -> Self {
        Self::Storage(error.into())
    }
}

/// A rebuild under way.
struct Rebuild<'a> {
    group: &'a Group,
    tables: &'a [&'static str],
    topics: BTreeMap<i16, Arc<Topic>>,
    /// The session with the copy.
    copy: Db,
    /// How far the copy is, by topic and partition.
    done: HashMap<(i16, i16), i64>,
    /// Events that were in a lane when the copy passed them, and later ones of the
    /// same key, in order.
    deferred: HashMap<(i16, i16, String), Vec<i64>>,
    applied: u64,
}

/// Rebuilds; returns the number of events applied.
pub(crate) async fn rebuild(
    group: &Group,
    tables: &'static [&'static str],
    topics: &[Arc<Topic>],
) -> Result<u64, RebuildError> {
    // One connection that is never exchanged: its temporary tables are the copy.
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_with(group.db.pool().connect_options().as_ref().clone())
        .await?;
    let copy = Db::new(
        pool.clone(),
        group.db.service(),
        group.db.clock().clone(),
        Wake::default(),
    );
    let mut rebuild = Rebuild {
        group,
        tables,
        topics: topics
            .iter()
            .filter(|topic| group.topics.contains(&topic.name.as_str()))
            .map(|topic| (topic.id, Arc::clone(topic)))
            .collect(),
        copy,
        done: HashMap::new(),
        deferred: HashMap::new(),
        applied: 0,
    };
    let outcome = rebuild.run().await;
    pool.close().await;
    outcome?;
    tracing::info!(projection = group.name, events = rebuild.applied, "rebuilt");
    Ok(rebuild.applied)
}

impl Rebuild<'_> {
    async fn run(&mut self) -> Result<(), RebuildError> {
        self.create_copy().await?;
        self.catch_up().await?;
        // The first pass took its time; the second leaves little to the swap.
        self.catch_up().await?;
        self.swap().await
    }

    async fn create_copy(&self) -> Result<(), RebuildError> {
        let mut tx = self.copy.begin().await?;
        for table in self.tables {
            let sql = format!(
                "create temporary table {name} (like {live} including all)",
                name = quoted(table),
                live = self.live(table)
            );
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(tx.conn()).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Replays up to where the live projection is now.
    async fn catch_up(&mut self) -> Result<(), RebuildError> {
        let slots: Vec<_> = self
            .topics
            .values()
            .flat_map(|t| (0..t.parts).map(|part| (t.id, part)))
            .collect();
        for (topic, part) in slots {
            let live = cursor::of(&self.group.db, self.group.name, topic, part).await?;
            let upto = live.map_or(0, |grant| grant.off);
            while self.at(topic, part) < upto {
                let next = upto.min(self.at(topic, part) + BATCH);
                let events = self.read(topic, part, next).await?;
                let mut tx = self.copy.begin().await?;
                self.check_session(&mut tx).await?;
                self.apply(&mut tx, events).await?;
                tx.commit().await?;
                self.done.insert((topic, part), next);
            }
        }
        Ok(())
    }

    /// Replaces the live rows by the copy's, at the same offsets.
    async fn swap(&mut self) -> Result<(), RebuildError> {
        let mut tx = self.copy.begin().await?;
        self.check_session(&mut tx).await?;
        sqlx::raw_sql("set local statement_timeout = 0; set local lock_timeout = '60s'")
            .execute(tx.conn())
            .await?;
        // Tables before cursors, the order in which a consumer takes them. From here
        // on nobody else writes; whoever was about to finds the new rows.
        for table in self.tables {
            let sql = format!("lock table {} in exclusive mode", self.live(table));
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(tx.conn()).await?;
        }
        for (topic, part, upto) in cursor::hold(&mut tx, self.group.name).await? {
            while self.topics.contains_key(&topic) && self.at(topic, part) < upto {
                let next = upto.min(self.at(topic, part) + BATCH);
                let events = self.read(topic, part, next).await?;
                self.apply(&mut tx, events).await?;
                self.done.insert((topic, part), next);
            }
        }
        self.apply_deferred(&mut tx).await?;
        for table in self.tables.iter().rev() {
            let sql = format!("delete from {}", self.live(table));
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(tx.conn()).await?;
        }
        for table in self.tables {
            let columns: String = sqlx::query_scalar(
                "select string_agg(quote_ident(attname), ', ' order by attnum) from pg_attribute
                 where attrelid = $1::regclass and attnum > 0 and not attisdropped and attgenerated = ''",
            )
            .bind(self.live(table))
            .fetch_one(tx.conn())
            .await?;
            let sql = format!(
                "insert into {live} ({columns}) select {columns} from pg_temp.{name}",
                live = self.live(table),
                name = quoted(table)
            );
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(tx.conn()).await?;
        }
        Ok(tx.commit().await?)
    }

    fn at(&self, topic: i16, part: i16) -> i64 {
        self.done.get(&(topic, part)).copied().unwrap_or(0)
    }

    /// Reads on from where the copy is, without what the lanes hold.
    async fn read(
        &mut self,
        topic: i16,
        part: i16,
        upto: i64,
    ) -> Result<Vec<Logged>, RebuildError> {
        let after = self.at(topic, part);
        let events = self.slice(topic, part, after, upto).await?;
        let (waiting, discarded) = self.in_lanes(topic, part, after, upto).await?;
        let mut clean = Vec::with_capacity(events.len());
        for event in events {
            let off = event.received.offset;
            let key = (topic, part, event.received.key.clone());
            if discarded.contains(&off) {
                continue;
            }
            if waiting.contains(&off) || self.deferred.contains_key(&key) {
                self.deferred.entry(key).or_default().push(off);
            } else {
                clean.push(event);
            }
        }
        Ok(clean)
    }

    async fn slice(
        &self,
        topic: i16,
        part: i16,
        after: i64,
        upto: i64,
    ) -> Result<Vec<Logged>, Error> {
        let slice = Slice {
            topic: &self.topics[&topic],
            part,
            after,
            upto,
        };
        let mut events = log::read(self.group, &[slice])
            .await?
            .pop()
            .unwrap_or_default();
        for event in &mut events {
            event.received.replay = true;
        }
        Ok(events)
    }

    /// Offsets in lanes within (after, upto]: those that wait, and those given up.
    async fn in_lanes(
        &self,
        topic: i16,
        part: i16,
        after: i64,
        upto: i64,
    ) -> Result<(HashSet<i64>, HashSet<i64>), Error> {
        let rows: Vec<(i64, bool)> =
            sqlx::query_as("select off, discarded from events.in_lanes($1, $2, $3, $4, $5)")
                .bind(self.group.name)
                .bind(topic)
                .bind(part)
                .bind(after)
                .bind(upto)
                .fetch_all(self.group.db.pool())
                .await?;
        let (discarded, waiting): (Vec<_>, Vec<_>) =
            rows.into_iter().partition(|(_, discarded)| *discarded);
        let offsets = |rows: Vec<(i64, bool)>| rows.into_iter().map(|(off, _)| off).collect();
        Ok((offsets(waiting), offsets(discarded)))
    }

    /// Applies what lanes have let go since the copy passed it. A lane holds the last
    /// events of its key, so what it let go comes before what it still holds.
    async fn apply_deferred(&mut self, tx: &mut Tx) -> Result<(), RebuildError> {
        for ((topic, part, _), offsets) in std::mem::take(&mut self.deferred) {
            for off in offsets {
                let (waiting, discarded) = self.in_lanes(topic, part, off - 1, off).await?;
                if waiting.is_empty() && discarded.is_empty() {
                    let event = self.slice(topic, part, off - 1, off).await?;
                    self.apply(tx, event).await?;
                }
            }
        }
        Ok(())
    }

    async fn apply(&mut self, tx: &mut Tx, events: Vec<Logged>) -> Result<(), RebuildError> {
        let Some(last) = events.last() else {
            return Ok(());
        };
        let (topic, partition, last) = (
            last.received.topic.clone(),
            last.received.partition,
            last.received.offset,
        );
        let count = events.len() as u64;
        self.group
            .apply_all(tx, events)
            .await
            .map_err(|(off, source)| RebuildError::Handler {
                topic,
                partition,
                offset: off.unwrap_or(last),
                source,
            })?;
        self.applied += count;
        Ok(())
    }

    /// A new session would not have the copy, and the handlers would write to the
    /// live tables.
    async fn check_session(&self, tx: &mut Tx) -> Result<(), RebuildError> {
        let names: Vec<String> = self
            .tables
            .iter()
            .map(|t| format!("pg_temp.{}", quoted(t)))
            .collect();
        let whole: bool = sqlx::query_scalar(
            "select bool_and(to_regclass(name) is not null) from unnest($1) as name",
        )
        .bind(names)
        .fetch_one(tx.conn())
        .await?;
        if whole {
            Ok(())
        } else {
            Err(RebuildError::SessionLost)
        }
    }

    fn live(&self, table: &str) -> String {
        format!("{}.{}", quoted(self.group.db.service()), quoted(table))
    }
}

/// An SQL identifier.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
