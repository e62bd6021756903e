//! How many connections each client has. One that takes them all would leave none to
//! anybody else.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use galen_kernel::Household;

pub(crate) struct Crowd {
    most: usize,
    present: Mutex<HashMap<Household, usize>>,
}

/// One connection of a client, until it is dropped.
pub(crate) struct Guest {
    crowd: Arc<Crowd>,
    household: Household,
}

impl Crowd {
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            present: Mutex::default(),
        })
    }

    /// `None` when this client has as many as it may.
    pub(crate) fn enter(self: &Arc<Self>, client: IpAddr) -> Option<Guest> {
        let household = Household::of(client);
        let mut present = self.present.lock().unwrap_or_else(PoisonError::into_inner);
        let count = present.entry(household).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Guest {
            crowd: Arc::clone(self),
            household,
        })
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let present = self.crowd.present.lock();
        let mut present = present.unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = present.get_mut(&self.household) {
            *count -= 1;
            if *count == 0 {
                present.remove(&self.household);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_client_has_its_own_count_and_nobody_is_remembered() {
        let crowd = Crowd::new(2);
        let enter = |text: &str| crowd.enter(text.parse().expect("an address"));
        let (first, second) = (enter("203.0.113.1"), enter("203.0.113.1"));
        assert!(first.is_some() && second.is_some());
        assert!(enter("203.0.113.1").is_none());
        let others = [
            enter("203.0.113.2"),
            enter("2001:db8::1"),
            enter("2001:db8::2"),
        ];
        assert!(others.iter().all(Option::is_some));
        assert!(enter("2001:db8::3").is_none(), "one network is one client");
        drop(first);
        assert!(enter("203.0.113.1").is_some());
        drop((second, others));
        assert!(crowd.present.lock().expect("no panic").is_empty());
    }
}
