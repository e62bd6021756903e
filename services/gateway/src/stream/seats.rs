//! How many streams are open: in all, and for each account.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use galen_contracts::ids::UserId;
use galen_kernel::Problem;

use crate::edge;

/// The open streams.
#[derive(Debug)]
pub(crate) struct Seats {
    taken: Mutex<HashMap<UserId, usize>>,
    total: usize,
    per_account: usize,
}

/// Why a stream is not opened.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoSeat {
    #[error("the account has too many streams")]
    Account,
    #[error("there are too many streams")]
    Total,
}

impl From<NoSeat> for Problem {
    fn from(error: NoSeat) -> Self {
        match error {
            NoSeat::Account => Self::new(
                429,
                "TOO_MANY_STREAMS",
                "The account follows too many live streams.",
            )
            .retry_after(5),
            NoSeat::Total => edge::overloaded(),
        }
    }
}

impl Seats {
    pub(crate) fn new(total: usize, per_account: usize) -> Self {
        Self {
            taken: Mutex::default(),
            total,
            per_account,
        }
    }

    /// Takes a seat; it is free again when the guard is dropped.
    pub(crate) fn take(self: &Arc<Self>, account: UserId) -> Result<Seat, NoSeat> {
        let mut taken = self.taken();
        let open: usize = taken.values().sum();
        let own = taken.get(&account).copied().unwrap_or(0);
        if own >= self.per_account {
            return Err(NoSeat::Account);
        }
        if open >= self.total {
            return Err(NoSeat::Total);
        }
        taken.insert(account, own + 1);
        metrics::gauge!("galen_streams_open").increment(1);
        Ok(Seat {
            seats: Arc::clone(self),
            account,
        })
    }

    /// The numbers are right even if somebody panicked while they were held.
    fn taken(&self) -> MutexGuard<'_, HashMap<UserId, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to one stream.
#[derive(Debug)]
pub(crate) struct Seat {
    seats: Arc<Seats>,
    account: UserId,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.taken();
        match taken.get_mut(&self.account) {
            Some(own) if *own > 1 => *own -= 1,
            _ => {
                taken.remove(&self.account);
            }
        }
        metrics::gauge!("galen_streams_open").decrement(1);
    }
}

#[cfg(test)]
mod tests {
    use galen_kernel::Clock;

    use super::*;

    #[test]
    fn seats_are_counted_for_each_account_and_in_all() {
        let clock = Clock::system();
        let seats = Arc::new(Seats::new(3, 2));
        let (a, b): (UserId, UserId) = (clock.id(), clock.id());
        let (first, _second) = (seats.take(a).unwrap(), seats.take(a).unwrap());
        assert_eq!(seats.take(a).unwrap_err(), NoSeat::Account);
        let _third = seats.take(b).unwrap();
        assert_eq!(seats.take(b).unwrap_err(), NoSeat::Total);
        drop(first);
        let again = seats.take(a).unwrap();
        drop(again);
        assert!(seats.take(b).is_ok());
    }

    #[test]
    fn nothing_is_kept_of_closed_streams() {
        let seats = Arc::new(Seats::new(3, 2));
        drop(seats.take(Clock::system().id()).unwrap());
        assert!(seats.taken().is_empty());
    }
}
