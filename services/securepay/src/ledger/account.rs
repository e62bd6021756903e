//! Accounts: what they hold, and what they may never do.

use super::operation::{Amount, Rejection};

/// Names an account inside the ledger. Shorter than a UUID, because every transfer
/// names two and every index on transfers repeats them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(pub i64);

/// Names a ledger: the accounts of one currency, which balance among themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LedgerId(pub i32);

/// What an account may never do, whatever is asked. Promised money counts as spent,
/// and promised income does not count as earned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Limit {
    /// Anything: an account of the hospital itself, or of the world outside.
    None,
    /// Its debits stay within its credits: a wallet, which cannot be overdrawn.
    DebitsWithinCredits,
    /// Its credits stay within its debits: a debt, which cannot be overpaid.
    CreditsWithinDebits,
}

impl Limit {
    /// As it is stored.
    #[must_use]
    pub const fn number(self) -> i16 {
        match self {
            Self::None => 0,
            Self::DebitsWithinCredits => 1,
            Self::CreditsWithinDebits => 2,
        }
    }

    /// Reads [`Limit::number`].
    #[must_use]
    pub const fn from_number(number: i16) -> Option<Self> {
        Some(match number {
            0 => Self::None,
            1 => Self::DebitsWithinCredits,
            2 => Self::CreditsWithinDebits,
            _ => return None,
        })
    }
}

/// Whether an account takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    /// It does.
    Open,
    /// Nothing new; what was promised before may still be captured or released.
    Frozen,
    /// Nothing at all. Only an account without promises is closed.
    Closed,
}

impl Standing {
    /// As it is stored.
    #[must_use]
    pub const fn number(self) -> i16 {
        match self {
            Self::Open => 0,
            Self::Frozen => 1,
            Self::Closed => 2,
        }
    }

    /// Reads [`Standing::number`].
    #[must_use]
    pub const fn from_number(number: i16) -> Option<Self> {
        Some(match number {
            0 => Self::Open,
            1 => Self::Frozen,
            2 => Self::Closed,
            _ => return None,
        })
    }
}

/// Why the standing of an account stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum StandingError {
    /// It is closed for good.
    #[error("the account is closed")]
    Closed,
    /// Money is promised from it or to it.
    #[error("money is promised from or to the account")]
    Promises,
    /// A wallet with money in it is not closed.
    #[error("there is money in the wallet")]
    NotEmpty,
}

/// One side of an account, and of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// Money leaves.
    Debit,
    /// Money arrives.
    Credit,
}

/// All that ever happened to an account, in sums. Minor units; never negative, and
/// posted and pending of a side together fit 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Totals {
    /// Promised to others, not yet paid.
    pub debits_pending: i64,
    /// Paid.
    pub debits_posted: i64,
    /// Promised by others, not yet received.
    pub credits_pending: i64,
    /// Received.
    pub credits_posted: i64,
}

impl Totals {
    /// Credits without debits, as posted. Both are in `0..=i64::MAX`, so the difference
    /// cannot overflow.
    #[must_use]
    pub const fn balance(&self) -> i64 {
        self.credits_posted - self.debits_posted
    }

    /// What can still be debited from an account that may not be overdrawn: the balance
    /// without what is promised. Negative for accounts without that limit.
    #[must_use]
    pub const fn available(&self) -> i64 {
        // The sum of a side fits, and the difference of two sums as well.
        self.credits_posted - (self.debits_posted + self.debits_pending)
    }

    const fn of(&mut self, side: Side) -> (&mut i64, &mut i64) {
        match side {
            Side::Debit => (&mut self.debits_pending, &mut self.debits_posted),
            Side::Credit => (&mut self.credits_pending, &mut self.credits_posted),
        }
    }

    const fn sum(&self, side: Side) -> i64 {
        match side {
            Side::Debit => self.debits_posted + self.debits_pending,
            Side::Credit => self.credits_posted + self.credits_pending,
        }
    }
}

/// An account as the writer knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Account {
    /// Its name.
    pub id: AccountId,
    /// Where it belongs.
    pub ledger: LedgerId,
    /// What it may never do.
    pub limit: Limit,
    /// Whether it takes part.
    pub standing: Standing,
    /// What happened to it.
    pub totals: Totals,
    /// How many postings name it.
    pub version: i64,
}

impl Account {
    /// A new account.
    #[must_use]
    pub const fn new(id: AccountId, ledger: LedgerId, limit: Limit) -> Self {
        Self {
            id,
            ledger,
            limit,
            standing: Standing::Open,
            totals: Totals {
                debits_pending: 0,
                debits_posted: 0,
                credits_pending: 0,
                credits_posted: 0,
            },
            version: 0,
        }
    }

