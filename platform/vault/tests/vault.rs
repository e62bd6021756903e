//! The vault on a real PostgreSQL: keys are made once, masters are replaced while
//! everybody works, and who was erased stays erased.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::future::try_join_all;
use galen_kernel::Clock;
use galen_storage::{Db, Migration, SchemaSpec};
use galen_testkit::TestDatabase;
use galen_vault::column::Place;
use galen_vault::{
    Column, DATA_KEYS, DataKey, Error, FileKeys, MasterKeys, MemoryKeys, Ring, Sealed,
    SealedColumn, Subject, Vault, check, reseal, rotate,
};
use sqlx::Row as _;
use uuid::Uuid;

const NOTES: SchemaSpec = SchemaSpec {
    service: "notes",
    migrations: &[
        DATA_KEYS,
        Migration {
            name: "0001_note",
            sql: "create table note (id uuid primary key, patient uuid not null, body bytea not null)",
        },
    ],
    subscribes: &[],
};

const BODY: Column<String> = Column::new("notes", "note", "body");

const SEALED: SealedColumn = SealedColumn {
    place: BODY.place(),
    row: "id",
    subject: "t.patient",
};

struct World {
    database: TestDatabase,
    db: Db,
    masters: Arc<dyn MasterKeys>,
    vault: Vault,
    clock: Clock,
}

impl World {
    async fn open() -> Self {
        Self::with(Arc::new(MemoryKeys::new(Ring::random()))).await
    }

    async fn with(masters: Arc<dyn MasterKeys>) -> Self {
        let clock = Clock::system();
        let database = TestDatabase::new(&[], &[], &[NOTES], clock.clone()).await;
        let db = database.open("notes").await;
        let vault = Vault::open(&db, Arc::clone(&masters))
            .await
            .expect("opened");
        Self {
            database,
            db,
            masters,
            vault,
            clock,
        }
    }

    /// The same database in another process.
    async fn elsewhere(&self) -> Vault {
        let db = self.database.open("notes").await;
        Vault::open(&db, Arc::clone(&self.masters))
            .await
            .expect("opened")
    }

    async fn write(&self, vault: &Vault, patient: Uuid, text: &str) -> Result<Uuid, Error> {
        let id = self.clock.uuid();
        let mut tx = self.db.pool().begin().await?;
        let key = vault.key_of(&mut tx, patient).await?;
        let body = key.seal(&BODY, id, &text.to_owned())?;
        sqlx::query("insert into note (id, patient, body) values ($1, $2, $3)")
            .bind(id)
            .bind(patient)
            .bind(body)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(id)
    }

    async fn read(&self, vault: &Vault, id: Uuid) -> Result<String, Error> {
        let mut connection = self.db.pool().acquire().await?;
        let row = sqlx::query("select patient, body from note where id = $1")
            .bind(id)
            .fetch_one(&mut *connection)
            .await?;
        let body: Sealed<String> = row.try_get("body")?;
        let ring = vault.keyring(&mut connection, [&body]).await?;
        let patient: Uuid = row.try_get("patient")?;
        Ok(ring.open(&BODY, patient, id, &body)?.into_inner())
    }

    async fn run(&self, sql: &'static str) {
        sqlx::query(sql)
            .execute(self.db.pool())
            .await
            .expect("the owner may");
    }

    async fn keys(&self) -> i64 {
        sqlx::query_scalar("select count(*) from data_key")
            .fetch_one(self.db.pool())
            .await
            .expect("counted")
    }

    async fn broken(&self) -> usize {
        let values = check::without_key(&self.db, &SEALED, 20)
            .await
            .expect("asked");
        let masters = check::missing_masters(&self.db, &*self.masters)
            .await
            .expect("asked");
        values.len() + masters.len()
    }
}

