//! What a payment is: facts that never change. What became of it is what became of its
//! hold, which has the same id.

use galen_contracts::ids::UserId;
use galen_kernel::{Currency, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::words::Described;
use crate::ledger::{
    AccountId, Amount, Group, Hold, HoldState, Operation, Request, Stamp, TransferId,
};
use crate::purpose::Purpose;

/// When the money moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[schema(as = PaymentCapture)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Capture {
    /// At once.
    #[default]
    Automatic,
    /// When whoever is paid captures what was promised.
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

    /// Reads [`Capture::name`].
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Automatic, Self::Manual]
            .into_iter()
            .find(|capture| capture.name() == name)
    }
}

/// What became of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[schema(as = PaymentStatus)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// The money is promised.
    Authorized,
    /// The money has moved, or a part of it and the rest was released.
    Captured,
    /// A part of what had moved went back.
    PartiallyRefunded,
    /// All that had moved went back.
    Refunded,
    /// Released before anything moved.
    Voided,
    /// Released because nobody captured it in time.
    Expired,
}

impl Status {
    /// What became of a hold says what became of its payment. One whose time has ended
    /// is over, whether the ledger has written it down or is about to.
    #[must_use]
    pub fn of(hold: &Hold, now: Stamp) -> Self {
        match hold.state {
            HoldState::Voided => Self::Voided,
            HoldState::Expired => Self::Expired,
            HoldState::Open if hold.captured == 0 && hold.is_due(now) => Self::Expired,
            HoldState::Open if hold.captured == 0 => Self::Authorized,
            HoldState::Open | HoldState::Captured => match hold.refunded {
                0 => Self::Captured,
                _ if hold.refundable() > 0 => Self::PartiallyRefunded,
                _ => Self::Refunded,
            },
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
    pub description: Option<Described>,
    /// What it belongs to: an invoice.
    pub reference: Option<Uuid>,
    /// Who asked for it; `None`: another service.
    pub created_by: Option<UserId>,
    /// When.
    pub created_at: Timestamp,
}

impl Payment {
    /// What begins it: the money is promised, or moves at once.
    #[must_use]
    pub fn begin(&self, expires_at: Option<Stamp>) -> Group {
        let (debit, credit, amount) = (self.from, self.to, self.amount);
        let operation = match self.capture {
            Capture::Manual => Operation::Hold {
                debit,
                credit,
                amount,
                expires_at,
            },
            Capture::Automatic => Operation::Pay {
                debit,
                credit,
                amount,
            },
        };
        Group::of(self.request(self.id, operation))
    }

    /// What captures it once: the rest of what was promised is released.
    #[must_use]
    pub fn captured(&self, id: Uuid, amount: Amount) -> Group {
        let hold = TransferId(self.id);
        let capture = self.request(
            id,
            Operation::Capture {
                hold,
                amount: Some(amount),
            },
        );
        if amount >= self.amount {
            return Group::of(capture);
        }
        let release = self.request(beside(id), Operation::Void { hold });
        Group::new(vec![capture, release]).expect("two requests are some")
    }

    /// What releases all that was promised.
    #[must_use]
    pub fn voided(&self, id: Uuid) -> Group {
        let hold = TransferId(self.id);
        Group::of(self.request(id, Operation::Void { hold }))
    }

    /// What gives some of it back.
    #[must_use]
    pub fn refunded(&self, id: Uuid, amount: Amount) -> Group {
        let hold = TransferId(self.id);
        Group::of(self.request(id, Operation::Refund { hold, amount }))
    }

    fn request(&self, id: Uuid, operation: Operation) -> Request {
        Request {
            id: TransferId(id),
            operation,
            code: Purpose::Payment.code(),
            reference: Some(self.reference.unwrap_or(self.id)),
        }
    }
}

/// The id of a second request that belongs to a first one: always the same, so that
/// asking again repeats both; of the same instant, so that the ledger sees when it is
/// new without looking.
#[must_use]
pub fn beside(id: Uuid) -> Uuid {
    /// Any bits of the random part of a `UUIDv7`.
    const OTHER: u128 = 0x6b3d_92c4_51e7;
    Uuid::from_u128(id.as_u128() ^ OTHER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::LedgerId;

    fn hold(captured: i64, refunded: i64, state: HoldState) -> Hold {
        Hold {
            id: TransferId(Uuid::nil()),
            ledger: LedgerId(1),
            debit: AccountId(1),
            credit: AccountId(2),
            amount: Amount::new(100).expect("positive"),
            captured,
            refunded,
            state,
            expires_at: Some(Stamp(10)),
        }
    }

    #[test]
    fn what_became_of_the_hold_became_of_the_payment() {
        for (captured, refunded, state, now, status) in [
            (0, 0, HoldState::Open, 9, Status::Authorized),
            (0, 0, HoldState::Open, 10, Status::Expired),
            (0, 0, HoldState::Expired, 9, Status::Expired),
            (0, 0, HoldState::Voided, 99, Status::Voided),
            (100, 0, HoldState::Captured, 99, Status::Captured),
            (40, 0, HoldState::Captured, 99, Status::Captured),
            (40, 10, HoldState::Captured, 99, Status::PartiallyRefunded),
            (40, 40, HoldState::Captured, 99, Status::Refunded),
        ] {
            let hold = hold(captured, refunded, state);
            assert_eq!(Status::of(&hold, Stamp(now)), status, "{hold:?} at {now}");
        }
    }

    #[test]
    fn a_second_request_has_another_id_of_the_same_instant() {
        let id = Uuid::now_v7();
        let second = beside(id);
        assert_ne!(second, id);
        assert_eq!(beside(second), id);
        assert_eq!(second.get_version_num(), 7);
        assert_eq!(second.get_timestamp(), id.get_timestamp());
    }
}
