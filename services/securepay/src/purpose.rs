//! What postings are for, as the ledger stores it.

/// Who had a posting made, and for what: the `code` of its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// A payment, or what became of it.
    Payment,
    /// A reservation of another service.
    Reservation,
    /// A transfer of another service.
    Journal,
}

impl Purpose {
    /// As the ledger stores it. The numbers below 10 are those of payments and of other
    /// services; whoever else has something posted takes ten of their own.
    #[must_use]
    pub const fn code(self) -> i16 {
        match self {
            Self::Payment => 1,
            Self::Reservation => 2,
            Self::Journal => 3,
        }
    }
}
