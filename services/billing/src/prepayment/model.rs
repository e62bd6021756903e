//! A prepayment, and where it stands. Pure.

use galen_contracts::ids::{AppointmentId, PatientId};
use galen_kernel::{Currency, Id, Timestamp};
use uuid::Uuid;

/// What a [`PrepaymentId`] identifies.
pub enum PrepaymentKind {}

/// A prepayment's id, and its payment's in SecurePay.
pub type PrepaymentId = Id<PrepaymentKind>;

/// Where a prepayment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// SecurePay is asked to pay.
    Requested,
    /// Nobody wants it any more; SecurePay is asked whether it has paid.
    Withdrawn,
    /// The money is there.
    Held,
    /// The money is there, and the patient did not come, unless that was a mistake.
    Missed,
    /// It paid for an invoice.
    Applied,
    /// It went back.
    Released,
    /// A part or all of it was kept as a fee.
    Forfeited,
    /// It went on to the appointment that took the place of its own.
    Moved,
    /// The patient could not pay.
    Refused,
    /// Nobody answered in time.
    Expired,
}

impl Status {
    /// Every one.
    pub const ALL: [Self; 10] = [
        Self::Requested,
        Self::Withdrawn,
        Self::Held,
        Self::Missed,
        Self::Applied,
        Self::Released,
        Self::Forfeited,
        Self::Moved,
        Self::Refused,
        Self::Expired,
    ];

    /// As stored and told.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requested => "REQUESTED",
            Self::Withdrawn => "WITHDRAWN",
            Self::Held => "HELD",
            Self::Missed => "MISSED",
            Self::Applied => "APPLIED",
            Self::Released => "RELEASED",
            Self::Forfeited => "FORFEITED",
            Self::Moved => "MOVED",
            Self::Refused => "REFUSED",
            Self::Expired => "EXPIRED",
        }
    }

    /// Reads [`Status::name`].
    #[must_use]
    pub fn read(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }

    /// Whether nothing more is to be done about it, or held.
    #[must_use]
    pub const fn is_over(self) -> bool {
        !matches!(
            self,
            Self::Requested | Self::Withdrawn | Self::Held | Self::Missed
        )
    }
}

/// What is to be done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// SecurePay is asked to pay.
    Pay,
    /// SecurePay is asked whether it has paid.
    Look,
    /// What was missed is settled.
    Settle,
}

impl Question {
    /// As stored.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pay => "PAY",
            Self::Look => "LOOK",
            Self::Settle => "SETTLE",
        }
    }

    /// Reads [`Question::name`].
    #[must_use]
    pub fn read(name: &str) -> Option<Self> {
        [Self::Pay, Self::Look, Self::Settle]
            .into_iter()
            .find(|question| question.name() == name)
    }
}

/// What came and went. Minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sums {
    /// What the patient is asked for.
    pub asked: i64,
    /// What of it the wallet is to pay.
    pub to_pay: i64,
    /// What the wallet paid: all of that, or nothing.
    pub paid: i64,
    /// What came with the appointment that is replaced.
    pub taken_over: i64,
    /// What went to an invoice.
    pub applied: i64,
    /// What went to revenue.
    pub forfeited: i64,
    /// What went to the wallet.
    pub released: i64,
    /// What went on to another appointment.
    pub handed_on: i64,
}

impl Sums {
    /// What is there.
    #[must_use]
    pub const fn held(&self) -> i64 {
        self.paid + self.taken_over - self.applied - self.forfeited - self.released - self.handed_on
    }
}

/// What was charged for an appointment that took place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charged {
    /// Nothing any more: all of it was taken back or credited.
    Nothing,
    /// It is on this invoice, which was issued.
    Invoiced(Uuid),
    /// Something that can still be invoiced.
    Open,
}

/// A wallet, and who owns it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wallet {
    /// As SecurePay calls it.
    pub id: Uuid,
    /// The record of the patient that it was opened for.
    pub owner: Uuid,
}

/// The booking process that waits for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asker {
    /// The process.
    pub process: Uuid,
    /// Its command, however often it is repeated.
    pub command: Uuid,
}

/// What a patient pays before an appointment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepayment {
    /// Its id, and its payment's.
    pub id: PrepaymentId,
    /// Before which appointment.
    pub appointment: AppointmentId,
    /// Whose.
    pub patient: PatientId,
    /// Who waits for an answer; `None`: it came with another appointment.
    pub asker: Option<Asker>,
    /// Where it stands.
    pub status: Status,
    /// Why it was refused.
    pub refusal: Option<String>,
    /// Of all amounts.
    pub currency: Currency,
    /// What came and went.
    pub sums: Sums,
    /// Where the money comes from and goes back to.
    pub wallet: Option<Wallet>,
    /// Whether SecurePay may have been asked to pay.
    pub sent: bool,
    /// The invoice that it pays for, or will when the money is there.
    pub invoice: Option<Uuid>,
    /// When the appointment is over.
    pub ends_at: Timestamp,
    /// Until then SecurePay is asked to pay.
    pub deadline: Timestamp,
    /// What is to be done next, and when.
    pub next: Option<(Question, Timestamp)>,
    /// Rises by one with every change.
    pub version: i64,
}

impl Prepayment {
    /// Nothing yet.
    #[must_use]
    pub fn new(
        id: PrepaymentId,
        appointment: AppointmentId,
        patient: PatientId,
        currency: Currency,
        (ends_at, deadline): (Timestamp, Timestamp),
    ) -> Self {
        Self {
            id,
            appointment,
            patient,
            asker: None,
            status: Status::Requested,
            refusal: None,
            currency,
            sums: Sums::default(),
            wallet: None,
            sent: false,
            invoice: None,
            ends_at,
            deadline,
            next: None,
            version: 1,
        }
    }
}