#[tokio::test]
async fn what_is_written_is_read_and_not_stored() {
    let world = World::open().await;
    let patient = world.clock.uuid();
    let id = world
        .write(&world.vault, patient, "a canary sings")
        .await
        .expect("written");
    assert_eq!(
        world.read(&world.vault, id).await.expect("read"),
        "a canary sings"
    );
    let elsewhere = world.elsewhere().await;
    assert_eq!(
        world.read(&elsewhere, id).await.expect("read"),
        "a canary sings"
    );
    let stored: Vec<u8> = sqlx::query_scalar("select body from note")
        .fetch_one(world.db.pool())
        .await
        .expect("stored");
    assert!(!stored.windows(6).any(|part| part == b"canary"));
    assert_eq!(world.broken().await, 0);
}

#[tokio::test]
async fn what_is_moved_between_rows_or_subjects_does_not_open() {
    let world = World::open().await;
    let (anna, karl) = (world.clock.uuid(), world.clock.uuid());
    let first = world
        .write(&world.vault, anna, "first")
        .await
        .expect("written");
    world
        .write(&world.vault, anna, "second")
        .await
        .expect("written");
    world
        .run("update note n set body = o.body from note o where o.id <> n.id")
        .await;
    let moved = world.read(&world.vault, first).await;
    assert!(matches!(moved, Err(Error::Refused(_))), "{moved:?}");
    let third = world
        .write(&world.vault, karl, "third")
        .await
        .expect("written");
    world
        .run("update note set patient = (select patient from note order by id limit 1)")
        .await;
    let taken = world.read(&world.vault, third).await;
    assert!(matches!(taken, Err(Error::OtherSubject(_))), "{taken:?}");
    assert_eq!(world.broken().await, 1, "verify sees it as well");
}

#[tokio::test]
async fn plaintext_in_a_sealed_column_is_refused_and_found() {
    let world = World::open().await;
    let id = world
        .write(&world.vault, world.clock.uuid(), "x")
        .await
        .expect("written");
    world
        .run("update note set body = convert_to('\"plain\"', 'UTF8')")
        .await;
    let read = world.read(&world.vault, id).await;
    assert!(matches!(read, Err(Error::NotSealed(_))), "{read:?}");
    assert_eq!(world.broken().await, 1);
}

#[tokio::test]
async fn a_lost_data_key_is_an_error_and_found() {
    let world = World::open().await;
    let id = world
        .write(&world.vault, world.clock.uuid(), "x")
        .await
        .expect("written");
    world.run("delete from data_key").await;
    let read = world.read(&world.elsewhere().await, id).await;
    assert!(matches!(read, Err(Error::UnknownKey(_))), "{read:?}");
    assert_eq!(world.broken().await, 1);
}

#[tokio::test]
async fn writers_at_once_make_one_key() {
    let world = World::open().await;
    let patient = world.clock.uuid();
    let elsewhere = world.elsewhere().await;
    // As many transactions as the pool has connections.
    let writers = (0..16).map(|n| {
        let vault = if n % 2 == 0 { &world.vault } else { &elsewhere };
        world.write(vault, patient, "x")
    });
    let ids = try_join_all(writers).await.expect("all are written");
    assert_eq!(world.keys().await, 1);
    for id in ids {
        assert_eq!(world.read(&world.vault, id).await.expect("read"), "x");
    }
}

#[tokio::test]
async fn a_key_outlives_the_transaction_that_needed_it_first() {
    let world = World::open().await;
    let patient = world.clock.uuid();
    let mut tx = world.db.pool().begin().await.expect("a transaction");
    world.vault.key_of(&mut tx, patient).await.expect("a key");
    tx.rollback().await.expect("undone");
    let id = world
        .write(&world.vault, patient, "x")
        .await
        .expect("written");
    assert_eq!(
        world
            .read(&world.elsewhere().await, id)
            .await
            .expect("read"),
        "x"
    );
}

