//! E1, E2, E3: no event lost, doubled or out of order, whatever writers and sequencers
//! go through; and the proof that the checker would notice.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use galen_contracts::Event as _;
use galen_contracts::patients::v1::PatientRegistered;
use galen_eventing::Operations;
use galen_storage::{Db, Error};
use prost::Message as _;
use uuid::Uuid;

use crate::hospital::{Hospital, Runs, registered, until};

const KEYS: usize = 12;

/// What a writer knows of its transactions.
#[derive(Default)]
struct Journal {
    committed: HashSet<Uuid>,
    aborted: HashSet<Uuid>,
}

/// What the log has of an event.
struct Row {
    id: Uuid,
    key: String,
    version: i64,
    seq: i64,
    xid: i64,
    slot: Option<(i16, i64)>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_event_is_lost_doubled_or_reordered() {
    let hospital = Hospital::new().await;
    let admin = hospital.admin().await;
    for key in 0..KEYS {
        sqlx::query("insert into patients.patient (id) values ($1)")
            .bind(key_name(key))
            .execute(&admin)
            .await
            .unwrap();
    }
    let sequencers = [
        Runs::start(hospital.backbone()),
        Runs::start(hospital.backbone()),
    ];
    let over = Arc::new(AtomicBool::new(false));

    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..8 {
        writers.spawn(write(hospital.patients.clone(), writer, Arc::clone(&over)));
    }
    let relay = tokio::spawn(seq_cursor_relay(hospital.events.clone(), Arc::clone(&over)));
    for _ in 0..40 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        // A backend of a writer or of a sequencer dies in the middle of whatever it does.
        sqlx::query(
            "select pg_terminate_backend(pid) from pg_stat_activity
             where datname = current_database() and usename in ('galen_patients', 'galen_events') and pid <> pg_backend_pid()
             order by random() limit 1",
        )
        .execute(&admin)
        .await
        .unwrap();
    }
    over.store(true, Ordering::Relaxed);
    let mut journal = Journal::default();
    while let Some(one) = writers.join_next().await {
        let one = one.unwrap();
        journal.committed.extend(one.committed);
        journal.aborted.extend(one.aborted);
    }
    let relayed = relay.await.unwrap();
    let operations = Operations::new(hospital.events.clone());
    until("everything has an offset", || async {
        operations
            .unsequenced()
            .await
            .is_ok_and(|(waiting, _)| waiting == 0)
    })
    .await;

    let rows = rows(&hospital).await;
    assert!(rows.len() > 300, "too little happened: {}", rows.len());
    assert_eq!(exactly_once(&journal, &rows), Vec::<String>::new(), "E1");
    assert_eq!(dense(&hospital, &rows).await, Vec::<String>::new(), "E2");
    let by_offset = |row: &Row| row.slot.map_or((0, 0), |(_, off)| (off, 0));
    assert_eq!(broken_steps(&rows, by_offset), 0, "E3");

    // Negative controls: ways of reading that look right and are not.
    let by_xid = |row: &Row| (row.xid, row.seq);
    assert!(
        broken_steps(&rows, by_xid) > 0,
        "order by (xid, seq) should break E3"
    );
    let lost = rows.iter().filter(|row| !relayed.contains(&row.id)).count();
    assert!(
        lost > 0,
        "a relay with a cursor over seq should lose events"
    );

    for sequencer in sequencers {
        sequencer.stop().await;
    }
}

fn key_name(key: usize) -> String {
    format!("patient-{key}")
}

/// Transactions of one or two keys: some take their xid long before the key, some
/// dawdle after publishing, some are rolled back, some lose their connection.
async fn write(db: Db, seed: u64, over: Arc<AtomicBool>) -> Journal {
    let mut journal = Journal::default();
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    while !over.load(Ordering::Relaxed) {
        let mut keys = vec![dice.roll(KEYS)];
        if dice.roll(4) == 0 {
            keys.push(dice.roll(KEYS));
        }
        keys.sort_unstable();
        keys.dedup();
        let ids: Vec<Uuid> = keys.iter().map(|_| db.clock().uuid()).collect();
        let commits = dice.roll(100) >= 15;
        match transaction(&db, &keys, &ids, &mut dice, commits).await {
            Ok(()) if commits => journal.committed.extend(ids),
            Ok(()) => journal.aborted.extend(ids),
            // The connection died: nobody knows whether before or after the commit.
            Err(_) => {}
        }
    }
    journal
}

async fn transaction(
    db: &Db,
    keys: &[usize],
    ids: &[Uuid],
    dice: &mut Dice,
    commits: bool,
) -> Result<(), Error> {
    let mut tx = db.begin().await?;
    if dice.roll(2) == 0 {
        sqlx::query("select pg_current_xact_id()")
            .execute(tx.conn())
            .await?;
        tokio::time::sleep(Duration::from_millis(dice.roll(12) as u64)).await;
    }
    let mut data = Vec::new();
    for key in keys {
        let version: i64 = sqlx::query_scalar(
            "update patient set version = version + 1 where id = $1 returning version",
        )
        .bind(key_name(*key))
        .fetch_one(tx.conn())
        .await?;
        data.push(registered(&key_name(*key), version).encode_to_vec());
    }
    sqlx::query("select events.publish($1, $2, $3, $4, array_fill('{}'::jsonb, array[cardinality($1)]), $5)")
        .bind(ids)
        .bind(vec!["patients"; keys.len()])
        .bind(keys.iter().map(|k| key_name(*k)).collect::<Vec<_>>())
        .bind(vec![PatientRegistered::TYPE.name; keys.len()])
        .bind(data)
        .execute(tx.conn())
        .await?;
    if dice.roll(3) == 0 {
        tokio::time::sleep(Duration::from_millis(dice.roll(8) as u64)).await;
    }
    if commits {
        tx.commit().await
    } else {
        tx.rollback().await
    }
}

