//! Why somebody may or may not do something.

use cedar_policy::Decision;

use super::{Holder, Policies, Question, source};
use crate::{Permission, Reach};

/// An answer with its reasons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// What was asked about.
    pub permission: Permission,
    /// How far it reaches; `None`: not at all.
    pub reach: Option<Reach>,
    /// What the policies say of each relation to a record that the permission knows.
    pub cases: Vec<Case>,
}

/// What the policies say of one relation to a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// The caller's own, of somebody they care for, or anybody's.
    pub record: Reach,
    /// Whether it is permitted.
    pub allowed: bool,
    /// The policies that decided; none when nothing permits it.
    pub because: Vec<Because>,
}

/// A policy that decided.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Because {
    /// Its `@id`.
    pub id: String,
    /// It takes away, whatever others permit.
    pub forbids: bool,
    /// Its `@why`.
    pub why: String,
}

impl Policies {
    /// What is decided for a holder, and by which policies.
    pub(super) fn explain(&self, holder: &Holder, permission: Permission) -> Explanation {
        let question = Question::new(self, holder);
        let cases = self
            .kind(permission)
            .reaches()
            .iter()
            .map(|record| case(question.as_ref(), permission, *record))
            .collect();
        Explanation {
            permission,
            reach: self.reach(holder, permission),
            cases,
        }
    }
}

fn case(question: Option<&Question<'_>>, permission: Permission, record: Reach) -> Case {
    let mut case = Case {
        record,
        allowed: false,
        because: Vec::new(),
    };
    let Some((question, response)) =
        question.and_then(|question| Some((question, question.ask(permission, record)?)))
    else {
        return case;
    };
    case.allowed = response.decision() == Decision::Allow;
    case.because = response
        .diagnostics()
        .reason()
        .filter_map(|id| question.set.policy(id))
        .map(|policy| Because {
            id: policy.id().to_string(),
            forbids: source::forbids(policy),
            why: policy.annotation("why").unwrap_or_default().to_owned(),
        })
        .collect();
    case.because.sort();
    case
}
