//! What an account is for. Pure.

use galen_contracts::securepay::v1::AccountKind;
use galen_kernel::{Currency, Id, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::ledger::{AccountId, LedgerId, Limit};

/// What a [`PublicId`] identifies.
pub enum AccountMarker {}

/// An account as everybody outside of the ledger calls it; of a wallet, the wallet's id.
pub type PublicId = Id<AccountMarker>;

/// What an account is for; its side of the books follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Money of somebody that the hospital keeps. Never overdrawn.
    Wallet,
    /// What somebody owes: one for each invoice or claim. Never overpaid.
    Receivable,
    /// What was earned.
    Revenue,
    /// What was given up.
    WriteOff,
    /// Money in a till or a safe.
    Cash,
    /// Money in a bank account.
    Bank,
    /// Money on its way from or to a payment provider.
    Clearing,
    /// Money of which nobody knows yet what it is for.
    Suspense,
    /// What counting a till found too much or too little.
    CashVariance,
    /// What there was before the books began.
    Equity,
    /// What a customer paid before anything was done for it: one for each appointment.
    /// Never overdrawn.
    Deposit,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 11] = [
        Self::Wallet,
        Self::Receivable,
        Self::Revenue,
        Self::WriteOff,
        Self::Cash,
        Self::Bank,
        Self::Clearing,
        Self::Suspense,
        Self::CashVariance,
        Self::Equity,
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
            Self::Equity => "EQUITY",
            Self::Deposit => "DEPOSIT",
        }
    }

    /// Reads [`Kind::name`].
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// What an account of this kind may never do.
    #[must_use]
    pub const fn limit(self) -> Limit {
        match self {
            Self::Wallet | Self::Deposit => Limit::DebitsWithinCredits,
            Self::Receivable => Limit::CreditsWithinDebits,
            Self::Revenue
            | Self::WriteOff
            | Self::Cash
            | Self::Bank
            | Self::Clearing
            | Self::Suspense
            | Self::CashVariance
            | Self::Equity => Limit::None,
        }
    }

    /// As other services write it.
    #[must_use]
    pub const fn to_wire(self) -> AccountKind {
        match self {
            Self::Wallet => AccountKind::Wallet,
            Self::Receivable => AccountKind::Receivable,
            Self::Revenue => AccountKind::Revenue,
            Self::WriteOff => AccountKind::WriteOff,
            Self::Cash => AccountKind::Cash,
            Self::Bank => AccountKind::Bank,
            Self::Clearing => AccountKind::Clearing,
            Self::Suspense => AccountKind::Suspense,
            Self::CashVariance => AccountKind::CashVariance,
            Self::Equity => AccountKind::Equity,
            Self::Deposit => AccountKind::Deposit,
        }
    }

    /// Reads [`Kind::to_wire`].
    #[must_use]
    pub fn from_wire(kind: AccountKind) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.to_wire() == kind)
    }
}

/// Who has wallets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[schema(as = WalletKind)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OwnerKind {
    /// A patient.
    Patient,
    /// Whoever insures patients.
    Insurer,
    /// The hospital itself.
    Hospital,
}

impl OwnerKind {
    /// As stored.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Patient => "PATIENT",
            Self::Insurer => "INSURER",
            Self::Hospital => "HOSPITAL",
        }
    }

    /// Reads [`OwnerKind::name`].
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Patient, Self::Insurer, Self::Hospital]
            .into_iter()
            .find(|kind| kind.name() == name)
    }
}

/// Whose account it is, or what for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Owner {
    /// The hospital.
    Hospital,
    /// A patient; of wallets only.
    Patient(Uuid),
    /// An insurer; of wallets only.
    Insurer(Uuid),
    /// An invoice, a claim, a cash session, a payment provider: whatever it is called.
    Thing(Uuid),
}

impl Owner {
    /// Whoever an account of a kind belongs to that has this id. A wallet of which
    /// nothing else is said is a patient's.
    #[must_use]
    pub const fn of(kind: Kind, id: Option<Uuid>) -> Self {
        match (kind, id) {
            (_, None) => Self::Hospital,
            (Kind::Wallet, Some(id)) => Self::Patient(id),
            (_, Some(id)) => Self::Thing(id),
        }
    }

    /// Its id; the hospital has none.
    #[must_use]
    pub const fn id(self) -> Option<Uuid> {
        match self {
            Self::Hospital => None,
            Self::Patient(id) | Self::Insurer(id) | Self::Thing(id) => Some(id),
        }
    }

    /// Who owns a wallet of it.
    #[must_use]
    pub const fn kind(self) -> Option<OwnerKind> {
        match self {
            Self::Hospital => Some(OwnerKind::Hospital),
            Self::Patient(_) => Some(OwnerKind::Patient),
            Self::Insurer(_) => Some(OwnerKind::Insurer),
            Self::Thing(_) => None,
        }
    }
}

/// An account, without what happened to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// What the ledger calls it.
    pub id: AccountId,
    /// What everybody else calls it.
    pub public_id: PublicId,
    /// Where it belongs.
    pub ledger: LedgerId,
    /// What it is for.
    pub kind: Kind,
    /// Whose it is.
    pub owner: Owner,
    /// Of what.
    pub currency: Currency,
    /// Since when.
    pub opened_at: Timestamp,
    /// Rises by one with every change of its standing.
    pub version: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_read_as_they_are_written() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_name(kind.name()), Some(kind));
            assert_eq!(Kind::from_wire(kind.to_wire()), Some(kind));
        }
        assert_eq!(Kind::from_wire(AccountKind::Unspecified), None);
        assert_eq!(Kind::from_name("wallet"), None);
    }

    #[test]
    fn wallets_and_deposits_are_never_overdrawn_and_debts_never_overpaid() {
        assert_eq!(Kind::Wallet.limit(), Limit::DebitsWithinCredits);
        assert_eq!(Kind::Receivable.limit(), Limit::CreditsWithinDebits);
        assert_eq!(Kind::Deposit.limit(), Limit::DebitsWithinCredits);
        let limited = [Kind::Wallet, Kind::Receivable, Kind::Deposit];
        let mut others = Kind::ALL.into_iter().filter(|kind| !limited.contains(kind));
        assert!(others.all(|kind| kind.limit() == Limit::None));
    }
}
