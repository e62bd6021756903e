//! What may be asked of the ledger, what it writes down, and why it refuses.

use std::num::NonZeroI64;

use uuid::Uuid;

use super::account::{AccountId, LedgerId};
use super::hold::{HoldId, HoldState};

/// Names a transfer, and makes it repeatable: whoever asks twice with one id and the
/// same request gets the first answer twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransferId(pub Uuid);

impl TransferId {
    /// Whether it says of itself that it was made after an instant: a `UUIDv7` of a
    /// later millisecond (RFC 9562). Whoever made it may have lied.
    #[must_use]
    pub fn is_from_after(self, instant: Stamp) -> bool {
        self.0.get_version_num() == 7 && {
            let (milliseconds, _) = self.0.as_u64_pair();
            i64::try_from(milliseconds >> 16).is_ok_and(|made| made > instant.0.div_euclid(1_000))
        }
    }
}

/// An amount that moves: minor units of the ledger's currency, more than zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(NonZeroI64);

impl Amount {
    /// `None` unless it is more than zero.
    #[must_use]
    pub const fn new(minor: i64) -> Option<Self> {
        match NonZeroI64::new(minor) {
            Some(amount) if minor > 0 => Some(Self(amount)),
            _ => None,
        }
    }

    /// Minor units.
    #[must_use]
    pub const fn minor(self) -> i64 {
        self.0.get()
    }
}

/// Microseconds since 1970, UTC. No two postings of a shard share one, and their order
/// is the order of what happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp(pub i64);

/// One thing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Move money at once.
    Transfer {
        /// From.
        debit: AccountId,
        /// To.
        credit: AccountId,
        /// How much.
        amount: Amount,
    },
    /// Move money at once as if it had been promised and captured: it can be given back
    /// as what was captured can, never more than all of it.
    Pay {
        /// From.
        debit: AccountId,
        /// To.
        credit: AccountId,
        /// How much.
        amount: Amount,
    },
    /// Promise money: it stays, and cannot be spent otherwise.
    Hold {
        /// From.
        debit: AccountId,
        /// To.
        credit: AccountId,
        /// How much.
        amount: Amount,
        /// From then on it cannot be captured and is released; `None`: no end.
        expires_at: Option<Stamp>,
    },
    /// Move promised money.
    Capture {
        /// What was promised.
        hold: HoldId,
        /// How much of it; `None`: all that remains.
        amount: Option<Amount>,
    },
    /// Release what remains of a promise.
    Void {
        /// What was promised.
        hold: HoldId,
    },
    /// Give captured money back: from the credited account to the debited one.
    Refund {
        /// What was captured.
        hold: HoldId,
        /// How much of it.
        amount: Amount,
    },
}

/// An operation with its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Request {
    /// What makes it repeatable.
    pub id: TransferId,
    /// What to do.
    pub operation: Operation,
    /// What it is for, in numbers of the caller.
    pub code: i16,
    /// What it belongs to, in names of the caller: a payment, an invoice.
    pub reference: Option<Uuid>,
}

/// Requests of which all are done or none: at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group(Vec<Request>);

impl Group {
    /// Several; `None` when there are none.
    #[must_use]
    pub fn new(requests: Vec<Request>) -> Option<Self> {
        (!requests.is_empty()).then_some(Self(requests))
    }

    /// One alone.
    #[must_use]
    pub fn of(request: Request) -> Self {
        Self(vec![request])
    }

    /// In their order.
    #[must_use]
    pub fn requests(&self) -> &[Request] {
        &self.0
    }
}

/// What kind of posting it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Money moved.
    Transfer,
    /// Money was promised.
    Hold,
    /// Promised money moved.
    Capture,
    /// What remained of a promise was released.
    Void,
    /// What remained of a promise was released because its time ended.
    Expiry,
    /// Captured money went back.
    Refund,
}

impl Kind {
    /// As it is stored and hashed.
    #[must_use]
    pub const fn number(self) -> i16 {
        match self {
            Self::Transfer => 1,
            Self::Hold => 2,
            Self::Capture => 3,
            Self::Void => 4,
            Self::Expiry => 5,
            Self::Refund => 6,
        }
    }

    /// Reads [`Kind::number`].
    #[must_use]
    pub const fn from_number(number: i16) -> Option<Self> {
        Some(match number {
            1 => Self::Transfer,
            2 => Self::Hold,
            3 => Self::Capture,
            4 => Self::Void,
            5 => Self::Expiry,
            6 => Self::Refund,
            _ => return None,
        })
    }
}