#[tokio::test]
async fn a_new_data_key_leaves_the_old_readable() {
    let world = World::open().await;
    let patient = world.clock.uuid();
    let old = world
        .write(&world.vault, patient, "old")
        .await
        .expect("written");
    world.vault.rotate(patient).await.expect("rotated");
    let new = world
        .write(&world.vault, patient, "new")
        .await
        .expect("written");
    assert_eq!(world.keys().await, 2);
    let elsewhere = world.elsewhere().await;
    for vault in [&world.vault, &elsewhere] {
        assert_eq!(world.read(vault, old).await.expect("read"), "old");
        assert_eq!(world.read(vault, new).await.expect("read"), "new");
    }
    let keys: i64 = sqlx::query_scalar("select count(distinct substr(body, 2, 16)) from note")
        .fetch_one(world.db.pool())
        .await
        .expect("counted");
    assert_eq!(keys, 2);
}

#[tokio::test]
async fn who_was_erased_is_neither_read_nor_written_again() {
    let world = World::open().await;
    let (anna, karl, nobody) = (world.clock.uuid(), world.clock.uuid(), world.clock.uuid());
    let gone = world.write(&world.vault, anna, "x").await.expect("written");
    let kept = world.write(&world.vault, karl, "y").await.expect("written");
    world.vault.erase(anna).await.expect("erased");
    world
        .vault
        .erase(nobody)
        .await
        .expect("erased before there was a key");
    world.vault.erase(anna).await.expect("erased again");
    let elsewhere = world.elsewhere().await;
    for vault in [&world.vault, &elsewhere] {
        assert!(matches!(world.read(vault, gone).await, Err(Error::Erased)));
        assert_eq!(world.read(vault, kept).await.expect("read"), "y");
        for subject in [anna, nobody] {
            let written = world.write(vault, subject, "z").await;
            assert!(matches!(written, Err(Error::Erased)), "{written:?}");
            assert!(matches!(vault.rotate(subject).await, Err(Error::Erased)));
        }
    }
    assert_eq!(world.broken().await, 0, "erased is not lost");
}

#[tokio::test]
async fn erasing_and_a_first_write_at_once_leave_no_key() {
    let world = World::open().await;
    for _ in 0..20 {
        let patient = world.clock.uuid();
        let (written, erased) = futures::join!(
            world.write(&world.vault, patient, "x"),
            world.vault.erase(patient)
        );
        erased.expect("erased");
        assert!(matches!(written, Ok(_) | Err(Error::Erased)), "{written:?}");
    }
    let left: i64 = sqlx::query_scalar("select count(*) from data_key where wrapped is not null")
        .fetch_one(world.db.pool())
        .await
        .expect("counted");
    assert_eq!(left, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn masters_are_replaced_while_everybody_reads_and_writes() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("vault-keys");
    let file = || Arc::new(FileKeys::open_or_create(&path).expect("the file"));
    let world = Arc::new(World::with(file()).await);
    // A tool with its own view of file and database.
    let tool = file();
    let tool_db = world.database.open("notes").await;
    let first = world.masters.ids().await.expect("names");
    let stop = Arc::new(AtomicBool::new(false));
    let workers: Vec<_> = (0..4)
        .map(|_| {
            let (world, stop) = (Arc::clone(&world), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut written = Vec::new();
                while !stop.load(Ordering::Relaxed) || written.len() < 5 {
                    // A new patient each, so that keys are made all the time.
                    let id = world.write(&world.vault, world.clock.uuid(), "x").await?;
                    world.read(&world.vault, id).await?;
                    written.push(id);
                }
                Ok::<_, Error>(written)
            })
        })
        .collect();
    for _ in 0..5 {
        tool.rotate().await.expect("a new master");
        rotate::rewrap(&tool_db, &*tool, |_| {})
            .await
            .expect("wrapped anew");
        rotate::forget_unused(std::slice::from_ref(&tool_db), &*tool)
            .await
            .expect("forgotten");
    }
    stop.store(true, Ordering::Relaxed);
    let mut written = Vec::new();
    for worker in workers {
        written.extend(
            worker
                .await
                .expect("no panic")
                .expect("nobody is disturbed"),
        );
    }
    rotate::rewrap(&tool_db, &*tool, |_| {})
        .await
        .expect("wrapped anew");
    rotate::forget_unused(std::slice::from_ref(&tool_db), &*tool)
        .await
        .expect("forgotten");
    let last = tool.ids().await.expect("names");
    assert_eq!(last.len(), 1);
    assert_ne!(last, first);
    assert_eq!(
        rotate::usage(&world.db).await.expect("asked"),
        [(last[0].clone(), written.len() as i64)]
    );
    // With nothing remembered, through the new master only.
    let fresh = Vault::open(&world.db, file()).await.expect("opened");
    for id in written {
        assert_eq!(world.read(&fresh, id).await.expect("read"), "x");
    }
}

