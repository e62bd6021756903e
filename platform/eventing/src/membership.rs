//! Membership: which processes run, and which of them works on which partition.
//!
//! Every process says that it lives, once a second, in one row. Partitions are shared
//! among the living that have the group by rendezvous hashing: each process finds by
//! itself what is its own, claims what nobody owns, and gives back what has become
//! another's. A claim raises the epoch, so that a former owner who was only asleep
//! cannot commit.

use std::sync::Arc;
use std::time::Duration;

use galen_storage::{Db, Error};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_64;

use crate::measure;
use crate::operations::Operations;
use crate::slot::{Grant, Ownership, Slot};

/// How often a process says that it lives.
const BEAT: Duration = Duration::from_secs(1);

/// How long it is believed: the time until somebody takes over from a dead process.
const LEASE: Duration = Duration::from_secs(5);

/// Every how many beats the gauges of operators are set.
const GAUGES: u64 = 10;

/// Assigns this process's slots.
pub(crate) struct Membership {
    pub(crate) events: Db,
    pub(crate) me: Uuid,
    pub(crate) slots: Arc<[Arc<Slot>]>,
    /// There is no other process, whatever the tables say.
    pub(crate) exclusive: bool,
    /// Told whether this is the only one.
    pub(crate) alone: watch::Sender<bool>,
}

/// A running process and the groups it has.
struct Member {
    instance: Uuid,
    groups: Vec<String>,
}

impl Membership {
    /// Runs until `stop`.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let operations = Operations::new(self.events.clone());
        let mut beat = tokio::time::interval(BEAT);
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut failing = false;
        let mut count: u64 = 0;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = beat.tick() => {}
            }
            match self.beat(self.exclusive && count == 0).await {
                Ok(()) => {
                    if count % GAUGES == 1
                        && let Ok(lag) = operations.lag().await
                    {
                        measure::record(&lag);
                    }
                    failing = false;
                    count += 1;
                }
                Err(error) => {
                    if !failing {
                        tracing::warn!(
                            error = &error as &dyn std::error::Error,
                            "cannot say that this process lives"
                        );
                    }
                    failing = true;
                }
            }
        }
    }

    async fn beat(&self, take_over: bool) -> Result<(), Error> {
        if take_over {
            sqlx::query("delete from member")
                .execute(self.events.pool())
                .await?;
        }
        let members = self.say_alive().await?;
        self.alone.send_replace(members.len() <= 1);
        let mut wanted = Vec::new();
        for slot in self.slots.iter() {
            let mine = winner(slot, &members) == Some(self.me);
            match slot.ownership() {
                Ownership::None if mine => wanted.push(slot),
                Ownership::Held(_) if mine => {}
                Ownership::Held(grant) => {
                    slot.set_ownership(Ownership::Leaving(grant));
                }
                Ownership::None | Ownership::Leaving(_) => {}
            }
        }
        if !wanted.is_empty() {
            self.claim(&wanted, take_over).await?;
        }
        Ok(())
    }

    async fn say_alive(&self) -> Result<Vec<Member>, Error> {
        let mut groups: Vec<&str> = self.slots.iter().map(|slot| slot.group.name).collect();
        groups.sort_unstable();
        groups.dedup();
        let rows: Vec<(Uuid, Vec<String>)> =
            sqlx::query_as("select instance, groups from heartbeat($1, $2, $3)")
                .bind(self.me)
                .bind(groups)
                .bind(LEASE.as_secs_f64())
                .fetch_all(self.events.pool())
                .await?;
        Ok(rows
            .into_iter()
            .map(|(instance, groups)| Member { instance, groups })
            .collect())
    }

    async fn claim(&self, wanted: &[&Arc<Slot>], exclusive: bool) -> Result<(), Error> {
        let won: Vec<(String, i16, i16, i64, i64)> =
            sqlx::query_as("select grp, topic, part, off, epoch from claim($1, $2, $3, $4, $5)")
                .bind(self.me)
                .bind(exclusive)
                .bind(
                    wanted
                        .iter()
                        .map(|slot| slot.group.name)
                        .collect::<Vec<_>>(),
                )
                .bind(wanted.iter().map(|slot| slot.topic.id).collect::<Vec<_>>())
                .bind(wanted.iter().map(|slot| slot.part).collect::<Vec<_>>())
                .fetch_all(self.events.pool())
                .await?;
        for (group, topic, part, off, epoch) in won {
            let slot = wanted
                .iter()
                .find(|s| s.group.name == group && s.topic.id == topic && s.part == part);
            if let Some(slot) = slot {
                slot.set_ownership(Ownership::Held(Grant { epoch, off }));
            }
        }
        Ok(())
    }
}

/// Whose a slot is: of those who have the group, the one with the highest hash.
fn winner(slot: &Slot, members: &[Member]) -> Option<Uuid> {
    members
        .iter()
        .filter(|member| member.groups.iter().any(|group| group == slot.group.name))
        .map(|member| member.instance)
        .max_by_key(|instance| weight(*instance, slot.group.name, slot.topic.id, slot.part))
}

fn weight(instance: Uuid, group: &str, topic: i16, part: i16) -> u64 {
    let mut bytes = Vec::with_capacity(20 + group.len());
    bytes.extend_from_slice(instance.as_bytes());
    bytes.extend_from_slice(&topic.to_be_bytes());
    bytes.extend_from_slice(&part.to_be_bytes());
    bytes.extend_from_slice(group.as_bytes());
    xxh3_64(&bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn owner(members: &[Uuid], part: i16) -> Option<Uuid> {
        members
            .iter()
            .copied()
            .max_by_key(|m| weight(*m, "a.b", 1, part))
    }

    proptest! {
        #[test]
        fn when_one_leaves_only_its_partitions_move(ids in prop::collection::hash_set(any::<u128>(), 2..6), gone in 0usize..6) {
            let before: Vec<_> = ids.into_iter().map(Uuid::from_u128).collect();
            let gone = before[gone % before.len()];
            let after: Vec<_> = before.iter().copied().filter(|m| *m != gone).collect();
            for part in 0..64 {
                let (was, is) = (owner(&before, part), owner(&after, part));
                prop_assert!(was == is || was == Some(gone));
            }
        }
    }

    #[test]
    fn partitions_are_shared() {
        let members: Vec<_> = (1..=4).map(Uuid::from_u128).collect();
        for member in &members {
            let mine = (0..256)
                .filter(|part| owner(&members, *part) == Some(*member))
                .count();
            assert!((32..=96).contains(&mine), "{mine}");
        }
    }
}
