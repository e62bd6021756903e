//! Waiting until nothing is left to do, for tests.

use std::sync::Arc;
use std::time::Duration;

use galen_storage::Error;

use crate::Operations;
use crate::backbone::{Phase, Ready, Shared};
use crate::log::{self, Head, ts};

/// How often it looks without being told that something was applied.
const LOOK: Duration = Duration::from_millis(10);

/// The backbone's parts, once the database has been asked for them.
pub(crate) async fn ready(shared: &Shared) -> Result<Arc<Ready>, Error> {
    let mut phase = shared.phase.subscribe();
    loop {
        let now = phase.borrow_and_update().clone();
        match now {
            Phase::Ready(ready) => return Ok(ready),
            Phase::Refused => {
                return Err(Error::Inconsistent {
                    column: "events.topic_right",
                });
            }
            Phase::Starting => {}
        }
        // The sender lives in `shared`.
        if phase.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Waits until everything is applied and nothing is due.
pub(crate) async fn settle(shared: &Shared, operations: &Operations) -> Result<(), Error> {
    let ready = ready(shared).await?;
    loop {
        let progress = shared.progress.notified();
        if is_quiet(shared, &ready, operations).await? {
            return Ok(());
        }
        shared.alarm.notify_one();
        shared.lanes.notify_one();
        tokio::select! {
            () = progress => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

/// Everything that has an offset is applied; then no timer and no lane is due; then
/// still nothing new was published. In this order, because what is in flight shows in
/// the next of them until it shows in the one after.
async fn is_quiet(shared: &Shared, ready: &Ready, operations: &Operations) -> Result<bool, Error> {
    let before = log::tick(&shared.events, -1).await?;
    if operations.unsequenced().await?.0 > 0
        || !all_applied(shared, ready).await?
        || something_due(shared).await?
    {
        return Ok(false);
    }
    let unsequenced = operations.unsequenced().await?.0 > 0;
    let after = log::tick(&shared.events, -1).await?;
    Ok(!unsequenced && sum(&before) == sum(&after))
}

fn sum(heads: &[Head]) -> i64 {
    heads.iter().map(|head| head.off).sum()
}

/// Whether the groups of this process are at the heads, here or elsewhere.
async fn all_applied(shared: &Shared, ready: &Ready) -> Result<bool, Error> {
    let names: Vec<&str> = shared.groups.iter().map(|group| group.name).collect();
    let behind: Vec<(String, i16, i16, i64)> = sqlx::query_as(
        "select c.grp, c.topic, c.part, h.off from cursor c join head h on h.topic = c.topic and h.part = c.part
         where c.grp = any ($1) and c.off < h.off",
    )
    .bind(names)
    .fetch_all(shared.events.pool())
    .await?;
    // What only passes by is not stored at once.
    Ok(behind.iter().all(|(group, topic, part, head)| {
        ready.slots.iter().any(|slot| {
            slot.group.name == group
                && slot.topic.id == *topic
                && slot.part == *part
                && slot.applied() >= *head
        })
    }))
}

/// In one statement: a visit to a lane may set a timer, and the other way round.
async fn something_due(shared: &Shared) -> Result<bool, Error> {
    let groups: Vec<&str> = shared.groups.iter().map(|group| group.name).collect();
    let (mut services, mut kinds, mut nows) = (Vec::new(), Vec::new(), Vec::new());
    for service in &shared.services {
        for kind in service.handlers.keys() {
            services.push(service.db.service());
            kinds.push(*kind);
            nows.push(ts(service.db.clock().now()));
        }
    }
    Ok(sqlx::query_scalar(
        "select exists (select from lane where state = 'retry' and grp = any ($1) and next_at <= clock_timestamp())
             or exists (select from timer t join unnest($2, $3, $4::timestamptz[]) as w (service, kind, now)
                        on t.service = w.service and t.kind = w.kind and t.next_at <= w.now)",
    )
    .bind(groups)
    .bind(services)
    .bind(kinds)
    .bind(nows)
    .fetch_one(shared.events.pool())
    .await?)
}