#[tokio::test]
async fn an_interrupted_rotation_is_gone_on_with() {
    let world = World::open().await;
    for _ in 0..450 {
        let mut connection = world.db.pool().acquire().await.expect("a connection");
        let patient = world.clock.uuid();
        world
            .vault
            .key_of(&mut connection, patient)
            .await
            .expect("a key");
    }
    world.masters.rotate().await.expect("a new master");
    // The progress is dropped in the middle, as by a killed tool.
    let seen = AtomicBool::new(false);
    let interrupted = futures::future::select(
        Box::pin(rotate::rewrap(&world.db, &*world.masters, |_| {
            seen.store(true, Ordering::Relaxed);
        })),
        Box::pin(futures::future::poll_fn(|cx| {
            cx.waker().wake_by_ref();
            if seen.load(Ordering::Relaxed) {
                std::task::Poll::Ready(())
            } else {
                std::task::Poll::Pending
            }
        })),
    );
    drop(interrupted.await);
    let kept = rotate::forget_unused(std::slice::from_ref(&world.db), &*world.masters).await;
    assert_eq!(kept.expect("asked"), [], "the old master is still needed");
    let mut steps = Vec::new();
    let rest = rotate::rewrap(&world.db, &*world.masters, |done| steps.push(done))
        .await
        .expect("the rest");
    assert!((1..450).contains(&rest), "{rest}");
    assert_eq!(steps.last(), Some(&rest));
    let forgotten = rotate::forget_unused(std::slice::from_ref(&world.db), &*world.masters).await;
    assert_eq!(forgotten.expect("forgotten").len(), 1);
    assert_eq!(world.broken().await, 0);
}

#[tokio::test]
async fn without_its_masters_a_vault_does_not_open() {
    let world = World::open().await;
    world
        .write(&world.vault, world.clock.uuid(), "x")
        .await
        .expect("written");
    let others: Arc<dyn MasterKeys> = Arc::new(MemoryKeys::new(Ring::random()));
    let refused = Vault::open(&world.db, Arc::clone(&others)).await.err();
    assert!(matches!(
        refused,
        Some(Error::MastersMissing {
            schema: "notes",
            ..
        })
    ));
    let missing = check::missing_masters(&world.db, &*others).await;
    assert_eq!(missing.expect("asked").len(), 1);
}

