//! Holds: money that is promised and not yet moved.

use aws_lc_rs::digest::{SHA256, digest};
use uuid::Builder;

use super::account::{AccountId, LedgerId};
use super::operation::{Amount, Rejection, Stamp, TransferId};

/// Names a hold: the transfer that made it.
pub type HoldId = TransferId;

/// What became of a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HoldState {
    /// There is a remainder that can be captured.
    Open,
    /// Captured: wholly, or a part of it before the rest was released.
    Captured,
    /// Given up by whoever asked for it, before anything was captured.
    Voided,
    /// Its time ended before anything was captured.
    Expired,
}

impl HoldState {
    /// As it is stored.
    #[must_use]
    pub const fn number(self) -> i16 {
        match self {
            Self::Open => 0,
            Self::Captured => 1,
            Self::Voided => 2,
            Self::Expired => 3,
        }
    }

    /// Reads [`HoldState::number`].
    #[must_use]
    pub const fn from_number(number: i16) -> Option<Self> {
        Some(match number {
            0 => Self::Open,
            1 => Self::Captured,
            2 => Self::Voided,
            3 => Self::Expired,
            _ => return None,
        })
    }
}

/// Money that is promised by one account to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hold {
    /// Its name.
    pub id: HoldId,
    /// Whose accounts.
    pub ledger: LedgerId,
    /// Who promised.
    pub debit: AccountId,
    /// To whom.
    pub credit: AccountId,
    /// How much.
    pub amount: Amount,
    /// How much of it has moved so far; minor units.
    pub captured: i64,
    /// How much of that has been given back; minor units.
    pub refunded: i64,
    /// What became of it.
    pub state: HoldState,
    /// From then on it cannot be captured; `None`: no end.
    pub expires_at: Option<Stamp>,
}

impl Hold {
    /// What is still promised. Minor units; 0 when the hold is over.
    #[must_use]
    pub const fn remainder(&self) -> i64 {
        match self.state {
            HoldState::Open => self.amount.minor() - self.captured,
            HoldState::Captured | HoldState::Voided | HoldState::Expired => 0,
        }
    }

    /// What was captured and can be given back; minor units.
    #[must_use]
    pub const fn refundable(&self) -> i64 {
        self.captured - self.refunded
    }

    /// How it ends when the rest is released: what was captured stays captured.
    #[must_use]
    pub const fn released(self, why: HoldState) -> Self {
        let state = if self.captured > 0 {
            HoldState::Captured
        } else {
            why
        };
        Self { state, ..self }
    }

    /// Whether its time has ended, told to the book or not.
    #[must_use]
    pub fn is_due(&self, now: Stamp) -> bool {
        self.state == HoldState::Open && self.expires_at.is_some_and(|end| end <= now)
    }

    /// The name of the posting that says that its time ended: always the same, so that
    /// it cannot be written down twice.
    #[must_use]
    pub fn expiry(&self) -> TransferId {
        let mut named = b"galen expiry of hold ".to_vec();
        named.extend_from_slice(self.id.0.as_bytes());
        let hash = digest(&SHA256, &named);
        let bytes = hash.as_ref()[..16]
            .try_into()
            .expect("a SHA-256 has 32 bytes");
        TransferId(Builder::from_custom_bytes(bytes).into_uuid())
    }

    /// The remainder, unless the hold is over or its time has ended.
    pub(super) fn open(&self, now: Stamp) -> Result<Amount, Rejection> {
        if self.state != HoldState::Open {
            return Err(Rejection::HoldIsOver {
                hold: self.id,
                state: self.state,
            });
        }
        if self.is_due(now) {
            return Err(Rejection::HoldIsOver {
                hold: self.id,
                state: self.released(HoldState::Expired).state,
            });
        }
        Ok(Amount::new(self.remainder()).expect("an open hold has a remainder"))
    }
}