/// What is written down of one transfer, for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Posting {
    /// When, and in which order.
    pub at: Stamp,
    /// The request's name; of an expiry, the hold's.
    pub id: TransferId,
    /// What happened.
    pub kind: Kind,
    /// In which ledger.
    pub ledger: LedgerId,
    /// From.
    pub debit: AccountId,
    /// To.
    pub credit: AccountId,
    /// How much moved, was promised or was released.
    pub amount: Amount,
    /// The balance of the debited account afterwards; minor units.
    pub debit_balance: i64,
    /// The balance of the credited account afterwards; minor units.
    pub credit_balance: i64,
    /// The hold that was captured, released or refunded.
    pub hold: Option<HoldId>,
    /// Of a hold: when it ends.
    pub expires_at: Option<Stamp>,
    /// As asked.
    pub code: i16,
    /// As asked.
    pub reference: Option<Uuid>,
}

impl Posting {
    /// Whether this is what became of a request, so that the request was made before.
    #[must_use]
    pub fn answers(&self, request: &Request) -> bool {
        let same = match request.operation {
            Operation::Transfer {
                debit,
                credit,
                amount,
            } => {
                self.kind == Kind::Transfer
                    && (self.debit, self.credit, self.amount) == (debit, credit, amount)
            }
            // Earlier versions wrote down a promise without an end, and its capture.
            Operation::Pay {
                debit,
                credit,
                amount,
            } => {
                (self.kind == Kind::Transfer
                    || self.kind == Kind::Hold && self.expires_at.is_none())
                    && (self.debit, self.credit, self.amount) == (debit, credit, amount)
            }
            Operation::Hold {
                debit,
                credit,
                amount,
                expires_at,
            } => {
                self.kind == Kind::Hold
                    && (self.debit, self.credit, self.amount) == (debit, credit, amount)
                    && self.expires_at == expires_at
            }
            Operation::Capture { hold, amount } => {
                self.kind == Kind::Capture
                    && self.hold == Some(hold)
                    && amount.is_none_or(|amount| amount == self.amount)
            }
            Operation::Void { hold } => self.kind == Kind::Void && self.hold == Some(hold),
            Operation::Refund { hold, amount } => {
                self.kind == Kind::Refund && (self.hold, self.amount) == (Some(hold), amount)
            }
        };
        same && self.id == request.id
            && self.code == request.code
            && self.reference == request.reference
    }
}

/// Why a request is refused. An answer like any other: nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Rejection {
    /// There is no such account.
    #[error("account {0:?} does not exist")]
    AccountUnknown(AccountId),
    /// Nothing new happens to it.
    #[error("account {0:?} is frozen")]
    AccountFrozen(AccountId),
    /// Nothing happens to it.
    #[error("account {0:?} is closed")]
    AccountClosed(AccountId),
    /// From an account to itself.
    #[error("both sides are the same account")]
    SameAccount,
    /// The two accounts are of different ledgers: of different currencies.
    #[error("the accounts are of different ledgers")]
    LedgersDiffer,
    /// The debited account has not as much.
    #[error("account {account:?} has {available} available")]
    InsufficientFunds {
        /// Which.
        account: AccountId,
        /// How much it has; minor units.
        available: i64,
    },
    /// The credited account is not owed as much.
    #[error("account {account:?} is owed {owed}")]
    MoreThanOwed {
        /// Which.
        account: AccountId,
        /// How much it is owed; minor units.
        owed: i64,
    },
    /// A total would leave 64 bits.
    #[error("a total of account {0:?} would be too large")]
    Overflow(AccountId),
    /// There is no such hold.
    #[error("hold {0:?} does not exist")]
    HoldUnknown(HoldId),
    /// There is nothing left to capture or release.
    #[error("hold {hold:?} is over: {state:?}")]
    HoldIsOver {
        /// Which.
        hold: HoldId,
        /// What became of it.
        state: HoldState,
    },
    /// More than what remains of the hold.
    #[error("hold {hold:?} has {remainder} left")]
    MoreThanHeld {
        /// Which.
        hold: HoldId,
        /// What is left; minor units.
        remainder: i64,
    },
    /// More than what was captured and not yet given back.
    #[error("hold {hold:?} can give {refundable} back")]
    MoreThanCaptured {
        /// Which.
        hold: HoldId,
        /// What can be given back; minor units.
        refundable: i64,
    },
    /// Another request had this id.
    #[error("the id was used for another request")]
    IdReused,
    /// It would have been done, but another of its group was refused.
    #[error("request {0} of the group was refused")]
    GroupRefused(usize),
}
