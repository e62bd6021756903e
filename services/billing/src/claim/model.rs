//! A claim: what may happen to it, and what it is afterwards. Pure.
//!
//! A claim is its events: [`Claim::prepared`] begins one, [`Claim::adjudicated`] and those
//! like it say which event something leads to or why it is refused, [`Claim::apply`] is
//! the only way that a claim changes.

use galen_contracts::ids::PatientId;
use galen_kernel::{Currency, Id, Timestamp};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::position::{Moves, Position};
use super::scrub::Finding;

/// What a [`ClaimId`] identifies.
pub enum ClaimKind {}

/// A claim's id.
pub type ClaimId = Id<ClaimKind>;

/// Where a claim is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ClaimStatus)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// Waits for a payer who is asked before.
    Draft,
    /// Looked through, and wrong.
    Scrubbed,
    /// Can be submitted.
    Ready,
    /// On its way to the payer.
    Submitted,
    /// The payer has it.
    Acknowledged,
    /// The payer did not take it.
    Rejected,
    /// The payer wants to look closer.
    Pended,
    /// The payer has decided.
    Adjudicated,
    /// The payer was asked to decide again.
    Appealed,
    /// What the payer decided is in the books; something was denied.
    Posted,
    /// Nothing is asked for any more.
    Closed,
    /// Another claim took its place.
    Replaced,
    /// Withdrawn.
    Voided,
}

/// What a payer decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ClaimOutcome)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Outcome {
    /// Nothing was denied.
    Paid,
    /// Some was denied.
    PartiallyPaid,
    /// All was denied.
    Denied,
}

/// Whose fault an adjustment is (X12 claim adjustment group codes).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[schema(as = AdjustmentGroup)]
pub enum Group {
    /// Contractual obligation: the hospital must not ask the patient for it.
    #[serde(rename = "CO")]
    Contractual,
    /// Patient responsibility.
    #[serde(rename = "PR")]
    Patient,
    /// Other, such as what payers before have paid.
    #[serde(rename = "OA")]
    Other,
    /// Initiated by the payer, without a contract for it.
    #[serde(rename = "PI")]
    Payer,
}

/// Why a payer does not pay a part of a line. Minor units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Adjustment {
    /// Whose fault it is.
    pub group: Group,
    /// Claim adjustment reason code (X12 CARC).
    pub reason: String,
    /// How much.
    pub amount: i64,
}

/// What a payer says to a line: it pays `paid`, and the rest of the charge is adjusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LineAnswer {
    /// Which line.
    pub sequence: u16,
    /// What it pays now, in minor units.
    pub paid: i64,
    /// Why not all.
    pub adjustments: Vec<Adjustment>,
}

/// Above what was agreed: not asked of anybody.
const ABOVE_CONTRACT: &str = "45";
/// Paid before by the same payer, when a claim is replaced or appealed.
pub const PAID_BEFORE: &str = "B13";
/// Paid before by another payer.
pub const PRIOR_PAYER: &str = "23";

impl LineAnswer {
    fn sum(&self, which: impl Fn(&Adjustment) -> bool) -> i64 {
        self.adjustments
            .iter()
            .filter(|adjustment| which(adjustment))
            .fold(0, |sum: i64, adjustment| {
                sum.saturating_add(adjustment.amount)
            })
    }

    /// What is left to the patient or the next payer.
    #[must_use]
    pub fn left_over(&self) -> i64 {
        self.sum(|adjustment| adjustment.group == Group::Patient)
    }

    /// What the contract says is not to be asked for.
    #[must_use]
    pub fn written_off(&self) -> i64 {
        self.sum(|a| a.group == Group::Contractual && a.reason == ABOVE_CONTRACT)
    }

    /// Why something is denied: what is neither contractual, nor the patient's, nor
    /// paid before.
    pub fn denials(&self) -> impl Iterator<Item = &Adjustment> {
        self.adjustments.iter().filter(|adjustment| {
            adjustment.amount > 0
                && match adjustment.group {
                    Group::Patient => false,
                    Group::Contractual => adjustment.reason != ABOVE_CONTRACT,
                    Group::Other | Group::Payer => {
                        adjustment.reason != PRIOR_PAYER && adjustment.reason != PAID_BEFORE
                    }
                }
        })
    }

    /// Whether the charge is all accounted for.
    #[must_use]
    pub fn balances(&self, charge: i64) -> bool {
        let adjusted: i128 = self
            .adjustments
            .iter()
            .map(|adjustment| i128::from(adjustment.amount))
            .sum();
        i128::from(self.paid) + adjusted == i128::from(charge)
    }
}

