//! A till, and who answers for it. Pure.
//!
//! At every moment expected = float + taken - given back, and never less than nothing.
//! What the books say of the till is the same: nothing before it is opened, what is
//! expected while it is open, and nothing again once it is closed.

use galen_kernel::{Currency, Id, Money, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::journal::{AccountKind, AccountRef, Entry};

/// What a [`CashSessionId`] identifies.
pub enum CashSessionKind {}

/// A session's id.
pub type CashSessionId = Id<CashSessionKind>;

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = CashSessionStatus)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// Its cashier takes money.
    Open,
    /// What was counted is not what should be there: somebody else has to agree.
    Counting,
    /// It is empty.
    Closed,
}

impl Status {
    const ALL: [Self; 3] = [Self::Open, Self::Counting, Self::Closed];

    /// As stored and sent.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "OPEN",
            Self::Counting => "COUNTING",
            Self::Closed => "CLOSED",
        }
    }

    /// Reads what [`Status::name`] wrote.
    #[must_use]
    pub fn read(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}

/// What somebody counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// How much; minor units.
    pub total: i64,
    /// Who.
    pub by: Uuid,
    /// When.
    pub at: Timestamp,
}

/// Why a till is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is being counted, or closed.
    #[error("the session is not open")]
    NotOpen,
    /// There is less in it.
    #[error("there is not as much cash")]
    NotEnoughCash,
    /// There is no difference that somebody has to agree to.
    #[error("there is nothing to approve")]
    NothingToApprove,
    /// Whose till it is, or who counted it.
    #[error("somebody else has to agree")]
    SecondPerson,
    /// More than can be counted.
    #[error("the amount is too large")]
    TooLarge,
}

/// A session. Amounts are minor units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CashSession {
    /// Its id.
    pub id: CashSessionId,
    /// Whose till it is: an account.
    pub cashier: Uuid,
    /// Where it stands, as people call the place.
    pub location: Option<String>,
    /// Of all its amounts.
    pub currency: Currency,
    /// What was in it at first.
    pub float: i64,
    /// What was taken.
    pub taken: i64,
    /// What was given back.
    pub given_back: i64,
    /// Where it stands.
    pub status: Status,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// The last count.
    pub count: Option<Count>,
    /// Who agreed to the difference, and when.
    pub approved: Option<(Uuid, Timestamp)>,
    /// When it was closed.
    pub closed_at: Option<Timestamp>,
    /// Rises by one with every change.
    pub version: i64,
}

impl CashSession {
    /// A new one.
    #[must_use]
    pub const fn open(
        id: CashSessionId,
        cashier: Uuid,
        location: Option<String>,
        float: Money,
        at: Timestamp,
    ) -> Self {
        Self {
            id,
            cashier,
            location,
            currency: float.currency,
            float: float.minor,
            taken: 0,
            given_back: 0,
            status: Status::Open,
            opened_at: at,
            count: None,
            approved: None,
            closed_at: None,
            version: 1,
        }
    }

    /// What should be in it.
    #[must_use]
    pub const fn expected(&self) -> i64 {
        self.float + self.taken - self.given_back
    }

    /// What was counted without what should be there.
    #[must_use]
    pub fn variance(&self) -> Option<i64> {
        self.count.map(|count| count.total - self.expected())
    }

    fn is_open(&self) -> Result<(), Refusal> {
        match self.status {
            Status::Open => Ok(()),
            Status::Counting | Status::Closed => Err(Refusal::NotOpen),
        }
    }

    /// Takes money.
    ///
    /// # Errors
    /// When it is not open.
    pub fn take(&mut self, amount: i64) -> Result<(), Refusal> {
        self.is_open()?;
        self.taken = self.taken.checked_add(amount).ok_or(Refusal::TooLarge)?;
        self.float
            .checked_add(self.taken)
            .ok_or(Refusal::TooLarge)?;
        self.version += 1;
        Ok(())
    }

