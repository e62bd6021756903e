//! Process managers: flows across services with persisted state, deadlines and
//! compensation. Every instance ends completed, rejected or compensated, or is
//! suspended where an operator sees it.

use std::fmt::Debug;
use std::sync::Arc;

use galen_kernel::Timestamp;
use galen_storage::{Error, Tx};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::{Failure, TimerSubscription};

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

/// The engine of one kind of process.
pub struct Processes<P> {
    process: Arc<P>,
}

impl<P> Clone for Processes<P> {
    fn clone(&self) -> Self {
        Self {
            process: Arc::clone(&self.process),
        }
    }
}

impl<P: Process> Processes<P> {
    /// Runs this process.
    #[must_use]
    pub fn new(process: Arc<P>) -> Self {
        Self { process }
    }

    /// Begins an instance in the caller's transaction and performs its first
    /// decision. Beginning an existing (kind, business key) again changes nothing
    /// and returns the existing id.
    ///
    /// # Errors
    /// [`Failure`], with nothing done.
    pub async fn start(
        &self,
        tx: &mut Tx,
        business_key: &str,
        state: P::State,
        deadline: Timestamp,
    ) -> Result<Uuid, Failure> {
        let _ = (tx, business_key, state, deadline, &self.process);
        todo!()
    }

    /// Moves an instance in the caller's transaction: locks it, decides, performs,
    /// stores. Unknown and ended instances are left alone, except that an ended
    /// instance still sees late inputs (so that a late success can be undone).
    ///
    /// # Errors
    /// [`Failure`], with nothing done.
    pub async fn advance(
        &self,
        tx: &mut Tx,
        id: Uuid,
        trigger: Trigger<P::Input>,
    ) -> Result<(), Failure> {
        let _ = (tx, id, trigger);
        todo!()
    }

    /// As [`Processes::advance`], found by business key.
    ///
    /// # Errors
    /// [`Failure`], with nothing done.
    pub async fn advance_by_key(
        &self,
        tx: &mut Tx,
        business_key: &str,
        trigger: Trigger<P::Input>,
    ) -> Result<(), Failure> {
        let _ = (tx, business_key, trigger);
        todo!()
    }

    /// Where an instance stands, by business key.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn status(&self, tx: &mut Tx, business_key: &str) -> Result<Option<Status>, Error> {
        let _ = (tx, business_key);
        todo!()
    }

    /// The timers of this kind; a service lists them among its own.
    #[must_use]
    pub fn timers(&self) -> TimerSubscription {
        todo!()
    }
}