#[test]
fn a_place_is_named_in_full() {
    let Place {
        schema,
        table,
        column,
    } = BODY.place();
    assert_eq!(
        BODY.place().to_string(),
        format!("{schema}.{table}.{column}")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn data_keys_are_replaced_while_everybody_reads_and_writes() {
    let world = Arc::new(World::open().await);
    let patients: Vec<Uuid> = (0..250).map(|_| world.clock.uuid()).collect();
    let mut notes = Vec::new();
    for patient in &patients {
        let id = world.write(&world.vault, *patient, "before").await;
        notes.push((id.expect("written"), "before"));
    }
    world.vault.erase(patients[0]).await.expect("erased");
    let (gone, _) = notes.remove(0);
    // A tool, in another process than the one that writes on with the keys it knows.
    let tool = world.elsewhere().await;
    let stop = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn({
        let (world, stop, patients) = (Arc::clone(&world), Arc::clone(&stop), patients.clone());
        async move {
            let mut written = Vec::new();
            for patient in patients.iter().skip(1).cycle() {
                let id = world.write(&world.vault, *patient, "during").await?;
                assert_eq!(world.read(&world.vault, id).await?, "during");
                written.push((id, "during"));
                if stop.load(Ordering::Relaxed) {
                    return Ok(written);
                }
            }
            Ok::<_, Error>(written)
        }
    });
    let mut steps = Vec::new();
    let renewed = reseal::renew(&world.db, &tool, |done| steps.push(done)).await;
    assert_eq!(renewed.expect("renewed"), 249);
    assert_eq!(steps, [200, 249], "who was erased gets no key");
    let sealed = reseal::reseal(&world.db, &tool, &SEALED, |_| {}).await;
    assert!(sealed.expect("sealed anew") >= 249);
    stop.store(true, Ordering::Relaxed);
    notes.extend(
        writer
            .await
            .expect("no panic")
            .expect("nobody is disturbed"),
    );
    // What was written with remembered keys is found and done as well.
    reseal::reseal(&world.db, &tool, &SEALED, |_| {})
        .await
        .expect("the rest");
    let left = reseal::outdated(&world.db, &SEALED).await.expect("counted");
    assert_eq!((left.values, left.outdated), (notes.len() as i64 + 1, 0));
    assert_eq!(world.broken().await, 0);
    let fresh = world.elsewhere().await;
    for (id, text) in notes {
        assert_eq!(world.read(&fresh, id).await.expect("read"), text);
        assert_eq!(world.read(&world.vault, id).await.expect("read"), text);
    }
    assert!(matches!(world.read(&fresh, gone).await, Err(Error::Erased)));
}

#[tokio::test]
async fn a_value_that_was_moved_is_not_sealed_anew() {
    let world = World::open().await;
    let patient = world.clock.uuid();
    for text in ["first", "second"] {
        world
            .write(&world.vault, patient, text)
            .await
            .expect("written");
    }
    world
        .run("update note n set body = o.body from note o where o.id <> n.id")
        .await;
    world.vault.rotate(patient).await.expect("a new key");
    let refused = reseal::reseal(&world.db, &world.vault, &SEALED, |_| {}).await;
    assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
}

#[tokio::test]
async fn a_range_of_subjects_is_erased() {
    let world = World::open().await;
    let [first, second, third] = [1, 2, 3].map(Uuid::from_u128);
    let mut ids = Vec::new();
    for subject in [first, second, third] {
        let id = world.write(&world.vault, subject, "x").await;
        ids.push(id.expect("written"));
    }
    let erased = world.vault.erase_range(first..third).await;
    assert_eq!(erased.expect("erased"), 2);
    let fresh = world.elsewhere().await;
    for id in &ids[..2] {
        assert!(matches!(world.read(&fresh, *id).await, Err(Error::Erased)));
    }
    assert_eq!(world.read(&fresh, ids[2]).await.expect("read"), "x");
}

#[tokio::test]
async fn keys_of_many_are_the_keys_of_each() {
    let world = World::open().await;
    let subjects: Vec<Subject> = (0..450).map(|_| world.clock.uuid().into()).collect();
    let mut connection = world.db.pool().acquire().await.expect("a connection");
    let first = world
        .vault
        .key_of(&mut connection, subjects[7])
        .await
        .expect("a key");
    let (here, there) = (&world.vault, &world.elsewhere().await);
    let mut other = world.db.pool().acquire().await.expect("a connection");
    let (keys, same) = tokio::join!(
        here.keys_of(&mut connection, &subjects),
        there.keys_of(&mut other, &subjects)
    );
    let ids = |keys: Result<Vec<Arc<DataKey>>, Error>| -> Vec<Uuid> {
        keys.expect("keys").iter().map(|key| key.id()).collect()
    };
    let (keys, same) = (ids(keys), ids(same));
    assert_eq!(keys, same, "made once, whoever was first");
    assert_eq!((keys.len(), keys[7]), (450, first.id()));
    assert_eq!(world.keys().await, 450);

    world.vault.erase(subjects[9]).await.expect("erased");
    let refused = world.vault.keys_of(&mut connection, &subjects).await;
    assert!(matches!(refused, Err(Error::Erased)));
}
