//! What becomes of an order that is given to a payment provider. Pure.
//!
//! ```text
//!            ┌────────────── asked again ─┐
//!  PENDING ──┴─▶ SUCCEEDED ─▶ CAPTURED    │   the hold is captured in between
//!     │      └─▶ DECLINED ──▶ FAILED      │   the hold is voided in between
//!     └─ its deadline passes ─▶ UNKNOWN ──┘   the provider itself cannot say
//! ```
//!
//! Whoever finds out what became of an `UNKNOWN` one ends it as the provider would have
//! ([`Progress::found_out`]); it takes two people.
//!
//! The money is on hold from the beginning, so nothing that happens to a wallet in the
//! meantime keeps an order from its end. What the provider says last counts for nothing:
//! the first answer that decides is written down before the books move, and the books
//! move by an id that follows from the order. Whoever stops in between is followed by
//! somebody who does the same again, to no effect.
//!
//! **Not known is not failed.** Silence, time-outs and errors of the provider decide
//! nothing. An order fails when the provider declines it, or when the provider says after
//! the deadline that it never heard of it: it is told to begin nothing in the last minutes
//! before the deadline, so nothing is on its way any more, whosever clock is right.

use aws_lc_rs::digest::{SHA256, digest};
use galen_kernel::Timestamp;
use jiff::SignedDuration;
use uuid::{Builder, Uuid};

use crate::ledger::TransferId;
use crate::provider::resolution::model::Outcome;
use crate::provider::{ProviderReference, Reason, Report};

/// How long a worker has an order to itself: longer than it waits for an answer.
pub const LEASE: SignedDuration = SignedDuration::from_secs(30);
/// How long before the deadline the provider may begin at the latest: more than the
/// clocks of both differ by.
pub const GRACE: SignedDuration = SignedDuration::from_mins(5);
/// The longest pause between two questions before the deadline.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_mins(5);
/// The pause between two questions after the deadline.
const PAUSE_AFTERWARDS: SignedDuration = SignedDuration::from_hours(1);

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Nothing is decided.
    Pending,
    /// Nothing is decided, and the deadline has passed: somebody has to look.
    Unknown,
    /// The provider did it; the books do not say so yet.
    Succeeded,
    /// The provider did not do it; the books do not say so yet.
    Declined,
    /// Done.
    Captured,
    /// Not done, and never will be.
    Failed,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Pending,
        Self::Unknown,
        Self::Succeeded,
        Self::Declined,
        Self::Captured,
        Self::Failed,
    ];

    /// As stored.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Unknown => "UNKNOWN",
            Self::Succeeded => "SUCCEEDED",
            Self::Declined => "DECLINED",
            Self::Captured => "CAPTURED",
            Self::Failed => "FAILED",
        }
    }

    /// Reads [`State::name`].
    #[must_use]
    pub fn read(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Whether the provider has yet to decide.
    #[must_use]
    pub const fn is_undecided(self) -> bool {
        matches!(self, Self::Pending | Self::Unknown)
    }

    /// Whether nothing happens any more.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Captured | Self::Failed)
    }
}

/// What is to be done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Task {
    /// Give the order to the provider.
    Start,
    /// Ask the provider what became of it.
    Ask,
    /// Move the money that is on hold.
    Capture,
    /// Release the money that is on hold.
    Void,
}

/// What changes of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Where it stands.
    pub state: State,
    /// Whether the provider may know it. Written down before it is told.
    pub told: bool,
    /// How often a worker has taken it up.
    pub attempts: u32,
    /// When a worker takes it up again; `None` at the end.
    pub due_at: Option<Timestamp>,
    /// Until then it is to be decided.
    pub deadline: Timestamp,
    /// What the provider calls it.
    pub provider_reference: Option<ProviderReference>,
    /// Why it was not done.
    pub reason: Option<Reason>,
    /// When it was decided.
    pub decided_at: Option<Timestamp>,
}

impl Progress {
    /// Of a new order, which is due at once.
    #[must_use]
    pub const fn new(now: Timestamp, deadline: Timestamp) -> Self {
        Self {
            state: State::Pending,
            told: false,
            attempts: 0,
            due_at: Some(now),
            deadline,
            provider_reference: None,
            reason: None,
            decided_at: None,
        }
    }

    /// From then on the provider may not begin any more.
    #[must_use]
    pub fn not_after(&self) -> Timestamp {
        self.deadline
            .saturating_sub(GRACE)
            .unwrap_or(Timestamp::MIN)
    }

