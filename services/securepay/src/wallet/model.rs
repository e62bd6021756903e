//! A wallet. Pure.

use galen_kernel::{Money, Problem, Timestamp};
use galen_service::{MoneyView, PeerError};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::account::{Account, OwnerKind};
use crate::ledger::{Standing, Totals};

/// Whether a wallet takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum WalletStanding {
    /// It does.
    Open,
    /// Nothing new; what was promised before may still be captured or released.
    Frozen,
    /// Nothing at all, for good.
    Closed,
}

impl WalletStanding {
    /// As events say it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "OPEN",
            Self::Frozen => "FROZEN",
            Self::Closed => "CLOSED",
        }
    }
}

impl From<Standing> for WalletStanding {
    fn from(standing: Standing) -> Self {
        match standing {
            Standing::Open => Self::Open,
            Standing::Frozen => Self::Frozen,
            Standing::Closed => Self::Closed,
        }
    }
}

/// Whether somebody can get a wallet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// They can.
    Active,
    /// Not any more: they keep those that they have.
    Inactive,
    /// There is nobody.
    Unknown,
}

/// A wallet with its standing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wallet {
    /// The account that it is.
    pub account: Account,
    /// Whether it takes part.
    pub standing: Standing,
}

/// A wallet.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Wallet)]
#[serde(rename_all = "camelCase")]
pub struct WalletView {
    /// Its id.
    pub id: Uuid,
    /// Who owns it.
    pub kind: OwnerKind,
    /// The patient or the organisation; absent for the hospital.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<Uuid>,
    /// ISO 4217.
    #[schema(min_length = 3, max_length = 3, example = "EUR")]
    pub currency: String,
    /// Whether it takes part.
    pub standing: WalletStanding,
    /// Since when.
    pub opened_at: Timestamp,
    /// For `If-Match`.
    pub version: i64,
}

impl From<Wallet> for WalletView {
    fn from(Wallet { account, standing }: Wallet) -> Self {
        Self {
            id: account.public_id.uuid(),
            kind: account.owner.kind().unwrap_or(OwnerKind::Patient),
            owner_id: account.owner.id(),
            currency: account.currency.code().to_owned(),
            standing: standing.into(),
            opened_at: account.opened_at,
            version: account.version,
        }
    }
}

/// What is in a wallet.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WalletBalance)]
pub struct BalanceView {
    /// What is in it.
    pub posted: MoneyView,
    /// By how much that changes when all that is promised is kept: negative when more is
    /// promised to others than by others.
    pub pending: MoneyView,
    /// What can be spent: without what is promised to others, and without what others
    /// have promised and not yet paid.
    pub available: MoneyView,
    /// When that is so.
    pub at: Timestamp,
}

impl BalanceView {
    /// What totals come to.
    #[must_use]
    pub fn of(account: &Account, totals: Totals, at: Timestamp) -> Self {
        let money = |minor| {
            MoneyView::from(Money {
                minor,
                currency: account.currency,
            })
        };
        Self {
            posted: money(totals.balance()),
            pending: money(totals.credits_pending - totals.debits_pending),
            available: money(totals.available()),
            at,
        }
    }
}

/// Why a wallet is not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no such patient.
    #[error("no such patient")]
    PatientUnknown,
    /// The record is closed.
    #[error("the record is closed")]
    PatientInactive,
    /// There is no such payer.
    #[error("no such payer")]
    PayerUnknown,
    /// Nothing new is agreed with the payer.
    #[error("the payer is inactive")]
    PayerInactive,
    /// Nobody knows at the moment.
    #[error(transparent)]
    Peer(#[from] PeerError),
}

impl From<OpenError> for Problem {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::PatientUnknown => {
                Self::invalid_field("/ownerId", "UNKNOWN_PATIENT", "names no patient")
            }
            OpenError::PatientInactive => {
                Self::conflict("PATIENT_INACTIVE", "The record is closed.")
            }
            OpenError::PayerUnknown => {
                Self::invalid_field("/ownerId", "UNKNOWN_PAYER", "names no payer")
            }
            OpenError::PayerInactive => {
                Self::conflict("PAYER_INACTIVE", "The payer is not active.")
            }
            OpenError::Peer(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::{Kind, Owner};
    use crate::ledger::{AccountId, LedgerId};

    #[test]
    fn a_balance_says_what_is_there_what_is_promised_and_what_can_be_spent() {
        let account = Account {
            id: AccountId(1),
            public_id: galen_kernel::Id::from_uuid(Uuid::nil()),
            ledger: LedgerId(1),
            kind: Kind::Wallet,
            owner: Owner::Hospital,
            currency: "EUR".parse().expect("a currency"),
            opened_at: Timestamp::UNIX_EPOCH,
            version: 1,
        };
        let totals = Totals {
            debits_pending: 3_000,
            debits_posted: 1_000,
            credits_pending: 500,
            credits_posted: 10_000,
        };
        let view = BalanceView::of(&account, totals, Timestamp::UNIX_EPOCH);
        let amounts = [view.posted, view.pending, view.available].map(|money| money.amount);
        assert_eq!(amounts, ["90.00", "-25.00", "60.00"]);
    }
}