    /// Another standing, if it may have it. A closed account stays closed.
    ///
    /// # Errors
    /// [`StandingError`].
    pub const fn stand(&self, standing: Standing) -> Result<(), StandingError> {
        let Totals {
            debits_pending,
            credits_pending,
            ..
        } = self.totals;
        match (self.standing, standing) {
            (Standing::Closed, Standing::Open | Standing::Frozen) => Err(StandingError::Closed),
            (Standing::Open | Standing::Frozen, Standing::Closed) => {
                if debits_pending != 0 || credits_pending != 0 {
                    return Err(StandingError::Promises);
                }
                match self.limit {
                    Limit::DebitsWithinCredits if self.totals.balance() != 0 => {
                        Err(StandingError::NotEmpty)
                    }
                    _ => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    /// Whether something new may begin here.
    pub(super) const fn takes_part(&self) -> Result<(), Rejection> {
        match self.standing {
            Standing::Open => Ok(()),
            Standing::Frozen => Err(Rejection::AccountFrozen(self.id)),
            Standing::Closed => Err(Rejection::AccountClosed(self.id)),
        }
    }

    /// Whether a side may grow.
    pub(super) fn bears(&self, side: Side, amount: Amount) -> Result<(), Rejection> {
        let grown = self
            .totals
            .sum(side)
            .checked_add(amount.minor())
            .ok_or(Rejection::Overflow(self.id))?;
        let within = match (self.limit, side) {
            (Limit::DebitsWithinCredits, Side::Debit) => grown <= self.totals.credits_posted,
            (Limit::CreditsWithinDebits, Side::Credit) => grown <= self.totals.debits_posted,
            _ => true,
        };
        match (within, side) {
            (true, _) => Ok(()),
            (false, Side::Debit) => Err(Rejection::InsufficientFunds {
                account: self.id,
                available: self.totals.available(),
            }),
            (false, Side::Credit) => Err(Rejection::MoreThanOwed {
                account: self.id,
                owed: self.totals.debits_posted - self.totals.sum(Side::Credit),
            }),
        }
    }

    /// Money moves.
    pub(super) const fn post(&mut self, side: Side, amount: Amount) {
        *self.totals.of(side).1 += amount.minor();
        self.version += 1;
    }

    /// Money is promised.
    pub(super) const fn promise(&mut self, side: Side, amount: Amount) {
        *self.totals.of(side).0 += amount.minor();
        self.version += 1;
    }

    /// What was promised moves.
    pub(super) const fn keep(&mut self, side: Side, amount: Amount) {
        let (pending, posted) = self.totals.of(side);
        *pending -= amount.minor();
        *posted += amount.minor();
        self.version += 1;
    }

    /// What was promised does not move.
    pub(super) const fn release(&mut self, side: Side, amount: Amount) {
        *self.totals.of(side).0 -= amount.minor();
        self.version += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(minor: i64) -> Amount {
        Amount::new(minor).expect("positive")
    }

    #[test]
    fn promised_money_is_spent_and_promised_income_is_not_earned() {
        let mut wallet = Account::new(AccountId(1), LedgerId(1), Limit::DebitsWithinCredits);
        wallet.promise(Side::Credit, amount(100));
        assert!(wallet.bears(Side::Debit, amount(1)).is_err());
        wallet.keep(Side::Credit, amount(100));
        wallet.promise(Side::Debit, amount(60));
        assert_eq!(wallet.bears(Side::Debit, amount(40)), Ok(()));
        assert_eq!(
            wallet.bears(Side::Debit, amount(41)),
            Err(Rejection::InsufficientFunds {
                account: AccountId(1),
                available: 40
            })
        );
    }

    #[test]
    fn a_debt_is_not_overpaid() {
        let mut debt = Account::new(AccountId(1), LedgerId(1), Limit::CreditsWithinDebits);
        debt.post(Side::Debit, amount(100));
        debt.promise(Side::Credit, amount(30));
        assert_eq!(debt.bears(Side::Credit, amount(70)), Ok(()));
        assert_eq!(
            debt.bears(Side::Credit, amount(71)),
            Err(Rejection::MoreThanOwed {
                account: AccountId(1),
                owed: 70
            })
        );
    }

    #[test]
    fn only_an_empty_wallet_without_promises_is_closed_and_stays_so() {
        let mut wallet = Account::new(AccountId(1), LedgerId(1), Limit::DebitsWithinCredits);
        wallet.post(Side::Credit, amount(5));
        assert_eq!(wallet.stand(Standing::Closed), Err(StandingError::NotEmpty));
        wallet.promise(Side::Debit, amount(5));
        assert_eq!(wallet.stand(Standing::Closed), Err(StandingError::Promises));
        assert_eq!(wallet.stand(Standing::Frozen), Ok(()));
        wallet.keep(Side::Debit, amount(5));
        assert_eq!(wallet.stand(Standing::Closed), Ok(()));
        wallet.standing = Standing::Closed;
        assert_eq!(wallet.stand(Standing::Open), Err(StandingError::Closed));
        assert_eq!(wallet.stand(Standing::Closed), Ok(()));
        let mut cash = Account::new(AccountId(2), LedgerId(1), Limit::None);
        cash.post(Side::Debit, amount(5));
        assert_eq!(cash.stand(Standing::Closed), Ok(()));
    }

    #[test]
    fn sums_do_not_overflow() {
        let mut world = Account::new(AccountId(1), LedgerId(1), Limit::None);
        world.promise(Side::Debit, amount(i64::MAX));
        assert_eq!(
            world.bears(Side::Debit, amount(1)),
            Err(Rejection::Overflow(AccountId(1)))
        );
        assert_eq!(world.bears(Side::Credit, amount(i64::MAX)), Ok(()));
        world.post(Side::Credit, amount(i64::MAX));
        assert_eq!(world.totals.available(), 0);
    }
}
