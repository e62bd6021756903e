//! A partition of a topic as one group reads it in this process, and who owns it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tokio::sync::watch;

use crate::group::Group;
use crate::log::Topic;

/// Shared between its consumer, which works, and the membership, which assigns.
pub(crate) struct Slot {
    pub(crate) group: Arc<Group>,
    pub(crate) topic: Arc<Topic>,
    pub(crate) part: i16,
    pub(crate) ownership: watch::Sender<Ownership>,
    applied: AtomicI64,
}

/// What a claim won: the right to move the cursor on from here, under this epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) epoch: i64,
    pub(crate) off: i64,
}

/// Whether this process owns a slot. The membership grants and recalls; the consumer
/// gives up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ownership {
    None,
    Held(Grant),
    /// Another process should have it: the consumer gives it back between batches.
    Leaving(Grant),
}

impl Slot {
    pub(crate) fn new(group: Arc<Group>, topic: Arc<Topic>, part: i16) -> Self {
        Self {
            group,
            topic,
            part,
            ownership: watch::Sender::new(Ownership::None),
            applied: AtomicI64::new(0),
        }
    }

    /// How far this process knows the partition to be applied or passed over.
    pub(crate) fn applied(&self) -> i64 {
        self.applied.load(Ordering::Acquire)
    }

    pub(crate) fn set_applied(&self, off: i64) {
        self.applied.store(off, Ordering::Release);
    }
}
