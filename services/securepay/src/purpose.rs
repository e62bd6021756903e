//! What postings are for, as the ledger stores it.

/// Who had a posting made, and for what: the `code` of its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// A payment, or what became of it.
    Payment,
    /// Money that comes in through a payment provider.
    TopUp,
    /// Money that goes out through one.
    Payout,
    /// A reservation of another service.
    Reservation,
    /// A transfer of another service.
    Journal,
    /// What clearing a bank statement books.
    Reconciliation,
}

impl Purpose {
    /// As the ledger stores it.
    #[must_use]
    pub const fn code(self) -> i16 {
        match self {
            Self::Payment => 1,
            Self::TopUp => 2,
            Self::Payout => 3,
            Self::Reservation => 4,
            Self::Journal => 5,
            Self::Reconciliation => 7,
        }
    }
}
