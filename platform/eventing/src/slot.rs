//! A partition of a topic as one group reads it in this process, and who owns it.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::group::Group;
use crate::log::Topic;

/// Shared between its consumer, which works; the sequencer, which moves its head; and
/// the membership, which assigns.
pub(crate) struct Slot {
    pub(crate) group: Arc<Group>,
    pub(crate) topic: Arc<Topic>,
    pub(crate) part: i16,
    /// Wakes the consumer; it has other slots as well.
    bell: Arc<Notify>,
    head: AtomicI64,
    applied: AtomicI64,
    ownership: Mutex<Ownership>,
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
    pub(crate) const fn new(
        group: Arc<Group>,
        topic: Arc<Topic>,
        part: i16,
        bell: Arc<Notify>,
    ) -> Self {
        Self {
            group,
            topic,
            part,
            bell,
            head: AtomicI64::new(0),
            applied: AtomicI64::new(0),
            ownership: Mutex::new(Ownership::None),
        }
    }

    /// The end of the partition, as far as this process knows.
    pub(crate) fn head(&self) -> i64 {
        self.head.load(Ordering::Acquire)
    }

    pub(crate) fn set_head(&self, off: i64) {
        if self.head.fetch_max(off, Ordering::AcqRel) < off {
            self.bell.notify_one();
        }
    }

    /// How far this process knows the partition to be applied or passed over.
    pub(crate) fn applied(&self) -> i64 {
        self.applied.load(Ordering::Acquire)
    }

    pub(crate) fn set_applied(&self, off: i64) {
        self.applied.store(off, Ordering::Release);
    }

    pub(crate) fn ownership(&self) -> Ownership {
        *self
            .ownership
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_ownership(&self, ownership: Ownership) {
        *self
            .ownership
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = ownership;
        self.bell.notify_one();
    }
}
