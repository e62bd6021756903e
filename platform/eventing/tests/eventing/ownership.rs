//! E8: a former owner cannot commit; and partitions are shared and handed over.

use std::sync::Arc;
use std::time::Duration;

use galen_contracts::patients::v1::PatientRegistered;
use galen_eventing::{Delivery, Failure, Handle, Subscription};
use galen_storage::Tx;
use tokio::sync::Semaphore;

use crate::hospital::{Hospital, Recorder, Runs, record, until};

const GROUP: &str = "notifications.owned";

/// Applies its event and then stops in the middle of the transaction.
struct Sleeper {
    reached: Semaphore,
    go_on: Semaphore,
}

impl Handle<PatientRegistered> for Sleeper {
    async fn handle(
        &self,
        tx: &mut Tx,
        delivery: Delivery<PatientRegistered>,
    ) -> Result<(), Failure> {
        record(tx, GROUP, &delivery.meta, 1).await?;
        self.reached.add_permits(1);
        self.go_on.acquire().await.expect("open").forget();
        Ok(())
    }
}

#[tokio::test]
async fn a_zombie_does_not_commit() {
    let hospital = Hospital::new().await;
    let sleeper = Arc::new(Sleeper {
        reached: Semaphore::new(0),
        go_on: Semaphore::new(0),
    });
    let mut backbone = hospital.backbone();
    backbone.subscribe(
        &hospital.notifications,
        Subscription::new(GROUP, Arc::clone(&sleeper))
            .on::<PatientRegistered>()
            .build(),
    );
    let zombie = Runs::start(backbone);
    hospital.register(&["a"]).await;
    sleeper.reached.acquire().await.unwrap().forget();

    let mut backbone = hospital.backbone().exclusive();
    backbone.subscribe(
        &hospital.notifications,
        Subscription::new(GROUP, Recorder::new(GROUP))
            .on::<PatientRegistered>()
            .build(),
    );
    let successor = Runs::start(backbone);
    successor.settle().await;
    assert_eq!(hospital.effects(GROUP).await.len(), 1);
    sleeper.go_on.add_permits(1000);
    zombie.stop().await;
    assert_eq!(hospital.effects(GROUP).await.len(), 1, "E4, E8");
    successor.stop().await;
}

/// The negative control: the same story with a cursor that is set and not compared.
#[tokio::test]
async fn without_compare_and_set_a_zombie_applies_twice() {
    let hospital = Hospital::new().await;
    let admin = hospital.admin().await;
    sqlx::query("create table public.naive_cursor (off bigint not null)")
        .execute(&admin)
        .await
        .unwrap();
    sqlx::query("insert into public.naive_cursor values (0)")
        .execute(&admin)
        .await
        .unwrap();
    let apply = "insert into notifications.effect (grp, event, part, off, key, version, attempt)
                 values ('naive', gen_random_uuid(), 0, 1, 'a', 1, 1)";
    let mut zombie = admin.begin().await.unwrap();
    sqlx::query(apply).execute(&mut *zombie).await.unwrap();
    let mut successor = admin.begin().await.unwrap();
    sqlx::query(apply).execute(&mut *successor).await.unwrap();
    sqlx::query("update public.naive_cursor set off = 1")
        .execute(&mut *successor)
        .await
        .unwrap();
    successor.commit().await.unwrap();
    sqlx::query("update public.naive_cursor set off = 1")
        .execute(&mut *zombie)
        .await
        .unwrap();
    zombie.commit().await.unwrap();
    assert_eq!(
        hospital.effects("naive").await.len(),
        2,
        "the checker of E4 must see this"
    );
}

#[tokio::test]
async fn processes_share_partitions_and_hand_them_over() {
    let hospital = Hospital::new().await;
    let start = || {
        let mut backbone = hospital.backbone();
        backbone.subscribe(
            &hospital.notifications,
            Subscription::new(GROUP, Recorder::new(GROUP))
                .on::<PatientRegistered>()
                .build(),
        );
        Runs::start(backbone)
    };
    let owners = || {
        hospital.count(
            "select count(distinct owner) from events.cursor where grp = 'notifications.owned'",
        )
    };
    let orphans = || {
        hospital.count("select count(*) from events.cursor where grp = 'notifications.owned' and owner is null")
    };
    let first = start();
    until("one owns all", || async { orphans().await == 0 }).await;
    let second = start();
    until("both own some", || async {
        owners().await == 2 && orphans().await == 0
    })
    .await;
    hospital
        .register(&["a", "b", "c", "d", "e", "f", "g", "h"])
        .await;
    second.settle().await;
    let before = tokio::time::Instant::now();
    first.stop().await;
    until("one owns all again", || async {
        owners().await == 1 && orphans().await == 0
    })
    .await;
    assert!(
        before.elapsed() < Duration::from_secs(4),
        "what is given back is taken before the lease ends"
    );
    hospital
        .register(&["a", "b", "c", "d", "e", "f", "g", "h"])
        .await;
    second.settle().await;
    assert_eq!(hospital.effects(GROUP).await.len(), 16);
    second.stop().await;
}