    /// Gives money back.
    ///
    /// # Errors
    /// When it is not open, or has not as much.
    pub fn give_back(&mut self, amount: i64) -> Result<(), Refusal> {
        self.is_open()?;
        if amount > self.expected() {
            return Err(Refusal::NotEnoughCash);
        }
        self.given_back += amount;
        self.version += 1;
        Ok(())
    }

    /// It was counted. Within the tolerance it is closed; beyond it somebody else has to
    /// agree, also when another count comes out right.
    ///
    /// # Errors
    /// When it is closed.
    pub fn counted(&mut self, count: Count, tolerance: i64) -> Result<(), Refusal> {
        if self.status == Status::Closed {
            return Err(Refusal::NotOpen);
        }
        let variance = count.total - self.expected();
        self.count = Some(count);
        if self.status == Status::Open && variance.abs() <= tolerance {
            self.status = Status::Closed;
            self.closed_at = Some(count.at);
        } else {
            self.status = Status::Counting;
        }
        self.version += 1;
        Ok(())
    }

    /// Somebody else agrees to the difference, and it is closed.
    ///
    /// # Errors
    /// When there is nothing to agree to, or it is their own till or count.
    pub fn approve(&mut self, by: Uuid, at: Timestamp) -> Result<(), Refusal> {
        let counted = match (self.status, self.count) {
            (Status::Counting, Some(count)) => count,
            _ => return Err(Refusal::NothingToApprove),
        };
        if by == self.cashier || by == counted.by {
            return Err(Refusal::SecondPerson);
        }
        self.approved = Some((by, at));
        self.status = Status::Closed;
        self.closed_at = Some(at);
        self.version += 1;
        Ok(())
    }

    /// Its account in the ledger.
    #[must_use]
    pub const fn account(&self) -> AccountRef {
        AccountRef::of(AccountKind::Cash, self.id.uuid())
    }

    fn moved(&self, debit: AccountRef, credit: AccountRef, minor: i64) -> Option<Entry> {
        (minor > 0).then(|| Entry {
            debit,
            credit,
            amount: Money {
                minor,
                currency: self.currency,
            },
            reference: self.id.uuid(),
        })
    }

    /// What it was opened with came from the safe.
    #[must_use]
    pub fn opening_entries(&self) -> Vec<Entry> {
        let safe = AccountRef::hospital(AccountKind::Cash);
        self.moved(self.account(), safe, self.float)
            .into_iter()
            .collect()
    }