/// Reads on from the highest number seen, as many an outbox does.
async fn seq_cursor_relay(events: Db, over: Arc<AtomicBool>) -> HashSet<Uuid> {
    let mut seen = HashSet::new();
    let mut cursor = 0i64;
    while !over.load(Ordering::Relaxed) {
        let rows: Result<Vec<(i64, Uuid)>, _> =
            sqlx::query_as("select seq, id from event where seq > $1 order by seq")
                .bind(cursor)
                .fetch_all(events.pool())
                .await;
        for (seq, id) in rows.unwrap_or_default() {
            cursor = seq;
            seen.insert(id);
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // Everything above the cursor it would still find.
    loop {
        let rest: Result<Vec<Uuid>, _> = sqlx::query_scalar("select id from event where seq > $1")
            .bind(cursor)
            .fetch_all(events.pool())
            .await;
        // The last backend that was ended may have been this one's.
        if let Ok(rest) = rest {
            seen.extend(rest);
            return seen;
        }
    }
}

async fn rows(hospital: &Hospital) -> Vec<Row> {
    type Raw = (Uuid, String, Vec<u8>, i64, i64, Option<i16>, Option<i64>);
    let rows: Vec<Raw> = sqlx::query_as(
        "select e.id, e.key, e.data, e.seq, e.xid::text::bigint, l.part, l.off from event e left join log l on l.seq = e.seq",
    )
    .fetch_all(hospital.events.pool())
    .await
    .unwrap();
    rows.into_iter()
        .map(|(id, key, data, seq, xid, part, off)| Row {
            id,
            key,
            version: PatientRegistered::decode(data.as_slice())
                .unwrap()
                .mrn
                .parse()
                .unwrap(),
            seq,
            xid,
            slot: part.zip(off),
        })
        .collect()
}

fn exactly_once(journal: &Journal, rows: &[Row]) -> Vec<String> {
    let mut times: HashMap<Uuid, usize> = HashMap::new();
    for row in rows.iter().filter(|row| row.slot.is_some()) {
        *times.entry(row.id).or_default() += 1;
    }
    let missing = journal
        .committed
        .iter()
        .filter(|id| !times.contains_key(id))
        .map(|id| format!("lost {id}"));
    let ghosts = journal
        .aborted
        .iter()
        .filter(|id| times.contains_key(id))
        .map(|id| format!("ghost {id}"));
    let doubles = times
        .iter()
        .filter(|(_, n)| **n > 1)
        .map(|(id, _)| format!("doubled {id}"));
    let unsequenced = rows
        .iter()
        .filter(|row| row.slot.is_none())
        .map(|row| format!("no offset {}", row.id));
    missing
        .chain(ghosts)
        .chain(doubles)
        .chain(unsequenced)
        .collect()
}

async fn dense(hospital: &Hospital, rows: &[Row]) -> Vec<String> {
    let heads: Vec<(i16, i64)> = sqlx::query_as(
        "select h.part, h.off from head h join topic t on t.id = h.topic where t.name = 'patients'",
    )
    .fetch_all(hospital.events.pool())
    .await
    .unwrap();
    let mut offsets: BTreeMap<i16, Vec<i64>> = BTreeMap::new();
    for (part, off) in rows.iter().filter_map(|row| row.slot) {
        offsets.entry(part).or_default().push(off);
    }
    heads
        .into_iter()
        .filter_map(|(part, head)| {
            let mut found = offsets.remove(&part).unwrap_or_default();
            found.sort_unstable();
            (!found.iter().copied().eq(1..=head))
                .then(|| format!("partition {part} is not 1..={head}"))
        })
        .collect()
}

/// Along each key, in the given order, the version must rise by one.
fn broken_steps<O: Ord>(rows: &[Row], order: impl Fn(&Row) -> O) -> usize {
    let mut by_key: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        by_key.entry(&row.key).or_default().push(row);
    }
    by_key
        .into_values()
        .map(|mut rows| {
            rows.sort_by_key(|row| order(row));
            rows.iter()
                .zip(1..)
                .filter(|(row, expected)| row.version != *expected)
                .count()
        })
        .sum()
}

/// Xorshift: the same faults for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).unwrap()
    }
}

#[tokio::test]
async fn after_a_restore_the_chain_is_anchored_anew() {
    let hospital = Hospital::new().await;
    hospital.register(&["a", "b"]).await;
    let admin = hospital.admin().await;
    // As if the dump came from another cluster, where more had happened.
    sqlx::query("update events.tick set system = system + 1, snap = '900000:900000:'")
        .execute(&admin)
        .await
        .unwrap();
    let refused = sqlx::query("select * from events.tick(0)")
        .execute(hospital.events.pool())
        .await
        .unwrap_err();
    assert!(
        refused.to_string().contains("events.reanchor()"),
        "{refused}"
    );

    let moved: i64 = sqlx::query_scalar("select events.reanchor()")
        .fetch_one(hospital.events.pool())
        .await
        .unwrap();
    assert_eq!(moved, 2);
    sqlx::query("update events.event set xid = '1000000'")
        .execute(&admin)
        .await
        .unwrap();
    hospital.register(&["a"]).await;
    for _ in 0..2 {
        sqlx::query("select * from events.tick(0)")
            .execute(hospital.events.pool())
            .await
            .unwrap();
    }
    let (sequenced, distinct): (i64, i64) =
        sqlx::query_as("select count(*), count(distinct seq) from log")
            .fetch_one(hospital.events.pool())
            .await
            .unwrap();
    assert_eq!((sequenced, distinct), (3, 3));
}