/// What a claim is about, from its beginning on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Facts {
    /// Which.
    pub id: ClaimId,
    /// The first of those that replaced each other.
    pub root: ClaimId,
    /// Which it replaces.
    pub replaces: Option<ClaimId>,
    /// What is invoiced.
    pub invoice: Uuid,
    /// To whom.
    pub patient: PatientId,
    /// Who is asked.
    pub payer: Uuid,
    /// By which plan.
    pub plan: String,
    /// Which version of it.
    pub plan_version: i32,
    /// Under which coverage of the patient.
    pub coverage: Uuid,
    /// 1: who is asked first.
    pub ordinal: u8,
    /// The claim to the payer before, which is answered first.
    pub after: Option<ClaimId>,
    /// Of all amounts.
    pub currency: Currency,
    /// The last day on which the payer takes it.
    pub file_by: Option<Date>,
    /// What was done.
    pub lines: Vec<Line>,
}

/// One service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Line {
    /// Its number.
    pub sequence: u16,
    /// The charge that is invoiced by it.
    pub charge_id: Uuid,
    /// What was done.
    pub code: String,
    /// Which kind of service that is.
    pub category: String,
    /// When.
    pub served_at: Timestamp,
    /// In which visit or stay.
    pub visit: Uuid,
    /// Class of the encounter (v3 `ActCode`).
    pub encounter_class: String,
    /// Network of whoever did it.
    pub network: Option<String>,
    /// How many units.
    pub quantity: u32,
    /// What is charged for all units.
    pub charge: i64,
    /// What was agreed for one unit.
    pub price: Option<i64>,
    /// Why it was done (ICD-10).
    pub diagnosis: Option<String>,
    /// The number under which the payer agreed beforehand.
    pub pre_authorisation: Option<String>,
    /// Where the money is.
    pub position: Position,
}

/// What is corrected in a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Correction {
    /// Which line.
    pub sequence: u16,
    /// Why it was done.
    pub diagnosis: Option<String>,
    /// The number under which the payer agreed.
    pub pre_authorisation: Option<String>,
}

/// How somebody ended a denial that the payer did not take back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = DenialResolution)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Resolution {
    /// Nobody pays.
    WriteOff,
    /// The patient pays.
    Patient,
}

impl Resolution {
    /// Where an amount goes.
    #[must_use]
    pub const fn moves(self, amount: i64) -> Moves {
        let (written_off, left_over) = match self {
            Self::WriteOff => (amount, 0),
            Self::Patient => (0, amount),
        };
        Moves {
            paid: 0,
            left_over,
            written_off,
        }
    }
}

/// What happened to a claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Event {
    /// It began.
    Prepared(Box<Facts>),
    /// The payer before has answered: where the money is now.
    PriorAnswered {
        /// Line by line.
        positions: Vec<(u16, Position)>,
    },
    /// It was looked through.
    Scrubbed {
        /// What was found.
        findings: Vec<Finding>,
    },
    /// Lines were corrected.
    Corrected {
        /// Which, and how.
        lines: Vec<Correction>,
    },
    /// It is to be sent.
    Submitted,
    /// The payer has it.
    Acknowledged,
    /// The payer did not take it.
    Rejected {
        /// Why.
        findings: Vec<Finding>,
    },
    /// The payer wants to look closer.
    Pended,
    /// The payer has decided.
    Adjudicated {
        /// What.
        outcome: Outcome,
        /// Line by line.
        lines: Vec<LineAnswer>,
    },
    /// The payer was asked to decide again.
    Appealed,
    /// It is in the books.
    Posted {
        /// By which remittance.
        remittance: Uuid,
        /// What it said.
        lines: Vec<LineAnswer>,
        /// Where the money is now.
        positions: Vec<(u16, Position)>,
    },
    /// A denial was ended.
    Resolved {
        /// Of which line.
        sequence: u16,
        /// How.
        resolution: Resolution,
        /// What moved.
        moves: Moves,
    },
    /// Another took its place.
    Replaced {
        /// Which.
        by: ClaimId,
    },
    /// It was withdrawn.
    Voided {
        /// Who is asked instead; `None`: another claim is to be prepared.
        resolution: Option<Resolution>,
        /// Where the money is now.
        positions: Vec<(u16, Position)>,
    },
}