    /// What was counted goes to the safe, and the difference is a loss or a gain; nothing
    /// before it is closed.
    #[must_use]
    pub fn closing_entries(&self) -> Vec<Entry> {
        let (Status::Closed, Some(count)) = (self.status, self.count) else {
            return Vec::new();
        };
        let safe = AccountRef::hospital(AccountKind::Cash);
        let variance = AccountRef::hospital(AccountKind::CashVariance);
        let difference = count.total - self.expected();
        [
            self.moved(variance, self.account(), -difference),
            self.moved(self.account(), variance, difference),
            self.moved(safe, self.account(), count.total),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// How many of which coin or note there were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Denomination {
    /// What one is worth; minor units.
    pub value: i64,
    /// How many.
    pub count: u32,
}

/// What coins and notes are worth together; `None`: more than can be counted.
#[must_use]
pub fn worth(denominations: &[Denomination]) -> Option<i64> {
    denominations.iter().try_fold(0_i64, |sum, each| {
        sum.checked_add(each.value.checked_mul(i64::from(each.count))?)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CASHIER: Uuid = Uuid::from_u128(1);
    const OTHER: Uuid = Uuid::from_u128(2);

    fn till(float: i64) -> CashSession {
        let float = Money {
            minor: float,
            currency: "EUR".parse().expect("a currency"),
        };
        let id = CashSessionId::from_uuid(Uuid::from_u128(9));
        CashSession::open(id, CASHIER, None, float, Timestamp::UNIX_EPOCH)
    }

    fn counted(total: i64) -> Count {
        Count {
            total,
            by: CASHIER,
            at: Timestamp::UNIX_EPOCH,
        }
    }

    #[derive(Debug, Clone)]
    enum Try {
        Take(i64),
        GiveBack(i64),
        Count(i64),
        Approve(bool),
    }

    fn attempt() -> impl Strategy<Value = Try> {
        prop_oneof![
            4 => (1_i64..1000).prop_map(Try::Take),
            2 => (1_i64..1000).prop_map(Try::GiveBack),
            1 => (-50_i64..50).prop_map(Try::Count),
            1 => any::<bool>().prop_map(Try::Approve),
        ]
    }

    /// Debits without credits of an account.
    fn held(account: AccountRef, entries: &[Entry]) -> i64 {
        entries
            .iter()
            .map(|entry| {
                let minor = entry.amount.minor;
                i64::from(entry.debit == account) * minor
                    - i64::from(entry.credit == account) * minor
            })
            .sum()
    }

    proptest! {
        #[test]
        fn the_books_hold_what_the_till_should_hold_and_nothing_once_it_is_closed(
            float in 0_i64..500,
            tolerance in 0_i64..10,
            attempts in prop::collection::vec(attempt(), 0..30),
        ) {
            let mut till = till(float);
            let account = till.account();
            let mut books = till.opening_entries();
            let patient = AccountRef::receivable(Uuid::nil());
            for attempt in attempts {
                let before = till.clone();
                let done = match attempt {
                    Try::Take(amount) => till.take(amount).map(|()| {
                        books.extend(till.moved(account, patient, amount));
                    }),
                    Try::GiveBack(amount) => till.give_back(amount).map(|()| {
                        books.extend(till.moved(patient, account, amount));
                    }),
                    Try::Count(off) => {
                        let total = (till.expected() + off).max(0);
                        till.counted(counted(total), tolerance)
                    }
                    Try::Approve(own) => till.approve(if own { CASHIER } else { OTHER }, Timestamp::UNIX_EPOCH),
                };
                prop_assert_eq!(done.is_err(), before == till);
                if before.status != Status::Closed && till.status == Status::Closed {
                    let variance = till.variance().expect("it was counted");
                    prop_assert!(variance.abs() <= tolerance || till.approved.is_some_and(|(by, _)| by == OTHER));
                    books.extend(till.closing_entries());
                    let lost = held(AccountRef::hospital(AccountKind::CashVariance), &books);
                    prop_assert_eq!(lost, -variance);
                }
                prop_assert!(till.expected() >= 0);
                prop_assert!(before.status != Status::Closed || before == till, "closed is closed");
                let should = if till.status == Status::Closed { 0 } else { till.expected() };
                prop_assert_eq!(held(account, &books), should);
                prop_assert!(books.iter().all(|entry| entry.amount.minor > 0));
            }
        }

        #[test]
        fn coins_and_notes_are_worth_their_sum(all in prop::collection::vec((1_i64..100_000, 0_u32..1000), 0..10)) {
            let denominations: Vec<Denomination> = all.iter().map(|(value, count)| Denomination { value: *value, count: *count }).collect();
            let sum: i64 = all.iter().map(|(value, count)| value * i64::from(*count)).sum();
            prop_assert_eq!(worth(&denominations), Some(sum));
        }
    }

    #[test]
    fn a_second_count_that_comes_out_right_needs_another_person_as_well() {
        let mut till = till(1000);
        till.counted(counted(900), 5).expect("counted");
        till.counted(counted(1000), 5).expect("counted again");
        assert_eq!(till.status, Status::Counting);
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(till.approve(CASHIER, now), Err(Refusal::SecondPerson));
        till.approve(OTHER, now).expect("somebody else");
        assert_eq!((till.status, till.variance()), (Status::Closed, Some(0)));
    }

    #[test]
    fn more_than_can_be_counted_is_none() {
        let note = Denomination {
            value: i64::MAX,
            count: 2,
        };
        assert_eq!(worth(&[note]), None);
    }
}
