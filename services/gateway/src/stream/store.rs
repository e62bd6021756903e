//! All SQL of the live stream.

use galen_access::Permission;
use galen_kernel::Timestamp;
use galen_storage::{Columns as _, Db, Error, Tx, ts};
use serde_json::value::RawValue;
use sqlx::postgres::PgRow;
use sqlx::types::Json;

use super::audience::Owners;

/// An entry to be written.
#[derive(Debug)]
pub(crate) struct NewEntry {
    pub(crate) at: Timestamp,
    pub(crate) event_type: String,
    pub(crate) subject: String,
    pub(crate) permission: Permission,
    pub(crate) owners: Owners,
    pub(crate) data: serde_json::Value,
}

/// An entry as it is told.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Its place: a client resumes behind it.
    pub(crate) id: i64,
    pub(crate) at: Timestamp,
    pub(crate) event_type: String,
    pub(crate) subject: String,
    /// `None` when a newer version wrote it: nobody sees it.
    pub(crate) permission: Option<Permission>,
    pub(crate) owners: Owners,
    pub(crate) data: Box<RawValue>,
}

/// What can be told: the entries behind `forgotten_to`, up to `last`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) forgotten_to: i64,
    pub(crate) last: i64,
}

/// Writes entries, in order and behind everything that was written before. Other
/// writers wait until this transaction has ended.
pub(crate) async fn record(tx: &mut Tx, entries: &[NewEntry]) -> Result<(), Error> {
    sqlx::query("select pg_advisory_xact_lock(hashtextextended('gateway.stream_entry', 0))")
        .execute(tx.conn())
        .await?;
    let now = tx.clock().now();
    let expected = entries.len() as u64;
    let written = sqlx::query(
        "insert into stream_entry (at, recorded_at, type, subject, permission, patient_id, practitioner_id, user_id, data)
         select e.at, $9, e.type, e.subject, e.permission, e.patient_id, e.practitioner_id, e.user_id, e.data
         from unnest($1::timestamptz[], $2::text[], $3::text[], $4::text[], $5::uuid[], $6::uuid[], $7::uuid[], $8::jsonb[])
              with ordinality as e (at, type, subject, permission, patient_id, practitioner_id, user_id, data, n)
         order by e.n",
    )
    .bind(column(entries, |entry| ts(entry.at)))
    .bind(column(entries, |entry| entry.event_type.as_str()))
    .bind(column(entries, |entry| entry.subject.as_str()))
    .bind(column(entries, |entry| entry.permission.name()))
    .bind(column(entries, |entry| entry.owners.patient.map(|id| id.uuid())))
    .bind(column(entries, |entry| entry.owners.practitioner.map(|id| id.uuid())))
    .bind(column(entries, |entry| entry.owners.user.map(|id| id.uuid())))
    .bind(column(entries, |entry| Json(&entry.data)))
    .bind(ts(now))
    .execute(tx.conn())
    .await?;
    Error::unless_rows("record stream entries", expected, written.rows_affected())
}

fn column<'e, T>(entries: &'e [NewEntry], of: impl Fn(&'e NewEntry) -> T) -> Vec<T> {
    entries.iter().map(of).collect()
}

/// The entries behind an id, at most so many.
pub(crate) async fn after(db: &Db, id: i64, limit: i64) -> Result<Vec<Entry>, Error> {
    let rows = sqlx::query(
        "select id, at, type, subject, permission, patient_id, practitioner_id, user_id, data::text as data
         from stream_entry where id > $1 order by id limit $2",
    )
    .bind(id)
    .bind(limit)
    .fetch_all(db.pool())
    .await?;
    rows.iter().map(entry).collect()
}

fn entry(row: &PgRow) -> Result<Entry, Error> {
    let permission = row.text("permission")?;
    Ok(Entry {
        id: row.col("id")?,
        at: row.instant("at")?,
        event_type: row.text("type")?,
        subject: row.text("subject")?,
        permission: Permission::ALL
            .iter()
            .copied()
            .find(|known| known.name() == permission),
        owners: Owners {
            patient: row.opt_id("patient_id")?,
            practitioner: row.opt_id("practitioner_id")?,
            user: row.opt_id("user_id")?,
        },
        data: RawValue::from_string(row.text("data")?).map_err(|_| Error::Inconsistent {
            column: "gateway.stream_entry.data",
        })?,
    })
}

/// What can be told now.
pub(crate) async fn bounds(db: &Db) -> Result<Bounds, Error> {
    let row = sqlx::query(
        "select forgotten_to, greatest(forgotten_to, (select max(id) from stream_entry)) as last from stream_horizon",
    )
    .fetch_one(db.pool())
    .await?;
    Ok(Bounds {
        forgotten_to: row.col("forgotten_to")?,
        last: row.col("last")?,
    })
}

