//! What has begun and not come to its point: connections that have not asked anything
//! yet, bodies that are still arriving. Their number is bounded: when there are too
//! many, the one that has waited longest is sent away. Honest clients take moments, so
//! those who only hold a place lose it, and nobody is kept out.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

/// Places for a bounded number of guests.
pub struct Porch {
    name: &'static str,
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
pub struct Place {
    porch: Arc<Porch>,
    number: u64,
}

impl Porch {
    /// So many places; the name is for the count of those who were sent away.
    #[must_use]
    pub fn new(name: &'static str, most: usize) -> Arc<Self> {
        Arc::new(Self {
            name,
            most,
            waiting: Mutex::default(),
        })
    }

    /// A place, and the token that is cancelled when it is lost.
    pub fn enter(self: &Arc<Self>) -> (Place, CancellationToken) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        while waiting.places.len() >= self.most
            && let Some((_, longest)) = waiting.places.pop_first()
        {
            longest.cancel();
            metrics::counter!("galen_listener_evictions_total", "from" => self.name).increment(1);
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
        let porch = Porch::new("test", 2);
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
