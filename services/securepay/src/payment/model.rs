//! What a payment is: facts that never change. What became of it is what became of its
//! hold, which has the same id.

use galen_contracts::ids::UserId;
use galen_kernel::{Currency, Timestamp};
use galen_vault::Sealed;
use uuid::Uuid;

use crate::ledger::{AccountId, Amount};

/// When the money moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capture {
    /// At once.
    Automatic,
    /// When somebody captures what was promised.
    Manual,
}

impl Capture {
    /// As it is stored.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Automatic => "AUTOMATIC",
            Self::Manual => "MANUAL",
        }
    }
}

/// A payment as it was asked for.
#[derive(Debug, Clone)]
pub struct Payment {
    /// Its own, and its hold's.
    pub id: Uuid,
    /// Who pays.
    pub from: AccountId,
    /// Who is paid.
    pub to: AccountId,
    /// How much, at most.
    pub amount: Amount,
    /// Of both accounts.
    pub currency: Currency,
    /// When the money moves.
    pub capture: Capture,
    /// What somebody wrote about it.
    pub description: Option<Sealed<String>>,
    /// What it belongs to: an invoice.
    pub reference: Option<Uuid>,
    /// Who asked for it; `None`: another service.
    pub created_by: Option<UserId>,
    /// When.
    pub created_at: Timestamp,
}
