//! What is entered. Pure.

use galen_contracts::securepay::v1::AccountKind as WireKind;
use galen_kernel::Money;
use uuid::Uuid;

/// What an account of the ledger is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AccountKind {
    /// Somebody's money.
    Wallet,
    /// What somebody owes: of an invoice or a claim.
    Receivable,
    /// What was earned.
    Revenue,
    /// What was given up.
    WriteOff,
    /// Money in a till.
    Cash,
    /// Money in the bank.
    Bank,
    /// Money on its way.
    Clearing,
    /// Money of which nobody knows yet what it is for.
    Suspense,
    /// What counting a till found too much or too little.
    CashVariance,
    /// What was paid before an appointment.
    Deposit,
}

impl AccountKind {
    /// Every one.
    pub const ALL: [Self; 10] = [
        Self::Wallet,
        Self::Receivable,
        Self::Revenue,
        Self::WriteOff,
        Self::Cash,
        Self::Bank,
        Self::Clearing,
        Self::Suspense,
        Self::CashVariance,
        Self::Deposit,
    ];

    /// As stored.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wallet => "WALLET",
            Self::Receivable => "RECEIVABLE",
            Self::Revenue => "REVENUE",
            Self::WriteOff => "WRITE_OFF",
            Self::Cash => "CASH",
            Self::Bank => "BANK",
            Self::Clearing => "CLEARING",
            Self::Suspense => "SUSPENSE",
            Self::CashVariance => "CASH_VARIANCE",
            Self::Deposit => "DEPOSIT",
        }
    }

    /// Reads what [`AccountKind::name`] wrote.
    #[must_use]
    pub fn read(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// As SecurePay says it.
    #[must_use]
    pub const fn to_wire(self) -> WireKind {
        match self {
            Self::Wallet => WireKind::Wallet,
            Self::Receivable => WireKind::Receivable,
            Self::Revenue => WireKind::Revenue,
            Self::WriteOff => WireKind::WriteOff,
            Self::Cash => WireKind::Cash,
            Self::Bank => WireKind::Bank,
            Self::Clearing => WireKind::Clearing,
            Self::Suspense => WireKind::Suspense,
            Self::CashVariance => WireKind::CashVariance,
            Self::Deposit => WireKind::Deposit,
        }
    }
}

/// An account, by what it is for and whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountRef {
    /// What for.
    pub kind: AccountKind,
    /// Whose: a patient's, an invoice's, a claim's, a till's; `None`: the hospital's.
    pub owner: Option<Uuid>,
}

impl AccountRef {
    /// The hospital's own.
    #[must_use]
    pub const fn hospital(kind: AccountKind) -> Self {
        Self { kind, owner: None }
    }

    /// Somebody's or something's.
    #[must_use]
    pub const fn of(kind: AccountKind, owner: Uuid) -> Self {
        Self {
            kind,
            owner: Some(owner),
        }
    }

    /// What was paid before an appointment.
    #[must_use]
    pub const fn deposit(appointment: Uuid) -> Self {
        Self::of(AccountKind::Deposit, appointment)
    }

    /// What is owed for an invoice or a claim.
    #[must_use]
    pub const fn receivable(owner: Uuid) -> Self {
        Self::of(AccountKind::Receivable, owner)
    }
}

/// Money that is to move from one side of the books to the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The account that is debited.
    pub debit: AccountRef,
    /// The account that is credited.
    pub credit: AccountRef,
    /// How much; more than nothing.
    pub amount: Money,
    /// What it belongs to.
    pub reference: Uuid,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_read_as_it_is_written_and_known_to_the_ledger() {
        for kind in AccountKind::ALL {
            assert_eq!(AccountKind::read(kind.name()), Some(kind));
            assert_eq!(
                kind.to_wire().as_str_name(),
                format!("ACCOUNT_KIND_{}", kind.name())
            );
        }
        assert_eq!(AccountKind::read("wallet"), None);
    }
}
