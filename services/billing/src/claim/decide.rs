//! What may happen to a claim: which event something leads to, or why it is refused. Pure.

use uuid::Uuid;

use super::answer::{LineAnswer, Outcome};
use super::event::{Correction, Event, Resolution};
use super::model::{Claim, ClaimId, Facts, Status};
use super::position::Moves;

/// Why something cannot happen to a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Its status does not allow it.
    #[error("a claim that is {0:?} does not allow it")]
    Status(Status),
    /// It has no such line.
    #[error("the claim has no line {0}")]
    Line(u16),
    /// An answer does not account for all that was charged.
    #[error("line {0} does not add up to its charge")]
    Unbalanced(u16),
    /// A payer pays or leaves more than it was asked for.
    #[error("line {0} has more than what is asked for")]
    TooMuch(u16),
    /// Nothing was denied, or it was ended already.
    #[error("nothing is denied of line {0}")]
    NotDenied(u16),
}

impl Status {
    /// Whether an event may follow.
    const fn allows(self, event: &Event) -> bool {
        use Status as S;
        match event {
            Event::Prepared(_) => false,
            Event::PriorAnswered { .. } => !matches!(self, S::Replaced | S::Voided),
            Event::Scrubbed { .. } => {
                matches!(self, S::Draft | S::Scrubbed | S::Ready | S::Rejected)
            }
            Event::Corrected { .. } => {
                matches!(self, S::Draft | S::Scrubbed | S::Ready | S::Rejected)
            }
            Event::Submitted => matches!(self, S::Ready),
            Event::Acknowledged => matches!(self, S::Submitted),
            Event::Rejected { .. } => matches!(self, S::Submitted),
            Event::Pended => matches!(self, S::Submitted | S::Acknowledged),
            Event::Adjudicated { .. } => {
                matches!(
                    self,
                    S::Submitted | S::Acknowledged | S::Pended | S::Appealed
                )
            }
            Event::Appealed => matches!(self, S::Posted),
            Event::Posted { .. } => matches!(self, S::Adjudicated),
            Event::Resolved { .. } => matches!(self, S::Posted),
            Event::Replaced { .. } => {
                matches!(self, S::Submitted | S::Acknowledged | S::Pended | S::Posted)
            }
            Event::Voided { .. } => matches!(
                self,
                S::Draft
                    | S::Scrubbed
                    | S::Ready
                    | S::Rejected
                    | S::Submitted
                    | S::Acknowledged
                    | S::Pended
            ),
        }
    }
}

impl Claim {
    /// Whether something may happen to it now.
    ///
    /// # Errors
    /// [`Refused::Status`].
    pub const fn expect(&self, event: &Event) -> Result<(), Refused> {
        if self.status.allows(event) {
            Ok(())
        } else {
            Err(Refused::Status(self.status))
        }
    }

