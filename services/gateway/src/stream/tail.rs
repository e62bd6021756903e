//! The end of the stream, read once for all who follow it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use galen_storage::{Db, Error};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::store::{self, Entry};

/// How often it looks without being told. Entries that another process recorded are
/// found this way.
const LOOK: Duration = Duration::from_millis(200);
/// After a failure.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// How many entries are kept; who is further behind reads the table.
const KEPT: usize = 1024;
/// How many are read at once.
const PAGE: i64 = 1000;

/// The newest entries: all there are behind `from`, up to `head`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recent {
    pub(crate) from: i64,
    pub(crate) head: i64,
    entries: VecDeque<Arc<Entry>>,
}

impl Recent {
    /// The entries behind an id; `None` when not all of them are here.
    pub(crate) fn after(&self, id: i64) -> Option<impl Iterator<Item = &Arc<Entry>>> {
        let first = self.entries.partition_point(|entry| entry.id <= id);
        (id >= self.from).then(|| self.entries.range(first..))
    }

    fn extend(&mut self, entries: Vec<Entry>) {
        for entry in entries {
            self.head = entry.id;
            self.entries.push_back(Arc::new(entry));
        }
        while self.entries.len() > KEPT {
            if let Some(dropped) = self.entries.pop_front() {
                self.from = dropped.id;
            }
        }
    }
}

/// Reads new entries for as long as somebody follows.
pub(crate) struct Tail {
    db: Db,
    wake: Arc<Notify>,
    arrived: Notify,
    recent: watch::Sender<Arc<Recent>>,
}

impl Tail {
    /// `wake` is told when entries have been recorded.
    pub(crate) fn new(db: Db, wake: Arc<Notify>) -> Self {
        Self {
            db,
            wake,
            arrived: Notify::new(),
            recent: watch::Sender::default(),
        }
    }

    /// From now on there is somebody who follows.
    pub(crate) fn follow(&self) -> watch::Receiver<Arc<Recent>> {
        let recent = self.recent.subscribe();
        self.arrived.notify_one();
        recent
    }

    /// Reads until `stop`.
    pub(crate) async fn run(self: Arc<Self>, stop: CancellationToken) {
        let reading = async {
            loop {
                self.followed().await;
                if let Err(error) = self.read_while_followed().await {
                    tracing::warn!(error = %error, "the live stream cannot be read");
                    tokio::time::sleep(AFTER_FAILURE).await;
                }
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = reading => {}
        }
    }

    fn is_followed(&self) -> bool {
        self.recent.receiver_count() > 0
    }

    async fn followed(&self) {
        while !self.is_followed() {
            self.arrived.notified().await;
        }
    }

    async fn read_while_followed(&self) -> Result<(), Error> {
        // What happened while nobody followed is in the table for those who ask.
        let last = store::bounds(&self.db).await?.last;
        let mut recent = Recent {
            from: last,
            head: last,
            entries: VecDeque::new(),
        };
        self.recent.send_replace(Arc::new(recent.clone()));
        while self.is_followed() {
            let entries = store::after(&self.db, recent.head, PAGE).await?;
            if entries.is_empty() {
                tokio::select! {
                    () = self.wake.notified() => {}
                    () = tokio::time::sleep(LOOK) => {}
                }
            } else {
                recent.extend(entries);
                self.recent.send_replace(Arc::new(recent.clone()));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::audience::Owners;
    use super::*;

    fn entry(id: i64) -> Entry {
        Entry {
            id,
            at: galen_kernel::Timestamp::UNIX_EPOCH,
            event_type: "t".to_owned(),
            subject: "s".to_owned(),
            permission: None,
            owners: Owners::default(),
            data: serde_json::value::RawValue::from_string("{}".to_owned()).unwrap(),
        }
    }

    proptest! {
        #[test]
        fn what_is_kept_has_no_gap(pages in prop::collection::vec(0_usize..700, 0..6), asked in 0_i64..9_000) {
            // Ids have gaps of their own: every third is missing.
            let mut ids = (1_i64..).filter(|id| id % 3 != 0);
            let (mut recent, mut all) = (Recent::default(), Vec::new());
            for size in pages {
                let page: Vec<i64> = ids.by_ref().take(size).collect();
                all.extend(page.iter().copied());
                recent.extend(page.into_iter().map(entry).collect());
            }
            prop_assert_eq!(recent.head, all.last().copied().unwrap_or(0));
            prop_assert!(recent.entries.len() <= KEPT);
            match recent.after(asked) {
                Some(entries) => {
                    let told: Vec<i64> = entries.map(|entry| entry.id).collect();
                    let expected: Vec<i64> = all.into_iter().filter(|id| *id > asked).collect();
                    prop_assert_eq!(told, expected);
                }
                None => prop_assert!(asked < recent.from),
            }
        }
    }
}