/// Forgets what was told before an instant, and says how much that was. In the order
/// of ids, so that no gap arises behind the horizon.
pub(crate) async fn forget(db: &Db, before: Timestamp) -> Result<u64, Error> {
    let forgotten: i64 = sqlx::query_scalar(
        "with gone as (
             delete from stream_entry
             where id <= (select max(id) from stream_entry where recorded_at < $1)
             returning id
         ), moved as (
             update stream_horizon
             set forgotten_to = greatest(forgotten_to, (select max(id) from gone))
             where exists (select from gone)
         )
         select count(*) from gone",
    )
    .bind(ts(before))
    .fetch_one(db.pool())
    .await?;
    Ok(forgotten.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use galen_kernel::Clock;
    use galen_service::Service as _;
    use galen_testkit::TestDatabase;
    use jiff::SignedDuration;

    use super::*;
    use crate::Gateway;

    async fn open() -> (TestDatabase, Db, Clock) {
        let clock = Clock::manual("2026-11-02T08:00:00Z".parse().unwrap());
        let database = TestDatabase::new(
            galen_eventing::MIGRATIONS,
            &[],
            &[Gateway::SCHEMA],
            clock.clone(),
        )
        .await;
        let db = database.open("gateway").await;
        (database, db, clock)
    }

    fn about(subject: &str) -> NewEntry {
        NewEntry {
            at: Timestamp::UNIX_EPOCH,
            event_type: "galen.test.v1".to_owned(),
            subject: subject.to_owned(),
            permission: Permission::OpsRead,
            owners: Owners::default(),
            data: serde_json::json!({ "subject": subject }),
        }
    }

    async fn write(db: &Db, subjects: &[&str]) {
        let mut tx = db.begin().await.unwrap();
        let entries: Vec<NewEntry> = subjects.iter().map(|subject| about(subject)).collect();
        record(&mut tx, &entries).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn subjects(db: &Db) -> Vec<String> {
        after(db, 0, 100)
            .await
            .unwrap()
            .into_iter()
            .map(|entry| entry.subject)
            .collect()
    }

    #[tokio::test]
    async fn a_writer_waits_until_the_one_before_has_ended() {
        let (_database, db, _) = open().await;
        let mut first = db.begin().await.unwrap();
        record(&mut first, &[about("first")]).await.unwrap();
        let second = tokio::spawn({
            let db = db.clone();
            async move { write(&db, &["second"]).await }
        });
        let waiting =
            "select exists (select from pg_locks where locktype = 'advisory' and not granted)";
        while !second.is_finished()
            && !sqlx::query_scalar::<_, bool>(waiting)
                .fetch_one(db.pool())
                .await
                .unwrap()
        {
            tokio::task::yield_now().await;
        }
        assert!(
            !second.is_finished(),
            "a later id would be seen before an earlier one"
        );
        assert!(subjects(&db).await.is_empty());
        first.commit().await.unwrap();
        second.await.unwrap();
        assert_eq!(subjects(&db).await, ["first", "second"]);
    }

    #[tokio::test]
    async fn entries_keep_their_order_and_what_they_say() {
        let (_database, db, clock) = open().await;
        write(&db, &["b", "a"]).await;
        let mut entry = about("c");
        entry.at = clock.now();
        entry.owners = Owners {
            patient: Some(clock.id()),
            practitioner: Some(clock.id()),
            user: Some(clock.id()),
        };
        let mut tx = db.begin().await.unwrap();
        record(&mut tx, std::slice::from_ref(&entry)).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(subjects(&db).await, ["b", "a", "c"]);
        let read = after(&db, 0, 100).await.unwrap().pop().unwrap();
        assert_eq!(
            (read.at, read.owners, read.permission),
            (entry.at, entry.owners, Some(Permission::OpsRead))
        );
        assert_eq!(read.data.get(), "{\"subject\": \"c\"}");
        assert_eq!(after(&db, read.id - 1, 100).await.unwrap().len(), 1);
        assert_eq!(after(&db, 0, 2).await.unwrap().len(), 2);
    }

    #[tokio::test]
    async fn what_is_forgotten_leaves_a_horizon() {
        let (_database, db, clock) = open().await;
        assert_eq!(
            bounds(&db).await.unwrap(),
            Bounds {
                forgotten_to: 0,
                last: 0
            }
        );
        write(&db, &["old", "older"]).await;
        clock.advance(SignedDuration::from_hours(1));
        let cut = clock.now();
        write(&db, &["new"]).await;
        let newest = bounds(&db).await.unwrap().last;
        assert_eq!(forget(&db, cut).await.unwrap(), 2);
        assert_eq!(forget(&db, cut).await.unwrap(), 0);
        assert_eq!(
            bounds(&db).await.unwrap(),
            Bounds {
                forgotten_to: newest - 1,
                last: newest
            }
        );
        assert_eq!(subjects(&db).await, ["new"]);
        clock.advance(SignedDuration::from_hours(1));
        assert_eq!(forget(&db, clock.now()).await.unwrap(), 1);
        assert_eq!(
            bounds(&db).await.unwrap(),
            Bounds {
                forgotten_to: newest,
                last: newest
            },
            "though all is gone"
        );
    }
}