    /// A payer's decision, if it answers every line and accounts for every charge.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn adjudicated(&self, lines: Vec<LineAnswer>) -> Result<Event, Refused> {
        self.accounted(&lines)?;
        let denied = lines
            .iter()
            .filter(|l| l.denials().next().is_some())
            .count();
        let paid = lines.iter().any(|line| line.paid > 0) || self.received() > 0;
        let outcome = match denied {
            0 => Outcome::Paid,
            n if n == lines.len() && !paid => Outcome::Denied,
            _ => Outcome::PartiallyPaid,
        };
        let event = Event::Adjudicated { outcome, lines };
        self.expect(&event)?;
        Ok(event)
    }

    fn accounted(&self, lines: &[LineAnswer]) -> Result<(), Refused> {
        for answer in lines {
            let line = self.line(answer.sequence)?;
            let possible = answer.paid >= 0 && answer.adjustments.iter().all(|a| a.amount >= 0);
            if !possible || !answer.balances(line.charge) {
                return Err(Refused::Unbalanced(answer.sequence));
            }
        }
        let unanswered = self
            .facts
            .lines
            .iter()
            .find(|line| !lines.iter().any(|answer| answer.sequence == line.sequence));
        match unanswered {
            Some(line) => Err(Refused::Line(line.sequence)),
            None => Ok(()),
        }
    }

    /// What a remittance moves.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn posted(&self, remittance: Uuid, lines: Vec<LineAnswer>) -> Result<Event, Refused> {
        self.accounted(&lines)?;
        let mut positions = Vec::with_capacity(lines.len());
        for answer in &lines {
            // It answers what it has heard of.
            let unheard = self.unheard(answer.sequence).left_over;
            let left_over = answer.left_over().saturating_add(unheard);
            let (after, _) = self
                .line(answer.sequence)?
                .position
                .answered(answer.paid, left_over, answer.written_off())
                .map_err(|_| Refused::TooMuch(answer.sequence))?;
            positions.push((answer.sequence, after));
        }
        let event = Event::Posted {
            remittance,
            lines,
            positions,
        };
        self.expect(&event)?;
        Ok(event)
    }

    /// Ends what is denied of a line.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn resolved(&self, sequence: u16, resolution: Resolution) -> Result<Event, Refused> {
        let amount = self.line(sequence)?.position.outstanding;
        if amount == 0 {
            return Err(Refused::NotDenied(sequence));
        }
        let moves = resolution.moves(amount);
        let event = Event::Resolved {
            sequence,
            resolution,
            moves,
        };
        self.expect(&event)?;
        Ok(event)
    }

    /// Withdraws it; what it asked for, somebody else is asked for.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn voided(&self, resolution: Option<Resolution>) -> Result<Event, Refused> {
        let mut positions = Vec::new();
        for line in &self.facts.lines {
            let moves = resolution.map_or_else(Moves::default, |resolution| {
                resolution.moves(line.position.outstanding)
            });
            let after = line.position.moved(moves);
            let after = after.map_err(|_| Refused::TooMuch(line.sequence))?;
            positions.push((line.sequence, after));
        }
        let event = Event::Voided {
            resolution,
            positions,
        };
        self.expect(&event)?;
        Ok(event)
    }

    /// The payer before has left so much of each line, all in all; so much more of it is
    /// asked of this one. If it has the claim already, it hears of it when it has answered.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn prior_answered(
        &self,
        left: &[(u16, i64)],
        more: &[(u16, i64)],
    ) -> Result<Event, Refused> {
        let mut positions = Vec::with_capacity(left.len());
        for (sequence, left) in left {
            let line = self.line(*sequence)?;
            let expected = line.charge - line.position.prior;
            let after = line.position.left_by_prior(left - expected);
            let more = more.iter().find(|(of, _)| of == sequence);
            let more = more.map_or(0, |(_, more)| *more);
            positions.push((*sequence, after.asked_for(more)));
        }
        let event = Event::PriorAnswered { positions };
        self.expect(&event)?;
        Ok(event)
    }

    /// What somebody corrects, if all the lines are there.
    ///
    /// # Errors
    /// [`Refused::Line`].
    pub fn corrected(&self, lines: &[Correction]) -> Result<Event, Refused> {
        for correction in lines {
            self.line(correction.sequence)?;
        }
        Ok(Event::Corrected {
            lines: lines.to_vec(),
        })
    }

    /// The claim that takes this one's place, with lines corrected.
    #[must_use]
    pub fn replacement(&self, id: ClaimId, lines: &[Correction]) -> Facts {
        let mut corrected = self.clone();
        for correction in lines {
            corrected.correct(correction);
        }
        Facts {
            id,
            replaces: Some(self.facts.id),
            ..corrected.facts
        }
    }

    /// Whether it can be submitted as it is.
    ///
    /// # Errors
    /// [`Refused::Status`].
    pub const fn expect_ready(&self) -> Result<(), Refused> {
        match self.status {
            Status::Ready | Status::Scrubbed => Ok(()),
            status => Err(Refused::Status(status)),
        }
    }

    /// A claim for the same, after this one was withdrawn. The payer has never decided
    /// about it, so that it is no replacement.
    #[must_use]
    pub fn again(&self, id: ClaimId) -> Facts {
        Facts {
            id,
            replaces: None,
            after: None,
            ..self.facts.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use galen_contracts::ids::PatientId;
    use galen_kernel::Timestamp;
    use proptest::prelude::*;

    use super::super::answer::{Adjustment, Group, PAID_BEFORE, PRIOR_PAYER};
    use super::super::model::Line;
    use super::super::position::Position;
    use super::super::scrub::Finding;
    use super::*;

    fn facts() -> Facts {
        let position = |insured: i64, left_over: i64| Position {
            left_over,
            outstanding: insured,
            ..Position::default()
        };
        let line = |sequence: u16, position: Position| Line {
            sequence,
            charge_id: Uuid::nil(),
            code: "VISIT".to_owned(),
            category: String::new(),
            served_at: Timestamp::UNIX_EPOCH,
            visit: Uuid::nil(),
            encounter_class: "AMB".to_owned(),
            network: None,
            quantity: 1,
            charge: position.outstanding + position.left_over,
            price: None,
            diagnosis: None,
            pre_authorisation: None,
            position,
        };
        let id = ClaimId::from_uuid(Uuid::from_u128(1));
        Facts {
            id,
            root: id,
            replaces: None,
            invoice: Uuid::nil(),
            patient: PatientId::from_uuid(Uuid::nil()),
            payer: Uuid::nil(),
            plan: "basic".to_owned(),
            plan_version: 1,
            coverage: Uuid::nil(),
            part: 1,
            ordinal: 1,
            after: None,
            currency: "EUR".parse().expect("a currency"),
            file_by: None,
            lines: vec![line(1, position(800, 200)), line(2, position(300, 0))],
        }
    }

    /// A payer pays a part of what is open, leaves a part, and denies the rest.
    fn answer(claim: &Claim, paid: i64, left: i64) -> Vec<LineAnswer> {
        let say = |line: &Line| {
            let before = line.position.received + line.position.prior;
            let paid = paid.min(line.position.outstanding);
            let left = left.min(line.charge - before - paid);
            let adjustment = |group, reason: &str, amount| Adjustment {
                group,
                reason: reason.to_owned(),
                amount,
            };
            LineAnswer {
                sequence: line.sequence,
                paid,
                adjustments: vec![
                    adjustment(Group::Other, PAID_BEFORE, before),
                    adjustment(Group::Patient, "2", left),
                    adjustment(Group::Contractual, "16", line.charge - before - paid - left),
                ],
            }
        };
        claim.facts.lines.iter().map(say).collect()
    }

    fn happen(claim: &Claim, what: u8, paid: i64, left: i64) -> Result<Event, Refused> {
        let event = match what {
            0 => Event::Scrubbed {
                findings: if paid % 3 == 0 {
                    vec![Finding::error("/lines", "NO")]
                } else {
                    Vec::new()
                },
            },
            1 => Event::Submitted,
            2 => Event::Acknowledged,
            3 => Event::Rejected {
                findings: Vec::new(),
            },
            4 => Event::Pended,
            5 => return claim.adjudicated(answer(claim, paid, left)),
            6 => Event::Appealed,
            7 | 8 => return claim.posted(Uuid::nil(), answer(claim, paid, left)),
            9 => return claim.resolved(1 + u16::from(paid % 2 == 0), Resolution::Patient),
            10 => return claim.resolved(1 + u16::from(paid % 2 == 0), Resolution::WriteOff),
            11 => Event::Replaced { by: claim.facts.id },
            12 => return claim.voided((paid % 2 == 0).then_some(Resolution::Patient)),
            _ => return claim.prior_answered(&[(1, left), (2, 0)], &[(1, paid)]),
        };
        claim.expect(&event)?;
        Ok(event)
    }

    proptest! {
        #[test]
        fn a_claim_is_its_events_and_loses_no_money(
            wishes in prop::collection::vec((0_u8..14, 0_i64..1000, 0_i64..400), 0..60),
        ) {
            let at = Timestamp::UNIX_EPOCH;
            let mut claim = Claim::prepared(facts(), at);
            let mut history = Vec::new();
            for (what, paid, left) in wishes {
                let before = claim.clone();
                let Ok(event) = happen(&claim, what, paid, left) else { continue };
                claim.apply(&event, at);
                for line in &claim.facts.lines {
                    prop_assert!(line.position.is_possible());
                    prop_assert_eq!(line.position.total(), i128::from(line.charge));
                }
                prop_assert!(claim.received() >= before.received(), "money does not go back");
                prop_assert!(!matches!(before.status, Status::Replaced | Status::Voided));
                let prior_answered = matches!(event, Event::PriorAnswered { .. });
                prop_assert!(prior_answered || before.status != Status::Closed);
                prop_assert_eq!(claim.status == Status::Closed, matches!(before.status, Status::Adjudicated | Status::Posted | Status::Closed)
                    && claim.outstanding() == 0 && matches!(claim.status, Status::Closed));
                prop_assert!(!claim.is_behind() || claim.outstanding() > 0);
                history.push(event);
            }
            let mut again = Claim::prepared(facts(), at);
            for event in &history {
                let stored = serde_json::to_string(event).expect("an event is data");
                again.apply(&serde_json::from_str(&stored).expect("it is read as it was written"), at);
            }
            prop_assert_eq!(again, claim);
        }
    }

    #[test]
    fn an_answer_is_to_what_the_payer_had_heard_of() {
        let position = Position {
            prior: 120,
            outstanding: 30,
            ..Position::default()
        };
        let mut facts = facts();
        facts.lines.truncate(1);
        facts.lines[0].charge = 150;
        facts.lines[0].position = position;
        let mut claim = Claim::prepared(facts, Timestamp::UNIX_EPOCH);
        let happened = |claim: &mut Claim, event| claim.apply(&event, Timestamp::UNIX_EPOCH);
        happened(&mut claim, Event::Submitted);
        // The payer before leaves 120 after all; this one is asked for 100 of it.
        let more = claim.prior_answered(&[(1, 150)], &[(1, 100)]);
        happened(&mut claim, more.expect("it waits for an answer"));
        let position = claim.facts.lines[0].position;
        assert_eq!((position.left_over, position.outstanding), (20, 130));
        // It knows nothing of that: it pays 20 of 30, and leaves 10.
        let answer = answer_to(120, 20, 10);
        let posted = claim.adjudicated(vec![answer.clone()]).expect("it fits");
        happened(&mut claim, posted);
        let posted = claim.posted(Uuid::nil(), vec![answer]).expect("it fits");
        happened(&mut claim, posted);
        let position = claim.facts.lines[0].position;
        assert_eq!(
            (position.received, position.left_over, position.outstanding),
            (20, 30, 100)
        );
        assert!(claim.is_behind());
        let again = Claim::prepared(
            claim.replacement(claim.facts.id, &[]),
            Timestamp::UNIX_EPOCH,
        );
        assert!(!again.is_behind());
        assert_eq!(again.outstanding(), 100);
    }

    fn answer_to(prior: i64, paid: i64, left: i64) -> LineAnswer {
        let adjustment = |group, reason: &str, amount| Adjustment {
            group,
            reason: reason.to_owned(),
            amount,
        };
        LineAnswer {
            sequence: 1,
            paid,
            adjustments: vec![
                adjustment(Group::Other, PRIOR_PAYER, prior),
                adjustment(Group::Patient, "2", left),
            ],
        }
    }

    #[test]
    fn who_denies_all_has_denied_it() {
        let mut claim = Claim::prepared(facts(), Timestamp::UNIX_EPOCH);
        claim.status = Status::Acknowledged;
        let outcome = |paid, left| match claim.adjudicated(answer(&claim, paid, left)) {
            Ok(Event::Adjudicated { outcome, .. }) => outcome,
            other => panic!("{other:?}"),
        };
        assert_eq!(outcome(0, 0), Outcome::Denied);
        assert_eq!(outcome(100, 0), Outcome::PartiallyPaid);
        assert_eq!(outcome(800, 200), Outcome::Paid);
    }
}
