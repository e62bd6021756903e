//! Every committed entry gets one place, whatever happens at once.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sqlx::types::Json;
use uuid::Uuid;

use crate::world::World;

#[tokio::test]
async fn an_entry_whose_transaction_is_open_is_placed_later_and_not_skipped() {
    let world = World::open().await;
    let slow = world.entry();
    let mut open = world.cards.begin().await.unwrap();
    sqlx::query("select audit.record($1)")
        .bind(Json([&slow]))
        .execute(open.conn())
        .await
        .unwrap();
    // Others commit after it drew its number, and are placed before it.
    for _ in 0..3 {
        world.record(5).await;
        assert_eq!(world.place().await, 5);
        assert_eq!(world.place().await, 0);
    }
    let overtaken = "select count(*) from entry e join leaf using (seq)
                     where e.seq > (select floor from progress)";
    assert_eq!(world.count(overtaken).await, 15, "it is still looked for");

    open.commit().await.unwrap();
    assert_eq!(world.place().await, 1);
    let last = format!(
        "select index from leaf join entry using (seq) where id = '{}'",
        slow.id
    );
    assert_eq!(world.count(&last).await, 15);

    // And once nothing is open, what is placed is not looked at again.
    world.record(1).await;
    let behind = "select (select max(seq) from entry) + 1 - floor from progress";
    let caught_up = async {
        while world.count(behind).await > 0 {
            world.place().await;
        }
    };
    // The other tests of this cluster have their transactions, too.
    tokio::time::timeout(Duration::from_secs(20), caught_up)
        .await
        .expect("in the end nothing is open");
    assert_eq!(world.verify().await.findings, Vec::<String>::new());
}

#[tokio::test]
async fn an_entry_that_was_rolled_back_leaves_no_gap() {
    let world = World::open().await;
    let mut undone = world.cards.begin().await.unwrap();
    sqlx::query("select audit.record($1)")
        .bind(Json([world.entry(), world.entry()]))
        .execute(undone.conn())
        .await
        .unwrap();
    world.record(2).await;
    undone.rollback().await.unwrap();
    world.record(2).await;
    assert_eq!(world.place().await, 4);
    let report = world.verify().await;
    assert_eq!((report.entries, report.findings), (4, Vec::new()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_at_once_every_committed_entry_is_placed_exactly_once() {
    const WRITERS: u64 = 8;
    const TURNS: u64 = 30;
    let world = Arc::new(World::open().await);
    let committed = Arc::new(Mutex::new(BTreeSet::<Uuid>::new()));
    let over = Arc::new(AtomicBool::new(false));

    let placers: Vec<_> = (0..2)
        .map(|_| {
            let (world, over) = (Arc::clone(&world), Arc::clone(&over));
            tokio::spawn(async move {
                while !over.load(Ordering::SeqCst) {
                    world.place().await;
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    let writers = (0..WRITERS).map(|writer| {
        let (world, committed) = (Arc::clone(&world), Arc::clone(&committed));
        tokio::spawn(async move {
            for turn in 0..TURNS {
                // Every mixture of long and short, of commit and rollback.
                let dice = (writer * 7 + turn * 13) % 12;
                let mut tx = world.cards.begin().await.unwrap();
                let mut ids = Vec::new();
                for _ in 0..=dice % 3 {
                    let entry = world.entry();
                    ids.push(entry.id);
                    sqlx::query("select audit.record($1)")
                        .bind(Json([entry]))
                        .execute(tx.conn())
                        .await
                        .unwrap();
                    tokio::time::sleep(Duration::from_millis(dice)).await;
                }
                if dice % 4 == 3 {
                    tx.rollback().await.unwrap();
                } else {
                    tx.commit().await.unwrap();
                    committed.lock().unwrap().extend(ids);
                }
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    over.store(true, Ordering::SeqCst);
    for placer in placers {
        placer.await.unwrap();
    }
    world.place().await;

    let placed: Vec<Uuid> = sqlx::query_scalar("select id from leaf join entry using (seq)")
        .fetch_all(&mut world.intruder().await)
        .await
        .unwrap();
    let committed = committed.lock().unwrap().clone();
    assert_eq!(placed.len(), committed.len());
    assert_eq!(placed.into_iter().collect::<BTreeSet<_>>(), committed);
    assert_eq!(world.verify().await.findings, Vec::<String>::new());
}

#[tokio::test]
async fn entries_are_added_in_the_callers_name_and_never_changed() {
    let world = World::open().await;
    world.record(1).await;
    world.place().await;
    let by = "select count(*) from entry where service = 'patients'";
    assert_eq!(world.count(by).await, 1);

    let refused = |outcome: Result<_, sqlx::Error>| {
        let error = outcome
            .map(|_: sqlx::postgres::PgQueryResult| ())
            .unwrap_err();
        error
            .as_database_error()
            .unwrap()
            .code()
            .unwrap()
            .into_owned()
    };
    for table in ["entry", "leaf", "subtree", "head", "mention"] {
        for sql in [format!("delete from {table}"), format!("truncate {table}")] {
            let sql = sqlx::AssertSqlSafe(sql);
            let own = sqlx::query(sql).execute(world.platform.db.pool()).await;
            assert_eq!(refused(own), "42501", "{table}");
        }
    }
    for sql in [
        "update entry set reason = null",
        "update leaf set hash = hash",
    ] {
        let own = sqlx::query(sql).execute(world.platform.db.pool()).await;
        assert_eq!(refused(own), "42501", "{sql}");
    }
    // Whoever takes the right is still refused.
    let sql = "grant update on entry to galen_audit; update entry set reason = null";
    let own = sqlx::raw_sql(sql).execute(world.platform.db.pool()).await;
    assert_eq!(refused(own), "42501");
    for sql in [
        "select * from audit.entry",
        "insert into audit.entry default values",
        "delete from audit.entry",
    ] {
        let other = sqlx::query(sql).execute(world.cards.pool()).await;
        assert_eq!(refused(other), "42501", "{sql}");
    }
}
