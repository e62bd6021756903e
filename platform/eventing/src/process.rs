//! Process managers: flows across services with persisted state, deadlines and
//! compensation. Every instance ends completed, rejected or compensated, or is
//! suspended where an operator sees it.

mod engine;

use std::fmt::Debug;

use galen_kernel::Timestamp;
use galen_storage::{Error, Tx};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::Failure;
pub use engine::Processes;

/// Where an instance stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// Going forward.
    Running,
    /// Undoing what was done.
    Compensating,
    /// Ended as wished.
    Completed,
    /// Ended before anything had to be undone.
    Rejected,
    /// Ended with everything undone.
    Compensated,
    /// Neither way leads on: an operator decides.
    Suspended,
}

/// What moves an instance.
#[derive(Debug, Clone)]
pub enum Trigger<I> {
    /// It begins.
    Started,
    /// An answer or another event arrived.
    Input(I),
    /// A timer that a decision set came due; carries its name.
    TimedOut(String),
    /// The instance's own deadline passed.
    DeadlinePassed,
}

/// A change to an instance's timers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimerChange {
    /// Fire [`Trigger::TimedOut`] with this name at the instant.
    Set {
        /// The timer's name within the instance.
        name: String,
        /// When.
        at: Timestamp,
    },
    /// Do not.
    Cancel {
        /// The timer's name within the instance.
        name: String,
    },
}

/// What a process decides: the next state and what is to be done for it.
#[derive(Debug, Clone)]
pub struct Decision<S, A> {
    /// The next state.
    pub state: S,
    /// Where the instance then stands.
    pub status: Status,
    /// Name of the step it then waits in, for the operator.
    pub step: &'static str,
    /// Commands and local effects, performed in the same transaction.
    pub actions: Vec<A>,
    /// Timers to set and cancel.
    pub timers: Vec<TimerChange>,
}

/// An instance as a process sees it.
#[derive(Debug, Clone)]
pub struct Instance {
    /// The process id.
    pub id: Uuid,
    /// The aggregate it is about; unique per kind.
    pub business_key: String,
    /// Version of the definition it started under.
    pub definition_version: i16,
    /// When the whole must have ended.
    pub deadline: Timestamp,
}

impl Instance {
    /// The id of a step's command: the same however often the step is executed
    /// (UUIDv5 over instance and step), so that receivers can drop repeats.
    #[must_use]
    pub fn command_id(&self, step: &str) -> Uuid {
        Uuid::new_v5(&self.id, step.as_bytes())
    }
}

/// A process: a pure decision function, and the performance of its actions.
pub trait Process: Send + Sync + 'static {
    /// `scheduling.booking`.
    const KIND: &'static str;
    /// Rises when running instances of the former definition could not go on.
    const VERSION: i16;
    /// Persisted between triggers, as JSON. No personal data.
    type State: Serialize + DeserializeOwned + Clone + Debug + Send + Sync + 'static;
    /// Answers and events it listens to.
    type Input: Debug + Send + 'static;
    /// What it can do.
    type Action: Debug + Send + 'static;

    /// Decides. Pure: no clock (`now` is given), no I/O. A trigger that does not
    /// matter in this state returns the state unchanged.
    fn decide(
        state: Self::State,
        trigger: Trigger<Self::Input>,
        now: Timestamp,
    ) -> Decision<Self::State, Self::Action>;

    /// Performs one action in the instance's transaction: SQL on the service's own
    /// tables, or publishing a command.
    fn perform(
        &self,
        tx: &mut Tx,
        instance: &Instance,
        action: Self::Action,
    ) -> impl Future<Output = Result<(), Failure>> + Send;
}

impl Status {
    /// Whether nothing more is to be done.
    #[must_use]
    pub const fn has_ended(self) -> bool {
        matches!(self, Self::Completed | Self::Rejected | Self::Compensated)
    }

    /// As stored.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Compensating => "COMPENSATING",
            Self::Completed => "COMPLETED",
            Self::Rejected => "REJECTED",
            Self::Compensated => "COMPENSATED",
            Self::Suspended => "SUSPENDED",
        }
    }

    fn named(name: &str) -> Result<Self, Error> {
        [
            Self::Running,
            Self::Compensating,
            Self::Completed,
            Self::Rejected,
            Self::Compensated,
            Self::Suspended,
        ]
        .into_iter()
        .find(|status| status.name() == name)
        .ok_or(Error::Inconsistent {
            column: "events.process.status",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_has_the_same_id_however_often_its_step_runs() {
        let instance = |id| Instance {
            id: Uuid::from_u128(id),
            business_key: "a".to_owned(),
            definition_version: 1,
            deadline: Timestamp::UNIX_EPOCH,
        };
        assert_eq!(
            instance(1).command_id("charge"),
            instance(1).command_id("charge")
        );
        assert_ne!(
            instance(1).command_id("charge"),
            instance(1).command_id("refund")
        );
        assert_ne!(
            instance(1).command_id("charge"),
            instance(2).command_id("charge")
        );
    }

    #[test]
    fn a_status_survives_storing() {
        for name in [
            "RUNNING",
            "COMPENSATING",
            "COMPLETED",
            "REJECTED",
            "COMPENSATED",
            "SUSPENDED",
        ] {
            let status = Status::named(name).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(status.name(), name);
            assert_eq!(serde_json::to_value(status).ok(), Some(name.into()));
        }
        assert!(Status::named("OTHER").is_err());
    }
}
