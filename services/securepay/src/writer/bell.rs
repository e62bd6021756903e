//! Who hears of commits.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, watch};

use crate::ledger::Stamp;

/// Everybody who wants to know that something was committed.
#[derive(Default)]
pub(super) struct Bells {
    last: watch::Sender<Option<Stamp>>,
    bells: Mutex<Vec<Arc<Notify>>>,
}

impl Bells {
    pub(super) fn subscribe(&self) -> watch::Receiver<Option<Stamp>> {
        self.last.subscribe()
    }

    pub(super) fn add(&self) -> Arc<Notify> {
        let bell = Arc::default();
        let mut bells = self.bells.lock().unwrap_or_else(PoisonError::into_inner);
        bells.push(Arc::clone(&bell));
        bell
    }

    /// Rings, when this is a stamp that they have not heard of.
    pub(super) fn ring(&self, last: Option<Stamp>) {
        let is_new = self.last.send_if_modified(|known| {
            let is_new = *known < last;
            *known = (*known).max(last);
            is_new
        });
        if is_new {
            let bells = self.bells.lock().unwrap_or_else(PoisonError::into_inner);
            bells.iter().for_each(|bell| bell.notify_one());
        }
    }
}