    /// What is to be done next; `None` at the end.
    #[must_use]
    pub fn task(&self, now: Timestamp) -> Option<Task> {
        match self.state {
            State::Pending if !self.told && now < self.not_after() => Some(Task::Start),
            State::Pending | State::Unknown => Some(Task::Ask),
            State::Succeeded => Some(Task::Capture),
            State::Declined => Some(Task::Void),
            State::Captured | State::Failed => None,
        }
    }

    /// A worker takes it up: nobody else does for the time of the [`LEASE`].
    #[must_use]
    pub fn taken_up(&self, now: Timestamp) -> Self {
        Self {
            told: self.told || self.task(now) == Some(Task::Start),
            attempts: self.attempts.saturating_add(1),
            due_at: Some(after(now, LEASE)),
            ..self.clone()
        }
    }

    /// The provider said something, or nothing, to a question that was asked then.
    /// `None` when it was decided before.
    #[must_use]
    pub fn heard(&self, report: Report, asked_at: Timestamp) -> Option<Self> {
        if !self.state.is_undecided() {
            return None;
        }
        let now = asked_at;
        let is_over = now >= self.deadline;
        Some(match report {
            Report::Succeeded { reference } => Self {
                provider_reference: Some(reference),
                ..self.decided(State::Succeeded, now)
            },
            Report::Declined { reason } => Self {
                reason: Some(reason),
                ..self.decided(State::Declined, now)
            },
            Report::NeverHeardOf if is_over => Self {
                reason: Some(Reason::NEVER_STARTED),
                ..self.decided(State::Declined, now)
            },
            Report::NeverHeardOf => Self {
                told: false,
                due_at: Some(self.next(now)),
                ..self.clone()
            },
            Report::Pending | Report::Unknown => Self {
                state: if is_over {
                    State::Unknown
                } else {
                    State::Pending
                },
                due_at: Some(self.next(now)),
                ..self.clone()
            },
        })
    }

    /// People found out what the provider cannot say. `None` unless its deadline has
    /// passed and nothing is decided.
    #[must_use]
    pub fn found_out(
        &self,
        outcome: Outcome,
        evidence: &ProviderReference,
        now: Timestamp,
    ) -> Option<Self> {
        if self.state != State::Unknown {
            return None;
        }
        let due_at = Some(now);
        Some(match outcome {
            Outcome::Settled => Self {
                provider_reference: Some(evidence.clone()),
                due_at,
                ..self.decided(State::Succeeded, now)
            },
            Outcome::Failed => Self {
                reason: Some(Reason::RESOLVED_AS_FAILED),
                due_at,
                ..self.decided(State::Declined, now)
            },
        })
    }

    /// Whoever heard it goes on with it: its lease stays.
    fn decided(&self, state: State, now: Timestamp) -> Self {
        Self {
            state,
            decided_at: Some(now),
            ..self.clone()
        }
    }

    /// The books say what was decided. `None` when nothing was, or they said so before.
    #[must_use]
    pub fn booked(&self) -> Option<Self> {
        let state = match self.state {
            State::Succeeded => State::Captured,
            State::Declined => State::Failed,
            State::Pending | State::Unknown | State::Captured | State::Failed => return None,
        };
        Some(Self {
            state,
            due_at: None,
            ..self.clone()
        })
    }

    /// The provider let know that there is something to ask for. `None` when there is
    /// nothing left to ask, or it is due anyway.
    #[must_use]
    pub fn knocked(&self, now: Timestamp) -> Option<Self> {
        let waits = self.state.is_undecided() && self.due_at.is_some_and(|due| due > now);
        waits.then(|| Self {
            due_at: Some(now),
            ..self.clone()
        })
    }

    /// When to ask again: after twice the time of the last pause, and never later than
    /// at the deadline.
    fn next(&self, now: Timestamp) -> Timestamp {
        if now >= self.deadline {
            return after(now, PAUSE_AFTERWARDS);
        }
        let pause = SignedDuration::from_secs(1 << self.attempts.min(16)).min(LONGEST_PAUSE);
        after(now, pause).min(self.deadline)
    }
}

/// The posting that ends an order: always the same, so that it is not written down twice.
#[must_use]
pub fn posting(order: Uuid, task: Task) -> TransferId {
    let what: &[u8] = match task {
        Task::Void => b"galen void of order ",
        Task::Start | Task::Ask | Task::Capture => b"galen capture of order ",
    };
    let hash = digest(&SHA256, &[what, order.as_bytes()].concat());
    let bytes = hash.as_ref()[..16]
        .try_into()
        .expect("a SHA-256 has 32 bytes");
    TransferId(Builder::from_custom_bytes(bytes).into_uuid())
}

/// Later by so much; the end of time at most.
#[must_use]
pub fn after(instant: Timestamp, by: SignedDuration) -> Timestamp {
    instant.saturating_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