impl Outcome {
    /// As stored and sent.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Paid => "PAID",
            Self::PartiallyPaid => "PARTIALLY_PAID",
            Self::Denied => "DENIED",
        }
    }

    /// Reads what [`Outcome::name`] wrote.
    #[must_use]
    pub fn read(name: &str) -> Option<Self> {
        [Self::Paid, Self::PartiallyPaid, Self::Denied]
            .into_iter()
            .find(|outcome| outcome.name() == name)
    }
}

impl Event {
    /// Whether lines are otherwise after it.
    #[must_use]
    pub const fn moves_lines(&self) -> bool {
        matches!(
            self,
            Self::Prepared(_)
                | Self::PriorAnswered { .. }
                | Self::Corrected { .. }
                | Self::Posted { .. }
                | Self::Resolved { .. }
                | Self::Voided { .. }
        )
    }

    /// Its name, as stored.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Prepared(_) => "PREPARED",
            Self::PriorAnswered { .. } => "PRIOR_ANSWERED",
            Self::Scrubbed { .. } => "SCRUBBED",
            Self::Corrected { .. } => "CORRECTED",
            Self::Submitted => "SUBMITTED",
            Self::Acknowledged => "ACKNOWLEDGED",
            Self::Rejected { .. } => "REJECTED",
            Self::Pended => "PENDED",
            Self::Adjudicated { .. } => "ADJUDICATED",
            Self::Appealed => "APPEALED",
            Self::Posted { .. } => "POSTED",
            Self::Resolved { .. } => "RESOLVED",
            Self::Replaced { .. } => "REPLACED",
            Self::Voided { .. } => "VOIDED",
        }
    }
}

