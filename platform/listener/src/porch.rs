//! Connections that have not asked anything yet. Their number is bounded: when there
//! are too many, the one that has waited longest is sent away. Honest clients ask
//! within moments, so those who only hold a place lose it, and nobody is kept out.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

pub(crate) struct Porch {
    most: usize,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    next: u64,
    /// By their order of arrival.
    places: BTreeMap<u64, CancellationToken>,
}

/// A place, until it is dropped.
pub(crate) struct Place {
    porch: Arc<Porch>,
    number: u64,
}

impl Porch {
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            waiting: Mutex::default(),
        })
    }

    /// A place, and the token that is cancelled when it is lost.
    pub(crate) fn enter(self: &Arc<Self>) -> (Place, CancellationToken) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        while waiting.places.len() >= self.most
            && let Some((_, longest)) = waiting.places.pop_first()
        {
            longest.cancel();
            metrics::counter!("galen_listener_evictions_total").increment(1);
        }
        let number = waiting.next;
        waiting.next += 1;
        let lost = CancellationToken::new();
        waiting.places.insert(number, lost.clone());
        let place = Place {
            porch: Arc::clone(self),
            number,
        };
        (place, lost)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let waiting = self.porch.waiting.lock();
        let mut waiting = waiting.unwrap_or_else(PoisonError::into_inner);
        waiting.places.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_longest_makes_room() {
        let porch = Porch::new(2);
        let (first, first_lost) = porch.enter();
        let (second, second_lost) = porch.enter();
        drop(first);
        let (_third, third_lost) = porch.enter();
        assert!(!second_lost.is_cancelled());
        let (_fourth, _) = porch.enter();
        assert!(second_lost.is_cancelled() && !third_lost.is_cancelled());
        assert!(!first_lost.is_cancelled(), "who has asked is not sent away");
        drop(second);
    }
}
