//! What the simulated payer decides. Pure, so that it decides the same again.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Standing, Submission};
use crate::claim::answer::{Adjustment, Group, LineAnswer, PAID_BEFORE, PRIOR_PAYER};
use crate::claim::model::Line;
use crate::claim::scrub::Finding;

/// Needed information is missing (X12 CARC).
const INFORMATION_MISSING: &str = "16";
/// Nobody agreed beforehand (X12 CARC).
const UNAUTHORISED: &str = "197";
/// Coinsurance (X12 CARC).
const COINSURANCE: &str = "2";

/// An agreement that the payer has given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Agreed {
    pub(super) patient: Uuid,
    pub(super) code: String,
    pub(super) from: Date,
    pub(super) to: Date,
}

/// What the plan says to a line: what all in all it pays of what it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Payable {
    pub(super) sequence: u16,
    pub(super) paid: i64,
}

/// What was decided, once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Decision {
    /// It is looked at more closely before it is told.
    pub(super) review: bool,
    /// What is told.
    pub(super) standing: Standing,
}

/// By what it decides, beside the plan.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    pub(super) authorise_above: i64,
    pub(super) review_above: i64,
}

impl Rules {
    /// Decides about a claim.
    ///
    /// At its front end it does not take numbers of agreements that it has not given. A
    /// line without a diagnosis is denied for want of information, a dear one to which it
    /// has not agreed for that; the rest is paid as the plan says.
    pub(super) fn decide(
        &self,
        submission: &Submission,
        agreed: &BTreeMap<String, Agreed>,
        payable: &[Payable],
    ) -> Decision {
        let facts = &submission.facts;
        let unknown: Vec<Finding> = facts
            .lines
            .iter()
            .enumerate()
            .filter(|(_, line)| {
                let number = line.pre_authorisation.as_ref();
                number.is_some_and(|number| !agreed.contains_key(number))
            })
            .map(|(index, _)| {
                let at = format!("/lines/{index}/preAuthorisationNumber");
                Finding::error(at, "UNKNOWN_TO_PAYER")
            })
            .collect();
        if !unknown.is_empty() {
            return Decision {
                review: false,
                standing: Standing::Rejected { findings: unknown },
            };
        }
        let lines = facts
            .lines
            .iter()
            .map(|line| {
                let paid = payable.iter().find(|p| p.sequence == line.sequence);
                let paid = paid.map_or(0, |payable| payable.paid);
                match self.denial(submission, line, agreed) {
                    Some(reason) => denied(line, reason),
                    None => answered(line, paid),
                }
            })
            .collect();
        let charged: i64 = facts.lines.iter().map(|line| line.charge).sum();
        Decision {
            review: charged > self.review_above,
            standing: Standing::Decided { lines },
        }
    }

    fn denial(
        &self,
        submission: &Submission,
        line: &Line,
        agreed: &BTreeMap<String, Agreed>,
    ) -> Option<&'static str> {
        if line.diagnosis.is_none() {
            return Some(INFORMATION_MISSING);
        }
        if line.charge <= self.authorise_above {
            return None;
        }
        let day = line.served_at.to_zoned(jiff::tz::TimeZone::UTC).date();
        let fits = agreed.iter().any(|(number, agreement)| {
            // Who appeals is helped to find what was agreed.
            (submission.appeal || line.pre_authorisation.as_ref() == Some(number))
                && agreement.patient == submission.facts.patient.uuid()
                && agreement.code == line.code
                && (agreement.from..=agreement.to).contains(&day)
        });
        (!fits).then_some(UNAUTHORISED)
    }
}

fn answer(line: &Line, paid: i64, rest: [(Group, &str, i64); 2]) -> LineAnswer {
    let position = &line.position;
    let before = [
        (Group::Other, PRIOR_PAYER, position.prior),
        (Group::Other, PAID_BEFORE, position.received),
    ];
    LineAnswer {
        sequence: line.sequence,
        paid,
        adjustments: before
            .into_iter()
            .chain(rest)
            .filter(|(_, _, amount)| *amount > 0)
            .map(|(group, reason, amount)| Adjustment {
                group,
                reason: reason.to_owned(),
                amount,
            })
            .collect(),
    }
}

/// Nothing of what is open is paid.
fn denied(line: &Line, reason: &str) -> LineAnswer {
    let open = line.charge - line.position.prior - line.position.received;
    let rest = [
        (Group::Contractual, reason, open),
        (Group::Patient, COINSURANCE, 0),
    ];
    answer(line, 0, rest)
}

/// What the plan pays is paid, as far as it is asked for; the patient has the rest.
fn answered(line: &Line, payable: i64) -> LineAnswer {
    let position = &line.position;
    let paid = (payable - position.received).clamp(0, position.outstanding);
    let open = line.charge - position.prior - position.received - paid;
    let rest = [
        (Group::Contractual, "45", position.written_off),
        (Group::Patient, COINSURANCE, open - position.written_off),
    ];
    answer(line, paid, rest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::claim::position::Position;

    prop_compose! {
        fn line()(places in proptest::array::uniform5(0_i64..500), payable in 0_i64..2000) -> (Line, i64) {
            let [received, written_off, left_over, prior, outstanding] = places;
            let line = Line {
                sequence: 1,
                charge_id: Uuid::nil(),
                code: "99213".to_owned(),
                category: "VISIT".to_owned(),
                served_at: jiff::Timestamp::UNIX_EPOCH,
                visit: Uuid::nil(),
                encounter_class: "AMB".to_owned(),
                network: None,
                quantity: 1,
                charge: received + written_off + left_over + prior + outstanding,
                price: None,
                diagnosis: None,
                pre_authorisation: None,
                position: Position { received, written_off, left_over, prior, outstanding },
            };
            (line, payable)
        }
    }

    proptest! {
        #[test]
        fn every_answer_accounts_for_the_charge_and_fits_what_was_asked((line, payable) in line()) {
            for said in [denied(&line, "16"), answered(&line, payable)] {
                prop_assert!(said.balances(line.charge), "{said:?}");
                let (after, moves) = line
                    .position
                    .answered(said.paid, said.left_over(), said.written_off())
                    .expect("the payer does not pay more than it is asked for");
                prop_assert!(moves.paid <= line.position.outstanding);
                let is_denied = said.denials().next().is_some();
                prop_assert!(is_denied || after.outstanding == 0, "{said:?} {after:?}");
            }
        }
    }
}