/// A claim, as its events made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// What it is about; lines as they are now.
    pub facts: Facts,
    /// Where it is on its way.
    pub status: Status,
    /// What the payer decided last.
    pub outcome: Option<Outcome>,
    /// What it said to each line.
    pub answers: Vec<LineAnswer>,
    /// What was found wrong last.
    pub findings: Vec<Finding>,
    /// When it was prepared.
    pub prepared_at: Timestamp,
    /// When it was submitted first.
    pub submitted_at: Option<Timestamp>,
    /// How often it was submitted or appealed: what makes its reference.
    pub round: u16,
    /// How many events.
    pub version: i64,
}

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
    /// Every status.
    pub const ALL: [Self; 13] = [
        Self::Draft,
        Self::Scrubbed,
        Self::Ready,
        Self::Submitted,
        Self::Acknowledged,
        Self::Rejected,
        Self::Pended,
        Self::Adjudicated,
        Self::Appealed,
        Self::Posted,
        Self::Closed,
        Self::Replaced,
        Self::Voided,
    ];

    /// As stored and sent.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Draft => "DRAFT",
            Self::Scrubbed => "SCRUBBED",
            Self::Ready => "READY",
            Self::Submitted => "SUBMITTED",
            Self::Acknowledged => "ACKNOWLEDGED",
            Self::Rejected => "REJECTED",
            Self::Pended => "PENDED",
            Self::Adjudicated => "ADJUDICATED",
            Self::Appealed => "APPEALED",
            Self::Posted => "POSTED",
            Self::Closed => "CLOSED",
            Self::Replaced => "REPLACED",
            Self::Voided => "VOIDED",
        }
    }

    /// Whether the payer owes an answer.
    #[must_use]
    pub const fn waits(self) -> bool {
        matches!(
            self,
            Self::Submitted | Self::Acknowledged | Self::Pended | Self::Appealed
        )
    }

    /// Whether an event may follow.
    const fn allows(self, event: &Event) -> bool {
        use Status as S;
        match event {
            Event::Prepared(_) => false,
            Event::PriorAnswered { .. } => matches!(self, S::Draft),
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
    /// The first event's claim.
    #[must_use]
    pub fn prepared(facts: Facts, at: Timestamp) -> Self {
        Self {
            facts,
            status: Status::Draft,
            outcome: None,
            answers: Vec::new(),
            findings: Vec::new(),
            prepared_at: at,
            submitted_at: None,
            round: 0,
            version: 1,
        }
    }

    /// Applies an event that was decided. What is stored was decided once, so that
    /// nothing is checked again.
    pub fn apply(&mut self, event: &Event, at: Timestamp) {
        self.version += 1;
        match event {
            Event::Prepared(facts) => self.facts = (**facts).clone(),
            Event::PriorAnswered { positions } => self.place(positions),
            Event::Scrubbed { findings } => {
                self.status = if findings.iter().any(Finding::is_error) {
                    Status::Scrubbed
                } else {
                    Status::Ready
                };
                self.findings.clone_from(findings);
            }
            Event::Corrected { lines } => {
                for correction in lines {
                    self.correct(correction);
                }
            }
            Event::Submitted => {
                self.status = Status::Submitted;
                self.submitted_at = self.submitted_at.or(Some(at));
                self.round += 1;
            }
            Event::Acknowledged => self.status = Status::Acknowledged,
            Event::Rejected { findings } => {
                self.status = Status::Rejected;
                self.findings.clone_from(findings);
            }
            Event::Pended => self.status = Status::Pended,
            Event::Adjudicated { outcome, lines } => {
                self.status = Status::Adjudicated;
                self.outcome = Some(*outcome);
                self.answers.clone_from(lines);
            }
            Event::Appealed => {
                self.status = Status::Appealed;
                self.round += 1;
            }
            Event::Posted {
                lines, positions, ..
            } => {
                self.answers.clone_from(lines);
                self.place(positions);
                self.settle();
            }
            Event::Resolved {
                sequence, moves, ..
            } => {
                let line = self
                    .facts
                    .lines
                    .iter_mut()
                    .find(|l| l.sequence == *sequence);
                if let Some(line) = line
                    && let Ok(after) = line.position.moved(*moves)
                {
                    line.position = after;
                }
                self.settle();
            }
            Event::Replaced { .. } => self.status = Status::Replaced,
            Event::Voided { positions, .. } => {
                self.place(positions);
                self.status = Status::Voided;
            }
        }
    }

    fn place(&mut self, positions: &[(u16, Position)]) {
        for (sequence, position) in positions {
            if let Some(line) = self
                .facts
                .lines
                .iter_mut()
                .find(|l| l.sequence == *sequence)
            {
                line.position = *position;
            }
        }
    }

    fn correct(&mut self, correction: &Correction) {
        let line = self
            .facts
            .lines
            .iter_mut()
            .find(|line| line.sequence == correction.sequence);
        if let Some(line) = line {
            if correction.diagnosis.is_some() {
                line.diagnosis.clone_from(&correction.diagnosis);
            }
            if correction.pre_authorisation.is_some() {
                line.pre_authorisation
                    .clone_from(&correction.pre_authorisation);
            }
        }
    }

    fn settle(&mut self) {
        self.status = if self.outstanding() == 0 {
            Status::Closed
        } else {
            Status::Posted
        };
    }

    /// A line by its number.
    ///
    /// # Errors
    /// [`Refused::Line`].
    pub fn line(&self, sequence: u16) -> Result<&Line, Refused> {
        self.facts
            .lines
            .iter()
            .find(|line| line.sequence == sequence)
            .ok_or(Refused::Line(sequence))
    }

    /// What is still asked of the payer.
    #[must_use]
    pub fn outstanding(&self) -> i64 {
        self.facts
            .lines
            .iter()
            .map(|l| l.position.outstanding)
            .sum()
    }

    /// What the payer has paid.
    #[must_use]
    pub fn received(&self) -> i64 {
        self.facts.lines.iter().map(|l| l.position.received).sum()
    }

    /// What was charged.
    #[must_use]
    pub fn charged(&self) -> i64 {
        self.facts.lines.iter().map(|l| l.charge).sum()
    }

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
            let (after, _) = self
                .line(answer.sequence)?
                .position
                .answered(answer.paid, answer.left_over(), answer.written_off())
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

    /// The payer before has left so much of each line, all in all.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn prior_answered(&self, left: &[(u16, i64)]) -> Result<Event, Refused> {
        let mut positions = Vec::with_capacity(left.len());
        for (sequence, left) in left {
            let line = self.line(*sequence)?;
            let expected = line.charge - line.position.prior;
            let after = line.position.left_by_prior(left - expected);
            positions.push((*sequence, after));
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

    /// What the payer calls it: the claim, and how often it was sent.
    #[must_use]
    pub fn reference(&self) -> String {
        format!("{}-{}", self.facts.id, self.round)
    }

    /// What sort of claim it is (X12 claim frequency code).
    #[must_use]
    pub const fn frequency(&self) -> u8 {
        if self.facts.replaces.is_some() { 7 } else { 1 }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
            _ => return claim.prior_answered(&[(1, left), (2, 0)]),
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
                prop_assert!(!matches!(before.status, Status::Closed | Status::Replaced | Status::Voided));
                prop_assert_eq!(claim.status == Status::Closed, matches!(before.status, Status::Adjudicated | Status::Posted)
                    && claim.outstanding() == 0 && matches!(claim.status, Status::Closed));
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
