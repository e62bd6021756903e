//! Groups on their way to the writer, and answers on their way back.

use galen_kernel::Problem;
use galen_service::{Deferred, Outcome};
use tokio::sync::oneshot;

use super::{Answering, Fact};
use crate::ledger::{Group, book};

/// A group on its way to the writer.
pub(super) struct Submission {
    pub(super) group: Group,
    pub(super) facts: Vec<Fact>,
    pub(super) asker: Asker,
}

/// What became of the requests of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// In the order of the requests.
    pub answers: Vec<book::Answer>,
    /// Whether it was decided before, wholly or in part: these are the first answers, and
    /// much may have happened since.
    pub is_repeated: bool,
}

/// Who waits for it.
pub(super) enum Asker {
    /// Somebody who wants to know what became of the requests.
    Service(oneshot::Sender<Told>),
    /// A command.
    Command {
        deferred: Deferred,
        answer: Answering,
        to: oneshot::Sender<Outcome>,
    },
}

/// What somebody is told.
pub(super) enum Reply {
    Service(Told),
    Command(Box<Outcome>),
}

impl Submission {
    /// Whether nobody waits any more.
    pub(super) fn is_given_up(&self) -> bool {
        match &self.asker {
            Asker::Service(to) => to.is_closed(),
            Asker::Command { to, .. } => to.is_closed(),
        }
    }

    pub(super) const fn command(&self) -> Option<&Deferred> {
        match &self.asker {
            Asker::Service(_) => None,
            Asker::Command { deferred, .. } => Some(deferred),
        }
    }

    /// Whoever no longer waits asks again with the same ids or the same key.
    pub(super) fn answer(self, reply: Reply) {
        match (self.asker, reply) {
            (Asker::Service(to), Reply::Service(told)) => {
                let _ = to.send(told);
            }
            (Asker::Command { to, .. }, Reply::Command(outcome)) => {
                let _ = to.send(*outcome);
            }
            (Asker::Service(_), Reply::Command(_)) | (Asker::Command { .. }, Reply::Service(_)) => {
                unreachable!("a reply is made for its asker")
            }
        }
    }

    /// It cannot be stored.
    pub(super) fn fail(self, problem: Problem) {
        if let Asker::Command { to, .. } = self.asker {
            let _ = to.send(Err(problem.into()));
        }
    }
}
